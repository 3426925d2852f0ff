//! Next links: followed to the letter, and only where the token may go.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use lastseen_model::ErrorCode;
use url::Url;

use crate::origin::Origin;

/// The longest link that is followed, in bytes. Graph's are under two thousand.
const LONGEST: usize = 16 * 1024;

/// The address of a next link, if it is on Graph's origin and below the version prefix; else the code the listing ends with.
///
/// The URL type leaves every escape as it is (`%255B` stays `%255B`); it only escapes what may not stand in a URL at all.
pub(crate) fn follow(link: &str, graph: &Origin, version: &str) -> Result<Url, ErrorCode> {
    if link.len() > LONGEST {
        return Err(ErrorCode::GraphInvalidResponse);
    }
    let mut url = Url::parse(link).map_err(|_| ErrorCode::GraphUntrustedLink)?;
    // Checked on what would be sent: dot segments and the like are resolved by now.
    let below = url.path().strip_prefix('/').and_then(|path| path.strip_prefix(version)).is_some_and(|rest| rest.starts_with('/'));
    if !graph.holds(&url) || !below || climbs(url.path()) {
        return Err(ErrorCode::GraphUntrustedLink);
    }
    // Never sent, so it must not make two links of one.
    url.set_fragment(None);
    Ok(url)
}

/// Whether a path would have dot segments for whoever unpacks its `%2F` and `%5C` before it looks for them. A slash in a name is
/// packed so, and may be; dots between two of them lead out of the version.
fn climbs(path: &str) -> bool {
    let unpacked = path.to_ascii_lowercase().replace("%2f", "/").replace("%5c", "/").replace("%2e", ".");
    unpacked.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// The addresses a listing has asked for.
///
/// Kept as hashes under a random key: ten thousand links of some kilobytes each would be more than the pages. A false repeat
/// among ten thousand has odds of one in 10^11, and would end the listing as incomplete.
#[derive(Default)]
pub(crate) struct Visited {
    key: RandomState,
    seen: HashSet<u64>,
}

impl Visited {
    /// Notes an address; false when it was noted before.
    pub(crate) fn note(&mut self, url: &Url) -> bool {
        self.seen.insert(self.key.hash_one(url.as_str()))
    }
    /// Forgets all, for a listing that begins again.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn graph() -> Origin {
        Origin::parse("https://graph.microsoft.com").expect("an origin")
    }

    #[rstest]
    #[case(
        "https://graph.microsoft.com/beta/deviceManagement/configurationPolicies?$skiptoken=%255Bcosmosdb%255D%2520%7B%7D+a=b%26&$top=100"
    )]
    #[case("https://graph.microsoft.com/beta/deviceManagement/intents('a')/x?$filter=a%20eq%20%27b%27&$select=id,name")]
    #[case("https://graph.microsoft.com/beta//a%2Fb/%E5%90%8D?a?b[]{}|^`~!*()@:;")]
    fn a_link_on_graphs_origin_is_followed_to_the_letter(#[case] link: &str) {
        assert_eq!(follow(link, &graph(), "beta").map(|url| url.to_string()), Ok(link.to_owned()));
    }

    #[rstest]
    #[case::host("https://graph.microsoft.us/beta/x")]
    #[case::longer_host("https://graph.microsoft.com.example/beta/x")]
    #[case::user_that_looks_like_the_host("https://graph.microsoft.com@example/beta/x")]
    #[case::user("https://user@graph.microsoft.com/beta/x")]
    #[case::password("https://:password@graph.microsoft.com/beta/x")]
    #[case::scheme("http://graph.microsoft.com/beta/x")]
    #[case::port("https://graph.microsoft.com:8443/beta/x")]
    #[case::version("https://graph.microsoft.com/v1.0/x")]
    #[case::longer_version("https://graph.microsoft.com/beta2/x")]
    #[case::version_only("https://graph.microsoft.com/beta")]
    #[case::dots("https://graph.microsoft.com/beta/../v1.0/x")]
    #[case::escaped_dots("https://graph.microsoft.com/beta/%2e%2E/v1.0/x")]
    #[case::dots_between_packed_slashes("https://graph.microsoft.com/beta/x%2f..%2F..%2fv1.0/x")]
    #[case::dots_between_packed_backslashes("https://graph.microsoft.com/beta/..%5Cv1.0/x")]
    #[case::packed_dots_between_packed_slashes("https://graph.microsoft.com/beta/%2e%2e%2fv1.0/x")]
    #[case::backslashes("https:\\\\example\\beta\\x")]
    #[case::relative("/beta/x?$skiptoken=1")]
    #[case::empty("")]
    #[case::no_address("next")]
    fn i29_a_link_that_leaves_graphs_origin_or_version_is_not_followed(#[case] link: &str) {
        assert_eq!(follow(link, &graph(), "beta"), Err(ErrorCode::GraphUntrustedLink));
    }

    #[test]
    fn a_default_port_is_the_same_origin_and_an_endless_link_is_refused() {
        assert!(follow("https://graph.microsoft.com:443/beta/x", &graph(), "beta").is_ok());
        let endless = format!("https://graph.microsoft.com/beta/x?{}", "a".repeat(LONGEST));
        assert_eq!(follow(&endless, &graph(), "beta"), Err(ErrorCode::GraphInvalidResponse));
    }

    #[test]
    fn i29_a_link_that_differs_only_in_what_is_never_sent_is_the_same_link() {
        let mut visited = Visited::default();
        let link = |text| follow(text, &graph(), "beta").expect("trusted");
        assert!(visited.note(&link("https://graph.microsoft.com/beta/x?a=1")));
        assert!(visited.note(&link("https://graph.microsoft.com/beta/x?a=2")));
        assert!(!visited.note(&link("https://graph.microsoft.com/beta/x?a=1#again")));
        visited.clear();
        assert!(visited.note(&link("https://graph.microsoft.com/beta/x?a=1")));
    }
}
