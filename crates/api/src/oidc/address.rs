//! What may be asked for keys.

use url::{Host, Url};

/// `https` to anywhere, or plain `http` to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    /// An issuer's: no query either, for it is a name as well.
    pub(super) fn issuer(text: &str) -> Option<Self> {
        // The parser would write these otherwise, and tokens name the issuer as it is written.
        let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '|' | '}');
        if text.contains('?') || text.contains(strange) { None } else { Self::parse(text) }
    }

    /// Without user name and fragment. The text is looked at too: the parser drops an empty one without a trace.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(|url| url.host().is_some())?;
        let address = Self(url);
        let secure = address.is_https() || (address.0.scheme() == "http" && address.is_loopback());
        let authority = text.split('/').nth(2)?;
        (secure && !authority.contains('@') && !text.contains('#')).then_some(address)
    }

    /// The same with this path after it.
    pub(super) fn followed_by(&self, path: &str) -> Option<Self> {
        Self::parse(&format!("{}/{path}", self.0.as_str().trim_end_matches('/')))
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://login.example/<tenant>/v2.0")]
    #[case("https://login.example/a b")]
    #[case(" https://login.example")]
    #[case("https://login.example\n")]
    #[case("https://login.example/{tenant}")]
    fn an_issuer_that_was_left_to_be_filled_in_is_none(#[case] text: &str) {
        assert_eq!(Address::issuer(text), None);
    }

    #[rstest]
    #[case("https://issuer.example", true)]
    #[case("https://issuer.example:8443/realms/a", true)]
    #[case("http://127.0.0.1:1234/a", true)]
    #[case("http://[::1]:1234", true)]
    #[case("http://localhost", true)]
    #[case("http://issuer.example", false)]
    #[case("http://localhost.example", false)]
    #[case("http://127.0.0.1.example", false)]
    #[case("ftp://localhost", false)]
    #[case("file:///etc/passwd", false)]
    #[case("https://user@issuer.example", false)]
    #[case("https://@issuer.example", false)]
    #[case("https://issuer.example#", false)]
    #[case("issuer.example", false)]
    #[case("", false)]
    fn keys_are_asked_for_over_tls_or_on_this_machine(#[case] text: &str, #[case] accepted: bool) {
        assert_eq!(Address::parse(text).is_some(), accepted);
        assert_eq!(Address::issuer(text).is_some(), accepted);
    }

    #[test]
    fn an_issuer_is_followed_by_a_path_with_one_slash_between() {
        for issuer in ["https://a.example/b", "https://a.example/b/"] {
            let followed = Address::issuer(issuer).and_then(|issuer| issuer.followed_by("c/d")).expect("an address");
            assert_eq!(followed.url().as_str(), "https://a.example/b/c/d");
        }
        assert_eq!(Address::issuer("https://a.example?b"), None);
        assert!(Address::parse("https://a.example?b").is_some());
    }
}
