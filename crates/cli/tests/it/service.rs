//! The service over a real socket: what is asked for by HTTP happens, on each store.

use std::io::BufReader;

use serde_json::json;

use crate::http::{read_chunk, read_head, send};
use crate::served::{Served, token};
use crate::support::{CONFIGURATION, World, code, contains, text};

fn known(world: &World) {
    for tenant in world.simulator.tenants() {
        assert_eq!(code(&world.run(&["tenant", "add", &tenant.tenant_id.to_string()])), 0);
    }
}

fn body() -> String {
    json!({ "selection": { "categories": [], "policy_types": [CONFIGURATION] } }).to_string()
}

/// Asks for a run under a key.
fn start(served: &Served, token: &str, tenant: &str, key: &str) -> crate::http::Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", key)];
    let path = format!("/v1/tenants/{tenant}/runs");
    crate::http::ask(served.address.expect("it answers"), "POST", &path, &headers, &body()).expect("an answer")
}

/// Follows a run's events to the last.
fn follow(served: &Served, token: &str, tenant: &str, run: &str) -> String {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("accept", "text/event-stream")];
    let path = format!("/v1/tenants/{tenant}/runs/{run}/events");
    let stream = send(served.address.expect("it answers"), "GET", &path, &headers, "").expect("a stream");
    let mut stream = BufReader::new(stream);
    let (status, _) = read_head(&mut stream).expect("a head");
    assert_eq!(status, 200);
    let mut told = Vec::new();
    while let Some(chunk) = read_chunk(&mut stream).expect("whole to its end") {
        told.extend(chunk);
    }
    text(&told)
}

fn a_run_from_its_start_to_the_difference(world: &World) {
    known(world);
    let tenant = world.tenant().to_string();
    let operator = token(world, "operator", Some(&tenant));
    let served = Served::answering(world, &["--poll-every", "1s"]);
    let items = format!("/v1/tenants/{tenant}/items");

    let first = start(&served, &operator, &tenant, "first");
    assert_eq!(first.status, 201, "{}", text(&first.body));
    let run = first.json();
    let id = run["run_id"].as_str().expect("an id");
    assert!(first.header("location").is_some_and(|location| location.ends_with(id)), "{first:?}");
    let again = start(&served, &operator, &tenant, "first");
    assert_eq!((again.status, &again.json()["run_id"]), (200, &run["run_id"]), "one key, one run");
    let events = follow(&served, &operator, &tenant, id);
    assert!(events.contains("event: end") && events.contains("\"status\":\"success\""), "{events}");

    let seen = served.get(&operator, &items);
    let gone = seen["items"][0].clone();
    assert_eq!(seen["items"].as_array().map(Vec::len), Some(6));
    world.remove(&gone);
    let second = start(&served, &operator, &tenant, "second").json();
    follow(&served, &operator, &tenant, second["run_id"].as_str().expect("an id"));

    let missing = served.get(&operator, &format!("/v1/tenants/{tenant}/missing?selection_type={CONFIGURATION}"));
    let rows = missing["missing"].as_array().expect("rows");
    assert_eq!((rows.len(), &rows[0]["external_id"], &rows[0]["confidence"]), (1, &gone["external_id"], &json!("high")));
    let older = run["run_id"].as_str().expect("an id");
    let newer = second["run_id"].as_str().expect("an id");
    let diff = served.get(&operator, &format!("/v1/tenants/{tenant}/diff?older={older}&newer={newer}"));
    assert_eq!((&diff["counts"]["gone"], &diff["changes"][0]["external_id"]), (&json!(1), &gone["external_id"]));
    let (_, told) = world.json(&["diff", older, newer]);
    assert_eq!(told["changes"], diff["changes"], "the command line says the same");
    let (_, status) = world.json(&["status"]);
    assert_eq!(status["counts"], served.get(&operator, "/v1/status")["counts"]);

    served.signal("-TERM");
    let (exit, said) = served.ended();
    assert_eq!(exit, Some(0), "{said}");
}

#[test]
fn a_run_is_started_followed_and_compared_over_http() {
    a_run_from_its_start_to_the_difference(&World::new(1, 6));
}

/// Two tenants that have an item of the same type under the same id.
fn twins(world: &World) -> (String, String) {
    known(world);
    let tenants: Vec<String> = world.simulator.tenants().iter().map(|tenant| tenant.tenant_id.to_string()).collect();
    let key = CONFIGURATION.parse().expect("a key");
    for tenant in world.simulator.tenants() {
        let id = tenant.tenant_id;
        world.simulator.world().insert(id, &key, "twin", Some(&format!("secret of {id}"))).expect("it is new");
        let synced = world.run(&["sync", "--tenant", &id.to_string(), "--types", CONFIGURATION]);
        assert_eq!(code(&synced), 0, "{}", text(&synced.stderr));
    }
    (tenants[0].clone(), tenants[1].clone())
}

fn i21_no_answer_shows_the_other_tenant(world: &World) {
    let (own, foreign) = twins(world);
    let operator = token(world, "admin", Some(&own));
    let served = Served::answering(world, &["--role", "api"]);
    let (_, runs) = world.json(&["runs", "--tenant", &foreign]);
    let run = runs["runs"][0]["run_id"].as_str().expect("an id");
    let hash = runs["runs"][0]["selection_hash"].as_str().expect("a hash");
    let secret = format!("secret of {foreign}");
    for path in ["items", "runs", "selections", "coverage", "missing", ""] {
        let nowhere = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10";
        let of = |tenant: &str| served.ask(&operator, "GET", format!("/v1/tenants/{tenant}/{path}").trim_end_matches('/'), "");
        let (theirs, nobodys) = (of(&foreign), of(nowhere));
        assert_eq!((theirs.status, nobodys.status), (404, 404), "{path}");
        assert_eq!(text(&theirs.body), text(&nobodys.body), "{path}: it answers as if there were none");
    }
    for path in [
        format!("/v1/tenants/{own}/items/{CONFIGURATION}/twin"),
        format!("/v1/tenants/{own}/items?search=secret"),
        format!("/v1/tenants/{own}/runs"),
        format!("/v1/tenants/{own}/missing?selection={hash}"),
        "/v1/tenants".to_owned(),
        "/v1/status".to_owned(),
        "/v1/whoami".to_owned(),
    ] {
        let answer = served.ask(&operator, "GET", &path, "");
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer.body));
        for canary in [&secret, &foreign, &run.to_owned()] {
            assert!(!contains(&answer.body, canary), "{path} shows {canary}");
        }
    }
    assert!(contains(
        &served.ask(&operator, "GET", &format!("/v1/tenants/{own}/items/{CONFIGURATION}/twin"), "").body,
        &format!("secret of {own}")
    ));
    let borrowed = served.ask(&operator, "GET", &format!("/v1/tenants/{own}/runs/{run}"), "");
    assert_eq!(borrowed.status, 404, "a run of the other under the own tenant");
    served.signal("-TERM");
    assert_eq!(served.ended().0, Some(0));
}

#[test]
fn i21_the_same_id_in_two_tenants_and_a_token_of_one_never_shows_the_other() {
    i21_no_answer_shows_the_other_tenant(&World::new(2, 3));
}

#[test]
fn i17_neither_token_nor_credential_nor_what_graph_holds_beside_is_in_any_answer_log_or_file() {
    let world = World::new(1, 4);
    known(&world);
    let tenant = world.tenant().to_string();
    let admin = token(&world, "admin", None);
    let served = Served::answering(&world, &["--poll-every", "1s", "--log", "trace"]);
    let run = start(&served, &admin, &tenant, "canary-key").json();
    let events = follow(&served, &admin, &tenant, run["run_id"].as_str().expect("an id"));
    let mut answers = vec![events];
    for path in ["/v1/tokens", "/v1/tenants", "/v1/whoami", "/v1/status", "/openapi.json", "/readyz"] {
        answers.push(text(&served.ask(&admin, "GET", path, "").body));
    }
    for path in ["", "/items", "/runs", "/selections", "/coverage"] {
        answers.push(text(&served.ask(&admin, "GET", &format!("/v1/tenants/{tenant}{path}"), "").body));
    }
    let wrong = "lastseen_canary4711canary4711canary4711canary4711can";
    answers.push(text(&served.ask(wrong, "GET", "/v1/tenants", "").body));
    served.signal("-TERM");
    let (exit, said) = served.ended();
    assert_eq!(exit, Some(0));
    assert!(said.contains(" TRACE ") && said.contains("answered"), "it logged at trace: {said}");
    let canaries = [admin.as_str(), wrong, world.config.client_secret.as_str(), "canary4711"];
    for canary in canaries {
        for answer in &answers {
            assert!(!answer.contains(canary), "{canary} in {answer}");
        }
        assert!(!said.contains(canary), "{canary} in the log");
        assert!(!contains(&world.disk(), canary), "{canary} on disk");
    }
    for canary in lastseen_simulator::CANARIES {
        assert!(!said.contains(canary) && !answers.iter().any(|answer| answer.contains(canary)), "{canary}");
    }
}

#[test]
fn who_only_answers_needs_no_credential_and_says_how_to_get_in() {
    let world = World::new(1, 1);
    std::fs::write(world.folder.path().join("none.toml"), "").expect("written");
    let mut served = Served::answering(&world, &["--role", "api"]);
    served.hear("no token was made yet");
    let refused = crate::http::ask(served.address.expect("it answers"), "GET", "/v1/tenants", &[], "").expect("an answer");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
    let ready = crate::http::ask(served.address.expect("it answers"), "GET", "/readyz", &[], "").expect("an answer");
    assert_eq!(ready.status, 200);
    served.signal("-TERM");
    assert_eq!(served.ended().0, Some(0));
}

#[test]
fn beyond_this_machine_it_listens_only_with_tls_or_with_the_word_for_it() {
    let world = World::new(1, 1);
    let refused = world.run(&["serve", "--listen", "0.0.0.0:0"]);
    let said = text(&refused.stderr);
    assert_eq!(code(&refused), 2);
    assert!(said.contains("--tls-certificate") && said.contains("--plain-http"), "{said}");
    assert!(!world.database().exists(), "it was found out before anything was made");
    let served = Served::start(&world, &["--role", "api", "--listen", "0.0.0.0:0", "--plain-http"]);
    let mut served = served;
    served.hear("answering the API");
    served.signal("-TERM");
    assert_eq!(served.ended().0, Some(0));
}

/// What became of a request that was sent while the server was told to end.
enum Fate {
    /// A whole answer.
    Answered(crate::http::Answer),
    /// Nobody took the connection, or not a byte came: it was never begun.
    NotTaken,
}

fn fate(asked: std::io::Result<std::net::TcpStream>) -> Fate {
    let Ok(connection) = asked else { return Fate::NotTaken };
    let mut reader = BufReader::new(connection);
    match std::io::BufRead::fill_buf(&mut reader) {
        Ok(begun) if !begun.is_empty() => Fate::Answered(crate::http::read(&mut reader).expect("an answer that was begun is whole")),
        _ => Fate::NotTaken,
    }
}

fn sigterm_under_load_loses_no_accepted_request(world: &World) {
    const CLIENTS: usize = 8;
    known(world);
    let tenant = world.tenant().to_string();
    let operator = token(world, "operator", None);
    let served = Served::answering(world, &["--role", "api"]);
    let address = served.address.expect("it answers");
    let under_way = std::sync::Barrier::new(CLIENTS + 1);
    let (runs, told) = std::thread::scope(|scope| {
        let client = |number: usize| {
            let (under_way, operator, tenant) = (&under_way, &operator, &tenant);
            scope.spawn(move || {
                let bearer = format!("Bearer {operator}");
                let (mut runs, mut told) = (Vec::new(), false);
                for turn in 0.. {
                    if turn == 5 {
                        under_way.wait();
                    }
                    let key = format!("{number}-{turn}");
                    let headers =
                        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", key.as_str())];
                    let asked = match (number + turn) % 2 {
                        0 => send(address, "GET", &format!("/v1/tenants/{tenant}/runs"), &headers, ""),
                        _ => send(address, "POST", &format!("/v1/tenants/{tenant}/runs"), &headers, &body()),
                    };
                    match fate(asked) {
                        Fate::Answered(answer) => {
                            assert!([200, 201, 409, 503].contains(&answer.status), "{}", text(&answer.body));
                            told |= turn > 5;
                            runs.extend(answer.json().get("run_id").and_then(|id| id.as_str().map(str::to_owned)));
                        }
                        Fate::NotTaken if turn > 5 => return (runs, told),
                        Fate::NotTaken => panic!("not before it was told to end"),
                    }
                }
                unreachable!("it ends");
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        under_way.wait();
        served.signal("-TERM");
        let ended = clients.into_iter().map(|client| client.join().expect("no answer was lost"));
        ended.fold((Vec::new(), false), |(mut runs, told), (more, was_told)| {
            runs.extend(more);
            (runs, told | was_told)
        })
    });
    let (exit, said) = served.ended();
    assert_eq!(exit, Some(0), "{said}");
    assert!(!said.contains("cut "), "{said}");
    assert!(told && !runs.is_empty(), "it was under load");
    let (_, kept) = world.json(&["runs", "--tenant", &tenant, "--limit", "1000"]);
    let kept: Vec<&str> = kept["runs"].as_array().expect("runs").iter().filter_map(|run| run["run_id"].as_str()).collect();
    for run in &runs {
        assert!(kept.contains(&run.as_str()), "{run} was answered, and is not there");
    }
}

#[test]
fn sigterm_under_load_loses_no_request_that_was_accepted() {
    sigterm_under_load_loses_no_accepted_request(&World::new(1, 1));
}

mod on_postgres {
    use std::thread;

    use lastseen_simulator::{Fault, FaultAction};
    use lastseen_test_postgres::{APP_ROLE, SUPERUSER, psql};

    use super::*;

    #[test]
    fn while_every_connection_of_the_api_is_held_a_run_of_the_same_process_renews_its_lease() {
        let world = World::on_postgres(1, 1);
        let config = "database_connections = 1\n[run]\nlease = \"10s\"\nrenew_every = \"1s\"\n";
        std::fs::write(world.folder.path().join("lastseen.toml"), config).expect("written");
        known(&world);
        let tenant = world.tenant().to_string();
        let operator = token(&world, "operator", None);
        world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(CONFIGURATION)));
        let mut served = Served::answering(&world, &["--poll-every", "1s"]);
        assert_eq!(start(&served, &operator, &tenant, "held").status, 201);
        world.wait_until_asked(&World::path(CONFIGURATION), 0);

        let superuser = world.database_url().replace(APP_ROLE, SUPERUSER);
        let say = |sql: &str| psql(&superuser, sql).expect("an answer");
        let lease = || {
            let told = say("SELECT status, lease_until FROM sync_runs");
            assert!(told.starts_with("running|"), "the run was lost: {told}");
            told
        };
        thread::scope(|scope| {
            // Whoever asks needs this table; whoever works does not.
            let held = scope.spawn(|| psql(&superuser, "BEGIN; LOCK TABLE api_tokens IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)"));
            let address = served.address.expect("it answers");
            let bearer = format!("Bearer {operator}");
            let headers = [("authorization", bearer.as_str())];
            let asking: Vec<_> = (0..16).map(|_| send(address, "GET", "/v1/whoami", &headers, "").expect("taken")).collect();
            let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
                           WHERE l.relation = 'api_tokens'::regclass AND NOT l.granted AND l.mode <> 'AccessExclusiveLock'";
            while say(waiting) == "0" {
                thread::yield_now();
            }
            // Longer than a lease: it is renewed again and again.
            let mut before = lease();
            for _ in 0..12 {
                while lease() == before {
                    thread::yield_now();
                }
                before = lease();
            }
            say("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
            held.join().expect("no panic").expect_err("it was ended");
            drop(asking);
        });
        served.signal("-TERM");
        served.hear("waiting for 1 run to end");
        served.signal("-TERM");
        assert_eq!(served.ended().0, Some(0));
    }

    #[test]
    fn a_run_is_started_followed_and_compared_over_http() {
        a_run_from_its_start_to_the_difference(&World::on_postgres(1, 6));
    }

    #[test]
    fn i21_the_same_id_in_two_tenants_and_a_token_of_one_never_shows_the_other() {
        i21_no_answer_shows_the_other_tenant(&World::on_postgres(2, 3));
    }

    #[test]
    fn sigterm_under_load_loses_no_request_that_was_accepted() {
        sigterm_under_load_loses_no_accepted_request(&World::on_postgres(1, 1));
    }
}
