//! The words of `lastseen serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::parse_length;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// What this process does
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
    /// Where the API listens; by default api.listen of the configuration, else 127.0.0.1:8480
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The API's certificate with what it is signed by, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond this machine without TLS: tokens and answers go over the network as they are, to be used behind a proxy that speaks TLS
    #[arg(long, conflicts_with = "tls_certificate")]
    pub(crate) plain_http: bool,
    /// How many runs it has at once (1 to 64); by default worker.runs_at_once of the configuration, else 4
    #[arg(long, value_name = "N")]
    pub(crate) runs_at_once: Option<usize>,
    /// How long requests and runs may go on once it is told to end (0s to 1h); by default worker.drain_for, else 25s
    #[arg(long, value_name = "TIME", value_parser = parse_length)]
    pub(crate) drain_for: Option<Duration>,
    /// How often it looks at the queue and the schedules (1s to 60s); by default worker.poll_every, else 2s
    #[arg(long, value_name = "TIME", value_parser = parse_length)]
    pub(crate) poll_every: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// All of it
    All,
    /// Answers the API
    Api,
    /// Works on queued runs and keeps the schedules
    Worker,
}

impl Role {
    /// Whether it answers the API.
    pub(crate) fn answers(self) -> bool {
        self != Self::Worker
    }

    /// Whether it works on runs.
    pub(crate) fn works(self) -> bool {
        self != Self::Api
    }
}
