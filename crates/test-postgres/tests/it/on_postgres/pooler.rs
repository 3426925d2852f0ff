//! PgBouncer before a cluster.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, SUPERUSER, Servers, psql};

/// A session that stays open until it is dropped.
struct Session(Child);

impl Session {
    fn open(url: &str) -> Self {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--no-align", "--tuples-only", url]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().expect("psql"))
    }

    /// Runs a statement and gives the one line that it answers.
    fn ask(&mut self, sql: &str) -> String {
        let mut line = String::new();
        writeln!(self.0.stdin.as_mut().expect("open"), "{sql};").expect("psql reads");
        BufReader::new(self.0.stdout.as_mut().expect("open")).read_line(&mut line).expect("psql answers");
        line.trim_end().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("psql ends");
    }
}

#[test]
fn every_role_keeps_its_name_at_the_server() {
    let servers = Servers::start().expect("servers");
    for role in [SUPERUSER, OWNER_ROLE, APP_ROLE] {
        let url = servers.pooler().url(role, "postgres");
        assert_eq!(psql(&url, "SELECT current_user").expect("an answer"), role);
    }
}

#[test]
fn more_clients_than_server_connections_are_open_at_once_and_share_them() {
    let servers = Servers::start().expect("servers");
    let url = servers.pooler().url(APP_ROLE, "postgres");
    let mut sessions: Vec<Session> = (0..12).map(|_| Session::open(&url)).collect();
    // In session mode the seventh would wait for ever.
    let backends: BTreeSet<String> = sessions.iter_mut().map(|session| session.ask("SELECT pg_backend_pid()")).collect();
    assert!(backends.len() <= 6, "{backends:?}");
}

#[test]
fn start_up_parameters_that_pgbouncer_does_not_know_are_refused_as_in_a_plain_configuration() {
    let servers = Servers::start().expect("servers");
    let url = servers.pooler().url(APP_ROLE, "postgres?options=-c%20statement_timeout%3D1s");
    let error = psql(&url, "SELECT 1").expect_err("refused");
    assert!(error.to_string().contains("unsupported startup parameter"), "{error}");
}
