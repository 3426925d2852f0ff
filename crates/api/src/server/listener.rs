//! An address with its security.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::error::{BindReason, ServerError};
use super::tls::Tls;

/// How connections are kept from being read on their way.
#[derive(Debug, Clone)]
pub enum Security {
    /// By TLS.
    Tls(Tls),
    /// Not at all: on loopback there is no way.
    Loopback,
    /// Not here: it was said expressly that something in front of it does.
    PlainHttp,
}

/// An address that is listened on.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) tls: Option<Tls>,
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    /// [`ServerError::PlainBeyondLoopback`], and [`ServerError::Bind`].
    pub async fn bind(address: SocketAddr, security: Security) -> Result<Self, ServerError> {
        may_listen(address, matches!(security, Security::Tls(_)), matches!(security, Security::PlainHttp))?;
        let refused = |error: io::Error| ServerError::Bind { address, reason: BindReason::of(error.kind()) };
        let socket = TcpListener::bind(address).await.map_err(refused)?;
        let tls = match security {
            Security::Tls(tls) => Some(tls),
            Security::Loopback | Security::PlainHttp => None,
        };
        Ok(Self { socket, tls })
    }

    /// The address, with the port that the system chose where none was asked for.
    ///
    /// # Errors
    /// A system that does not say it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether TLS is spoken.
    pub fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// Whether this address may be listened on: what others can reach needs TLS, or the word that something in front of it speaks TLS.
///
/// # Errors
/// [`ServerError::PlainBeyondLoopback`].
pub fn may_listen(address: SocketAddr, tls: bool, plain_http: bool) -> Result<(), ServerError> {
    // `::ffff:127.0.0.1` is loopback, too.
    if tls || plain_http || address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(ServerError::PlainBeyondLoopback { address }) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1:8480", true)]
    #[case("127.0.0.2:8480", true)]
    #[case("[::1]:8480", true)]
    #[case("[::ffff:127.0.0.1]:8480", true)]
    #[case("0.0.0.0:8480", false)]
    #[case("[::]:8480", false)]
    #[case("[::ffff:0.0.0.0]:8480", false)]
    #[case("[::ffff:192.168.1.2]:8480", false)]
    #[case("192.168.1.2:8480", false)]
    #[case("10.0.0.1:8480", false)]
    #[case("169.254.1.1:8480", false)]
    #[case("[fe80::1]:8480", false)]
    #[case("[fd00::1]:8480", false)]
    #[case("128.0.0.1:8480", false)]
    fn what_others_can_reach_needs_tls_or_the_word(#[case] address: &str, #[case] loopback: bool) {
        let address: SocketAddr = address.parse().expect("an address");
        assert_eq!(may_listen(address, false, false).is_ok(), loopback);
        assert_eq!(may_listen(address, true, false), Ok(()));
        assert_eq!(may_listen(address, false, true), Ok(()));
    }

    #[test]
    fn the_refusal_names_both_ways_out() {
        let refusal = may_listen(([0, 0, 0, 0], 8480).into(), false, false).expect_err("a refusal").to_string();
        assert!(refusal.starts_with("0.0.0.0:8480 "), "{refusal}");
        assert!(refusal.contains("--tls-certificate") && refusal.contains("--tls-key") && refusal.contains("--plain-http"), "{refusal}");
    }

    #[tokio::test]
    async fn an_address_that_others_can_reach_is_not_even_bound() {
        let refusal = Listener::bind(([0, 0, 0, 0], 0).into(), Security::Loopback).await.expect_err("a refusal");
        assert!(matches!(refusal, ServerError::PlainBeyondLoopback { .. }), "{refusal}");
        let listener = Listener::bind(([0, 0, 0, 0], 0).into(), Security::PlainHttp).await.expect("bound");
        assert!(!listener.speaks_tls());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_and_an_address_of_another_machine_are_named() {
        let taken = Listener::bind(([127, 0, 0, 1], 0).into(), Security::Loopback).await.expect("bound");
        let address = taken.address().expect("an address");
        let refusal = Listener::bind(address, Security::Loopback).await.expect_err("a refusal");
        assert_eq!(refusal, ServerError::Bind { address, reason: BindReason::InUse });
        // TEST-NET-1 is nobody's.
        let address: SocketAddr = ([192, 0, 2, 1], 0).into();
        let refusal = Listener::bind(address, Security::PlainHttp).await.expect_err("a refusal");
        assert_eq!(refusal, ServerError::Bind { address, reason: BindReason::NotHere });
    }
}
