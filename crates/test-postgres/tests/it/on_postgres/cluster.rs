//! A cluster is started, stopped, crashed and taken away.

use std::path::Path;

use lastseen_test_postgres::{APP_ROLE, Cluster, Mode, OWNER_ROLE, Options};

fn start() -> Cluster {
    Cluster::start(Options::default()).expect("a cluster")
}

/// The folder of the cluster's data, as the server names it.
fn data(cluster: &Cluster) -> String {
    cluster.psql("postgres", "SHOW data_directory").expect("a folder")
}

#[test]
fn the_roles_may_log_in_and_nothing_else() {
    let cluster = start();
    let may = "SELECT rolname, rolcanlogin, rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname LIKE 'lastseen%' ORDER BY 1";
    let expected = format!("{APP_ROLE}|t|f|f|f\n{OWNER_ROLE}|t|f|f|f");
    assert_eq!(cluster.psql("postgres", may).expect("the roles"), expected);
}

#[test]
fn a_setting_of_a_test_wins_over_the_default() {
    let cluster = Cluster::start(Options::default().with("fsync", "on").with("work_mem", "1MB")).expect("a cluster");
    assert_eq!(cluster.psql("postgres", "SHOW fsync; SHOW work_mem; SHOW jit;").expect("settings"), "on\n1MB\noff");
}

#[test]
fn what_is_committed_survives_every_way_to_stop() {
    let cluster = start();
    cluster.psql("postgres", "CREATE TABLE notes (note int)").expect("a table");
    let port = cluster.port();

    cluster.psql("postgres", "INSERT INTO notes VALUES (1)").expect("a row");
    cluster.stop(Mode::Fast).expect("stopped");
    assert!(cluster.psql("postgres", "SELECT 1").is_err());
    cluster.start_again().expect("started");
    cluster.psql("postgres", "INSERT INTO notes VALUES (2)").expect("a row");
    cluster.stop(Mode::Immediate).expect("stopped");
    cluster.start_again().expect("started");
    cluster.psql("postgres", "INSERT INTO notes VALUES (3)").expect("a row");
    cluster.kill().expect("killed");
    assert!(cluster.kill().is_err(), "it does not run any more");
    cluster.start_again().expect("started");
    assert!(cluster.start_again().is_err(), "it runs already");

    assert_eq!(cluster.port(), port);
    assert_eq!(cluster.psql("postgres", "SELECT note FROM notes ORDER BY 1").expect("rows"), "1\n2\n3");
    let recoveries = cluster.log().matches("database system was not properly shut down").count();
    assert_eq!(recoveries, 2, "{}", cluster.log());
}

#[test]
fn a_statement_that_fails_says_what_the_server_said() {
    let error = start().psql("postgres", "SELECT 1; SELECT nothing_of_the_kind").expect_err("no such column");
    assert!(error.to_string().contains("nothing_of_the_kind"), "{error}");
}

#[test]
fn nothing_is_left_of_a_cluster_that_is_dropped() {
    let cluster = start();
    let data = data(&cluster);
    assert!(Path::new(&data).exists());
    let (port, second) = (cluster.port(), start());
    assert_ne!(port, second.port());
    drop(cluster);
    assert!(!Path::new(&data).parent().expect("the cluster's folder").exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let error = Cluster::start(Options::default().with("no_such_setting", "1")).expect_err("no such setting");
    assert!(format!("{error:#}").contains("no_such_setting"), "{error:#}");
}
