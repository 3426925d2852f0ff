//! Where Graph and the token endpoint are.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Scheme, host and port, and nothing else: what a token may be sent to.
///
/// `https` to any host; plain `http` only to this machine, for the simulator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(Url);

/// A text that is no [`Origin`]. It does not repeat the text: an address can carry a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not a URL with a host.
    #[error("an origin must look like https://graph.microsoft.com")]
    NotAnAddress,
    /// Another scheme than `https`, or `http` to another machine.
    #[error("an origin must begin with https:// (http:// is accepted for loopback addresses only)")]
    Insecure,
    /// There is a path, a query, a fragment or a user name.
    #[error("an origin is only a scheme, a host and a port: no path, query or user name")]
    NotOnlyAnOrigin,
}

impl Origin {
    /// Reads an origin. One slash at the end is accepted, because browsers show it.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError::NotAnAddress)?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(OriginError::NotAnAddress),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(OriginError::Insecure);
        }
        // The text is looked at too: the parser drops an empty user name or query without a trace.
        let bare = url.path() == "/" && !text.contains(['@', '?', '#']);
        if bare { Ok(Self(url)) } else { Err(OriginError::NotOnlyAnOrigin) }
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether it is reached over TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether an address is on this origin: same scheme, host and port, and no user name in it.
    pub(crate) fn holds(&self, url: &Url) -> bool {
        url.scheme() == self.0.scheme()
            && url.host() == self.0.host()
            && url.port_or_known_default() == self.0.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }
}

impl FromStr for Origin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        Self::parse(text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

/// The two origins of a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where tokens come from.
    pub authority: Origin,
    /// Where everything else comes from, and the only origin a token is sent to.
    pub graph: Origin,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://graph.microsoft.us", "https://graph.microsoft.us")]
    #[case("https://graph.microsoft.com/", "https://graph.microsoft.com")]
    #[case("HTTPS://Graph.Microsoft.com:443", "https://graph.microsoft.com")]
    #[case("https://proxy.example:8443", "https://proxy.example:8443")]
    #[case("http://127.0.0.1:8080", "http://127.0.0.1:8080")]
    #[case("http://127.9.9.9:1", "http://127.9.9.9:1")]
    #[case("http://[::1]:8080", "http://[::1]:8080")]
    #[case("http://localhost:8080", "http://localhost:8080")]
    fn an_origin_is_scheme_host_and_port(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(Origin::parse(text).map(|origin| origin.to_string()), Ok(shown.to_owned()));
    }

    #[rstest]
    #[case("", OriginError::NotAnAddress)]
    #[case("graph.microsoft.com", OriginError::NotAnAddress)]
    #[case("http://graph.microsoft.com", OriginError::Insecure)]
    #[case("http://128.0.0.1", OriginError::Insecure)]
    #[case("http://localhost.example", OriginError::Insecure)]
    #[case("http://[::2]", OriginError::Insecure)]
    #[case("ftp://localhost", OriginError::Insecure)]
    #[case("https://graph.microsoft.com/v1.0", OriginError::NotOnlyAnOrigin)]
    #[case("https://graph.microsoft.com?a", OriginError::NotOnlyAnOrigin)]
    #[case("https://graph.microsoft.com#a", OriginError::NotOnlyAnOrigin)]
    #[case("https://user:password@graph.microsoft.com", OriginError::NotOnlyAnOrigin)]
    #[case("https://@graph.microsoft.com", OriginError::NotOnlyAnOrigin)]
    fn what_is_more_or_less_than_an_origin_is_refused(#[case] text: &str, #[case] error: OriginError) {
        assert_eq!(Origin::parse(text), Err(error));
    }

    #[test]
    fn r14_a_refused_origin_is_not_repeated() {
        let error = Origin::parse("https://user:canary@graph.microsoft.com").expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
