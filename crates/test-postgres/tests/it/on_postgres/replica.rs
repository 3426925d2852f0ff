//! A replica follows a cluster and takes over.

use std::thread;

use lastseen_test_postgres::{Cluster, Options};

fn start() -> Cluster {
    Cluster::start(Options::default()).expect("a cluster")
}

fn psql(cluster: &Cluster, sql: &str) -> String {
    cluster.psql("postgres", sql).expect(sql)
}

#[test]
fn what_a_synchronous_primary_committed_is_there_after_the_failover() {
    let primary = start();
    psql(&primary, "CREATE TABLE notes (note int)");
    let replica = primary.replica().expect("a replica");
    primary.make_synchronous().expect("synchronous");
    assert_eq!(psql(&replica, "SELECT pg_is_in_recovery()"), "t");
    for note in 1..=20 {
        psql(&primary, &format!("INSERT INTO notes VALUES ({note})"));
    }

    primary.kill().expect("killed");
    replica.promote().expect("promoted");
    assert_eq!(psql(&replica, "SELECT count(*) FROM notes"), "20");
    // It waits for nobody.
    psql(&replica, "INSERT INTO notes VALUES (21)");
    assert_eq!(psql(&replica, "SHOW synchronous_standby_names"), "");
}

#[test]
fn a_replica_of_a_synchronous_primary_waits_for_nobody_once_it_is_promoted() {
    let primary = start();
    let first = primary.replica().expect("a replica");
    primary.make_synchronous().expect("synchronous");
    // This one is copied with the wish for a standby in its settings.
    let second = primary.replica().expect("another replica");
    drop((primary, first));
    second.promote().expect("promoted");
    psql(&second, "CREATE TABLE notes (note int)");
    second.stop(lastseen_test_postgres::Mode::Fast).expect("stopped");
    second.start_again().expect("started");
    psql(&second, "INSERT INTO notes VALUES (1)");
}

#[test]
fn a_commit_of_a_synchronous_primary_waits_for_its_replica() {
    // A look at a server takes some milliseconds.
    const LOOKS: usize = 1000;
    let primary = start();
    psql(&primary, "CREATE TABLE notes (note int)");
    let replica = primary.replica().expect("a replica");
    primary.make_synchronous().expect("synchronous");
    replica.kill().expect("killed");

    thread::scope(|scope| {
        let commit = scope.spawn(|| psql(&primary, "INSERT INTO notes VALUES (1)"));
        // It is in the commit, and stays there until the replica is back.
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        assert!((0..LOOKS).any(|_| psql(&primary, waiting) == "1"), "nothing waits");
        assert!(!commit.is_finished());
        assert_eq!(psql(&primary, "SELECT count(*) FROM notes"), "0");
        replica.start_again().expect("started");
        commit.join().expect("committed");
    });
    assert_eq!(psql(&primary, "SELECT count(*) FROM notes"), "1");
}

#[test]
fn a_primary_without_a_replica_does_not_become_synchronous_and_is_not_stuck() {
    let primary = start();
    assert!(primary.promote().is_err(), "it is no replica");
    assert!(primary.make_synchronous().is_err(), "nobody follows");
    psql(&primary, "CREATE TABLE notes (note int)");
}
