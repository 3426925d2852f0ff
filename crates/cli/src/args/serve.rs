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
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
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

/// An address to listen at. `localhost` is this machine's, whatever a name service says of it.
fn address(text: &str) -> Result<SocketAddr, String> {
    let refused =
        || "write an address with a port, such as 127.0.0.1:8480, [::1]:8480 or 0.0.0.0:8480; the only name taken is localhost".to_owned();
    match text.rsplit_once(':') {
        Some((name, port)) if name.eq_ignore_ascii_case("localhost") => {
            port.parse().map(|port| SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port))).map_err(|_| refused())
        }
        _ => text.parse().map_err(|_| refused()),
    }
}

impl Serve {
    /// A flag that its role has no use for, if there is one, and the role that has.
    pub(crate) fn of_no_use(&self) -> Option<(&'static str, &'static str)> {
        let of_api =
            [("--listen", self.listen.is_some()), ("--tls-certificate", self.tls_certificate.is_some()), ("--plain-http", self.plain_http)];
        let of_worker = [("--runs-at-once", self.runs_at_once.is_some()), ("--poll-every", self.poll_every.is_some())];
        let (flags, role) = match self.role {
            Role::All => return None,
            Role::Worker => (&of_api[..], "api"),
            Role::Api => (&of_worker[..], "worker"),
        };
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| (*flag, role))
    }
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("localhost:8480", "127.0.0.1:8480")]
    #[case("LOCALHOST:0", "127.0.0.1:0")]
    #[case("[::1]:8480", "[::1]:8480")]
    #[case("0.0.0.0:80", "0.0.0.0:80")]
    fn the_api_listens_at_an_address_or_on_this_machine(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("localhost")]
    #[case("localhost:http")]
    #[case("localhost.example:8480")]
    #[case("8480")]
    #[case("127.0.0.1")]
    fn what_is_no_address_is_told_what_to_write(#[case] text: &str) {
        assert!(address(text).expect_err("refused").contains("such as 127.0.0.1:8480"));
    }
}
