//! Bad input and bad days: each a clear message and the right exit code, and nothing half written.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use lastseen_simulator::{Fault, FaultAction, FaultScript};
use rstest::rstest;
use serde_json::json;

use crate::support::{COMPLIANCE, CONFIGURATION, World, code, contains, text};

#[rstest]
#[case::tenant_name(&["sync", "--tenant", "contoso.onmicrosoft.com"], "the tenant id must be a GUID")]
#[case::unknown_type(&["sync", "--tenant", "@", "--types", "deviceConfigurations"], "did you mean `deviceConfiguration`?")]
#[case::unknown_category(&["sync", "--tenant", "@", "--categories", "Complianze"], "did you mean `Compliance`?")]
#[case::unknown_command(&["snyc"], "sync")]
#[case::unknown_flag(&["missing", "--confident", "high"], "--confidence")]
#[case::bad_cursor(&["items", "--cursor", "nonsense"], "--cursor")]
#[case::bad_time(&["items", "--not-seen-since", "yesterday"], "`yesterday` is none")]
#[case::bad_confidence(&["missing", "--confidence", "certain"], "--confidence")]
#[case::bad_limit(&["items", "--limit", "0"], "--limit")]
#[case::bad_hash(&["missing", "--selection", "abc"], "64 lowercase hexadecimal digits")]
#[case::other_database(&["items", "--database", "mysql://localhost/lastseen"], "unknown kind of database `mysql`")]
#[case::no_port(&["items", "--database", "postgres://app@localhost:port/lastseen"], "no address such as postgres://")]
#[case::misspelt_option(&["items", "--database", "postgres://app@localhost/lastseen?sslmod=require"], "`sslmod`")]
#[case::no_slot(&["serve", "--runs-at-once", "0"], "--runs-at-once must be between 1 and 64")]
#[case::no_length(&["serve", "--drain-for", "soon"], "--drain-for")]
#[case::a_workers_address(&["serve", "--role", "worker", "--listen", "127.0.0.1:0"], "--listen has no say in this role")]
#[case::a_workers_proxy(&["serve", "--role", "worker", "--plain-http"], "--plain-http has no say in this role")]
#[case::an_apis_runs(&["serve", "--role", "api", "--runs-at-once", "2"], "--runs-at-once has no say in this role")]
#[case::no_address(&["serve", "--listen", "example.com:8480"], "such as 127.0.0.1:8480")]
#[case::too_short_a_life(&["token", "create", "--name", "x", "--role", "reader", "--all-tenants", "--expires-in", "10s"], "make it longer")]
#[case::too_long_a_life(&["token", "create", "--name", "x", "--role", "reader", "--all-tenants", "--expires-in", "731d"], "make it shorter")]
#[case::one_tenants_worker(&["serve", "--tenant", "@"], "--tenant has no say")]
#[case::no_waiting_in_the_queue(&["sync", "--queue", "--tenant", "@", "--on-limit", "wait"], "--on-limit")]
#[case::bad_log(&["types", "--log", "=="], "--log")]
#[case::the_drivers_log(&["types", "--log", "sqlx_postgres=warn"], "foreign texts")]
#[case::the_drivers_statements(&["sync", "--tenant", "@", "--log", "info,sqlx::query=trace"], "foreign texts")]
fn bad_input_is_refused_with_its_name_and_exit_code_2(#[case] words: &[&str], #[case] message: &str) {
    let world = World::new(1, 1);
    let tenant = world.tenant().to_string();
    let words: Vec<&str> = words.iter().map(|word| if *word == "@" { tenant.as_str() } else { *word }).collect();
    let output = world.run(&words);
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    assert!(!world.database().exists(), "nothing was made");
    assert!(world.simulator.requests().is_empty(), "nothing was asked");
}

#[test]
fn plain_http_and_configured_tls_contradict_each_other() {
    let world = World::new(1, 1);
    let config = world.folder.path().join("mine.toml");
    std::fs::write(&config, "[api]\ntls_certificate = 'a.pem'\ntls_key = 'b.pem'\n").expect("written");
    let config = config.to_str().expect("a path").to_owned();
    let output = world.run(&["serve", "--role", "api", "--plain-http", "--config", &config]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("--plain-http contradicts api.tls_certificate"), "{}", text(&output.stderr));
}

#[test]
fn a_question_before_the_first_sync_says_how_to_sync() {
    let world = World::new(1, 1);
    for words in [&["missing"][..], &["items"], &["runs"], &["selections"], &["explain", CONFIGURATION, "x"]] {
        let output = world.run(words);
        assert_eq!(code(&output), 2);
        assert!(text(&output.stderr).contains("lastseen sync --tenant"), "{}", text(&output.stderr));
    }
    assert!(!world.database().exists());
}

#[test]
fn a_sync_without_a_credential_makes_no_run() {
    let world = World::new(1, 1);
    let tenant = world.tenant().to_string();
    let output = world.command(&["sync", "--tenant", &tenant]).env_remove("LASTSEEN_CLIENT_SECRET").output().expect("runs");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("LASTSEEN_CLIENT_SECRET_FILE"), "{}", text(&output.stderr));
    assert!(!world.database().exists());
}

#[test]
fn a_secret_may_come_from_a_file() {
    let world = World::new(1, 2);
    let file = world.folder.path().join("secret");
    std::fs::write(&file, format!("{}\n", world.config.client_secret)).expect("written");
    let tenant = world.tenant().to_string();
    let mut command = world.command(&["sync", "--tenant", &tenant, "--types", CONFIGURATION]);
    let output = command.env_remove("LASTSEEN_CLIENT_SECRET").env("LASTSEEN_CLIENT_SECRET_FILE", &file).output().expect("runs");
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}

#[test]
fn an_origin_over_plain_http_is_refused_beyond_this_machine() {
    let world = World::new(1, 1);
    let tenant = world.tenant().to_string();
    for variable in ["LASTSEEN_AUTHORITY", "LASTSEEN_GRAPH_ENDPOINT"] {
        let output = world.command(&["sync", "--tenant", &tenant]).env(variable, "http://graph.example").output().expect("runs");
        assert_eq!(code(&output), 2);
        assert!(text(&output.stderr).contains(variable), "{}", text(&output.stderr));
    }
}

#[test]
fn an_unknown_key_of_the_configuration_is_refused_by_name() {
    let world = World::new(1, 1);
    std::fs::write(world.folder.path().join("lastseen.toml"), "[graph]\nrequest_timout = '5s'\n").expect("written");
    let output = world.run(&["runs"]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("request_timout"), "{}", text(&output.stderr));
}

#[test]
fn a_wrong_secret_fails_the_run_and_says_what_to_do() {
    let world = World::new(1, 1);
    let tenant = world.tenant().to_string();
    let output = world
        .command(&["sync", "--tenant", &tenant, "--log", "trace"])
        .env("LASTSEEN_CLIENT_SECRET", "canary-of-a-wrong-secret")
        .output()
        .expect("runs");
    assert_eq!(code(&output), 1);
    let seen = text(&output.stdout);
    assert!(seen.contains("AADSTS7000215") && seen.contains("next"), "{seen}");
    for place in [&output.stdout, &output.stderr, &world.disk()] {
        assert!(!contains(place, "canary-of-a-wrong-secret"), "i17");
    }
}

#[test]
fn an_unreachable_graph_fails_the_run_and_says_where_to_look() {
    let world = World::new(1, 1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    std::fs::write(world.folder.path().join("lastseen.toml"), "[graph]\nretry_tries = 1\n").expect("written");
    let tenant = world.tenant().to_string();
    let output = world.command(&["sync", "--tenant", &tenant]).env("LASTSEEN_AUTHORITY", nowhere).output().expect("runs");
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("LASTSEEN_AUTHORITY"), "{}", text(&output.stdout));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let world = World::new(1, 1);
    world.sync(&[CONFIGURATION]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite:{}", world.database().display())).await.expect("opens");
        sqlx::raw_sql("PRAGMA user_version = 999").execute(&mut connection).await.expect("set");
        connection.close().await.expect("closes");
    });
    let before = std::fs::read(world.database()).expect("a file");
    let tenant = world.tenant().to_string();
    for words in [&["items"][..], &["sync", "--tenant", &tenant]] {
        let output = world.run(words);
        assert_eq!(code(&output), 2);
        assert!(text(&output.stderr).contains("schema version 999"), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read(world.database()).expect("a file"), before);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let world = World::new(1, 1);
    std::fs::write(world.database(), "a letter, and not a database\n".repeat(500)).expect("written");
    let before = std::fs::read(world.database()).expect("a file");
    let (tenant, output) = (world.tenant().to_string(), world.run(&["items"]));
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("no SQLite database"), "{}", text(&output.stderr));
    assert_eq!(code(&world.run(&["sync", "--tenant", &tenant])), 2);
    assert_eq!(std::fs::read(world.database()).expect("a file"), before);
}

#[test]
fn a_place_that_can_not_be_written_is_named() {
    let world = World::new(1, 1);
    let locked = world.folder.path().join("locked");
    std::fs::create_dir(&locked).expect("made");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).expect("set");
    // Root may write anywhere; a file in the way is refused to everyone.
    std::fs::write(world.folder.path().join("in-the-way"), "").expect("written");
    let tenant = world.tenant().to_string();
    let database = world.folder.path().join("in-the-way").join("lastseen.db");
    let output = world.run(&["sync", "--tenant", &tenant, "--database", &database.display().to_string()]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("in-the-way"), "{}", text(&output.stderr));
}

#[test]
fn a_page_of_garbage_is_one_code_and_nothing_half_written() {
    let world = World::new(1, 5);
    world.sync(&[CONFIGURATION]);
    world.simulator.faults().add(Fault::always(FaultAction::Garbage).on(&World::path(CONFIGURATION)));
    std::fs::write(world.folder.path().join("lastseen.toml"), "[graph]\nretry_tries = 1\n").expect("written");
    let (code, run) = world.sync(&[CONFIGURATION]);
    assert_eq!((code, &run["error_codes"], &run["counts"]["items_observed"]), (1, &json!(["graph_invalid_response"]), &json!(0)));
    let (_, items) = world.json(&["items"]);
    assert_eq!(items["items"].as_array().map(Vec::len), Some(5));
}

#[rstest]
#[case::ctrl_c("-INT")]
#[case::a_shutdown("-TERM")]
#[case::a_closed_terminal("-HUP")]
fn a_signal_finishes_the_run_with_cancelled(#[case] signal: &str) {
    let world = World::new(1, 5);
    world.simulator.faults().add(Fault::always(FaultAction::Hang).on(&World::path(COMPLIANCE)));
    let tenant = world.tenant().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastseen"));
    for (name, value) in world.command(&[]).get_envs() {
        command.env(name, value.expect("set"));
    }
    command.current_dir(world.folder.path()).args(["sync", "--tenant", &tenant, "--types", COMPLIANCE, "--output", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    world.wait_until_asked(&World::path(COMPLIANCE), 0);
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a record");
    assert_eq!((output.status.code(), &run["status"], &run["error_codes"]), (Some(1), &json!("failed"), &json!(["cancelled"])));
    assert_eq!(run["listings"][0]["outcome"], json!("incomplete"));
    world.simulator.faults().clear();
    assert_eq!(world.sync(&[COMPLIANCE]).0, 0, "the lock is free");
}

#[test]
fn a_reader_that_stops_reading_changes_no_exit_code() {
    let world = World::new(1, 30);
    let tenant = world.tenant().to_string();
    for words in [&["types"][..], &["sync", "--tenant", &tenant], &["items"], &["items", "--output", "json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastseen"));
        for (name, value) in world.command(&[]).get_envs() {
            command.env(name, value.expect("set"));
        }
        let mut child =
            command.current_dir(world.folder.path()).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{words:?}");
    }
}

#[test]
fn i17_no_secret_token_or_body_is_logged_at_trace_or_printed() {
    let world = World::new(1, 6);
    let tenant = world.tenant().to_string();
    let output = world.run(&["sync", "--tenant", &tenant, "--log", "trace", "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(contains(&output.stderr, "TRACE") || contains(&output.stderr, "DEBUG"), "logs are there");
    let items = world.run(&["items", "--output", "json", "--limit", "10000"]);
    for canary in lastseen_simulator::CANARIES {
        for (place, bytes) in
            [("standard output", &output.stdout), ("the log", &output.stderr), ("items", &items.stdout), ("the database", &world.disk())]
        {
            assert!(!contains(bytes, canary), "{canary} is in {place}");
        }
    }
}

/// `{"access_token":{"acrs":{"essential":true,"value":"canary-claim"}}}`, as a challenge carries it.
const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiY2FuYXJ5LWNsYWltIn19fQ==";

#[test]
fn i17_what_graph_claims_complains_of_or_redirects_to_is_not_logged_at_trace_printed_or_kept() {
    let world = World::new(1, 6);
    let script = format!(
        r#"
        [[fault]]
        path = "{configuration}"
        times = 1
        action = "status"
        status = 401
        text = "canary-body"
        headers = {{ WWW-Authenticate = 'Bearer error="insufficient_claims", claims="{CLAIMS}"' }}

        [[fault]]
        path = "{configuration}"
        times = 1
        action = "status"
        status = 503
        text = '{{"error":{{"code":"canary code","message":"canary-message https://canary-host.example/?sig=canary-signature"}}}}'
        headers = {{ request-id = "canary-id", Retry-After = "0" }}

        [[fault]]
        path = "{compliance}"
        action = "status"
        status = 302
        text = "canary-body"
        headers = {{ Location = "https://canary-host.example/?sig=canary-signature" }}
        "#,
        configuration = World::path(CONFIGURATION),
        compliance = World::path(COMPLIANCE),
    );
    world.simulator.faults().add_all(FaultScript::parse(&script).expect("a script").faults);
    let tenant = world.tenant().to_string();
    let types = [CONFIGURATION, COMPLIANCE].join(",");
    let output = world.run(&["sync", "--tenant", &tenant, "--types", &types, "--log", "trace", "--output", "json"]);
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a record");
    assert_eq!((&run["status"], &run["error_codes"]), (&json!("partial"), &json!(["graph_invalid_response"])), "{}", text(&output.stderr));
    assert_eq!(world.simulator.counts().token_requests, 2, "the challenge was answered");
    let runs = world.run(&["runs", "--output", "json"]);
    for secret in ["canary", CLAIMS] {
        for (place, bytes) in
            [("standard output", &output.stdout), ("the log", &output.stderr), ("runs", &runs.stdout), ("the database", &world.disk())]
        {
            assert!(!contains(bytes, secret), "{secret} is in {place}");
        }
    }
}

#[test]
fn the_demo_tells_its_story_and_keeps_its_database() {
    let world = World::new(1, 1);
    let database = world.folder.path().join("demo.db");
    let output = world.run(&["demo", "--keep", &database.display().to_string()]);
    let story = text(&output.stdout);
    assert_eq!(code(&output), 0, "{story}\n{}", text(&output.stderr));
    for part in [
        "partial",
        "forbidden",
        "none with high confidence",
        "most of its type vanished at once",
        "with high confidence",
        "not missing for everything",
        "sqlite3",
    ] {
        assert!(story.contains(part), "{part} is not in the story:\n{story}");
    }
    assert!(database.exists());
    let again = world.run(&["demo", "--keep", &database.display().to_string()]);
    assert_eq!(code(&again), 2, "a database is not overwritten");
}
