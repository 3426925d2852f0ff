//! The proxy between a client and a cluster.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

use lastseen_test_postgres::{Cluster, Options, Proxy, SUPERUSER, Verdict, psql};

const COMMIT: &str = "BEGIN; INSERT INTO notes VALUES (1); COMMIT;";

fn cluster_with_notes() -> Cluster {
    let cluster = Cluster::start(Options::default()).expect("a cluster");
    cluster.psql("postgres", "CREATE TABLE notes (note int)").expect("a table");
    cluster
}

fn url(proxy: &Proxy) -> String {
    proxy.url(SUPERUSER, "postgres")
}

/// How many rows the cluster holds, asked past the proxy.
fn notes(cluster: &Cluster) -> String {
    cluster.psql("postgres", "SELECT count(*) FROM notes").expect("a number")
}

#[test]
fn everything_passes_unchanged_and_is_seen_on_its_way() {
    let cluster = cluster_with_notes();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let proxy = Proxy::start_with(cluster.address(), {
        let seen = Arc::clone(&seen);
        move |message| {
            seen.lock().expect("no panic").push((message.connection(), message.kind(), message.query().map(str::to_owned)));
            Verdict::Forward
        }
    })
    .expect("a proxy");

    let long = "ä".repeat(1_000_000);
    assert_eq!(psql(&url(&proxy), &format!("SELECT '{long}'")).expect("an answer"), long);
    psql(&url(&proxy), "SELECT 1").expect("an answer");

    let seen = seen.lock().expect("no panic");
    let queries: Vec<_> = seen.iter().filter(|(_, kind, _)| *kind == 'Q').collect();
    let query = |at: usize| queries[at].2.as_deref().expect("a statement");
    assert_eq!((queries.len(), queries[0].0, queries[1].0), (2, 1, 2));
    assert_eq!((query(0).len(), query(1)), (long.len() + "SELECT ''".len(), "SELECT 1"));
}

#[test]
fn a_held_message_arrives_when_it_is_released() {
    let cluster = cluster_with_notes();
    let (holding, held) = mpsc::channel();
    let proxy = Proxy::start_with(cluster.address(), move |message| {
        if message.query() == Some("COMMIT;") {
            holding.send(()).expect("the test waits");
            return Verdict::Hold;
        }
        Verdict::Forward
    })
    .expect("a proxy");

    thread::scope(|scope| {
        let client = scope.spawn(|| psql(&url(&proxy), COMMIT));
        held.recv().expect("it is held");
        assert_eq!(notes(&cluster), "0");
        proxy.release();
        client.join().expect("no panic").expect("committed");
    });
    assert_eq!(notes(&cluster), "1");
}

#[test]
fn a_message_that_is_cut_never_arrives_and_neither_does_a_held_one_after_a_cut() {
    let cluster = cluster_with_notes();
    for verdict in [Verdict::Cut, Verdict::Hold] {
        let (holding, held) = mpsc::channel();
        let proxy = Proxy::start_with(cluster.address(), move |message| {
            if message.query() == Some("COMMIT;") {
                holding.send(()).expect("the test waits");
                return verdict;
            }
            Verdict::Forward
        })
        .expect("a proxy");
        thread::scope(|scope| {
            let client = scope.spawn(|| psql(&url(&proxy), COMMIT));
            held.recv().expect("it is on its way");
            if verdict == Verdict::Hold {
                proxy.cut();
                // Too late.
                proxy.release();
            }
            client.join().expect("no panic").expect_err("the connection is gone");
        });
        assert_eq!(notes(&cluster), "0");
        assert_eq!(psql(&url(&proxy), "SELECT 1").expect("a new connection is welcome"), "1");
    }
}

#[test]
fn a_client_that_dies_while_its_commit_is_on_the_way_has_committed() {
    let cluster = cluster_with_notes();
    let client = Arc::new(Mutex::new(None::<std::process::Child>));
    let (killing, killed) = mpsc::channel();
    let proxy = Proxy::start_with(cluster.address(), {
        let client = Arc::clone(&client);
        move |message| {
            if message.query().is_some_and(|query| query.contains("COMMIT")) {
                let mut client = client.lock().expect("no panic").take().expect("a client");
                client.kill().expect("killed");
                client.wait().expect("ended");
                killing.send(()).expect("the test waits");
            }
            Verdict::Forward
        }
    })
    .expect("a proxy");
    {
        // Held until the client is in its place: it is asked for as soon as it speaks.
        let mut place = client.lock().expect("no panic");
        let mut command = std::process::Command::new("psql");
        *place = Some(command.args(["--no-psqlrc", "--quiet", &url(&proxy), "--command", COMMIT]).spawn().expect("psql"));
    }
    killed.recv().expect("it was killed");
    assert!((0..1000).any(|_| notes(&cluster) == "1"), "the server got it");
}

#[test]
fn a_client_that_gets_no_answer_to_its_commit_has_committed_and_can_not_know() {
    let cluster = cluster_with_notes();
    let proxy = Proxy::start_with(cluster.address(), |message| {
        if message.query().is_some_and(|query| query.contains("COMMIT")) { Verdict::Unanswered } else { Verdict::Forward }
    })
    .expect("a proxy");
    psql(&url(&proxy), COMMIT).expect_err("the connection is gone");
    assert!((0..1000).any(|_| notes(&cluster) == "1"), "the server got it");
    assert_eq!(psql(&url(&proxy), "SELECT 1").expect("a new connection is welcome"), "1");
}

#[test]
fn connections_are_cut_and_new_ones_go_where_the_proxy_points() {
    let (first, second) = (cluster_with_notes(), cluster_with_notes());
    let port = |cluster: &Cluster| cluster.port().to_string();
    let proxy = Proxy::start(first.address()).expect("a proxy");
    assert_eq!(psql(&url(&proxy), "SHOW port").expect("an answer"), port(&first));

    thread::scope(|scope| {
        let sleeper = scope.spawn(|| psql(&url(&proxy), "SELECT pg_sleep(600)"));
        let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        assert!((0..1000).any(|_| first.psql("postgres", asleep).expect("a number") == "1"), "it does not sleep");
        proxy.repoint(second.address());
        sleeper.join().expect("no panic").expect_err("the connection is gone");
    });
    assert_eq!(psql(&url(&proxy), "SHOW port").expect("an answer"), port(&second));
}

#[test]
fn a_server_that_is_down_ends_the_connection_and_is_reached_again_when_it_is_back() {
    let cluster = cluster_with_notes();
    let proxy = Proxy::start(cluster.address()).expect("a proxy");
    cluster.kill().expect("killed");
    psql(&url(&proxy), "SELECT 1").expect_err("there is no server");
    cluster.start_again().expect("started");
    assert_eq!(psql(&url(&proxy), "SELECT 1").expect("an answer"), "1");
}
