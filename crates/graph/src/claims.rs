//! A claims challenge: what Graph wants of the next token, when it takes a token back before its time.
//!
//! Lastseen does not opt in to this (continuous access evaluation), but a tenant may be made to send it all the same.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// The longest header that is looked at.
const HEADER_CAP: usize = 8 * 1024;
/// The longest challenge that is replayed.
const CLAIMS_CAP: usize = 4 * 1024;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// What is replayed to the token endpoint: a JSON object. It is text from outside, so `Debug` hides it.
#[derive(Clone)]
pub(crate) struct Claims(SecretString);

impl Claims {
    /// The challenge of an answer, where it has one that can be used.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| Self::parse(value.to_str().ok()?))
    }

    fn parse(header: &str) -> Option<Self> {
        let challenge = header.trim_start();
        let bearer = challenge.len() <= HEADER_CAP && challenge.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let parameters = bearer.then(|| parameters(challenge.get(7..).unwrap_or_default()))?;
        let named = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        if named("error") != Some("insufficient_claims") {
            return None;
        }
        // Either alphabet, as services please.
        let packed = named("claims")?.replace('-', "+").replace('_', "/");
        let decoded = BASE64.decode(packed).ok().filter(|decoded| decoded.len() <= CLAIMS_CAP)?;
        let text = String::from_utf8(decoded).ok()?;
        serde_json::from_str::<Map<String, Value>>(&text).ok()?;
        Some(Self(text.into()))
    }

    /// The text for the form.
    pub(crate) fn as_text(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims([REDACTED])")
    }
}

/// `name=value` and `name="value"`, between commas. A quoted value may hold commas and escaped quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_owned();
        let after = after.trim_start();
        let mut value = String::new();
        let mut end = after.len();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut escaped = false;
            for (at, c) in quoted.char_indices() {
                match c {
                    _ if escaped => {
                        escaped = false;
                        value.push(c);
                    }
                    '\\' => escaped = true,
                    '"' => {
                        end = at + 2;
                        break;
                    }
                    c => value.push(c),
                }
            }
        } else {
            end = after.find(',').unwrap_or(after.len());
            value.push_str(after[..end].trim());
        }
        found.push((name, value));
        rest = &after[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"},"x":"??>>"}}"#;

    fn parse(header: &str) -> Option<String> {
        Claims::parse(header).map(|claims| claims.as_text().to_owned())
    }

    #[rstest]
    #[case::microsofts(format!(
        r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="{}""#,
        STANDARD.encode(CLAIMS)
    ))]
    #[case::without_padding(format!(r#"bearer error="insufficient_claims", claims="{}""#, STANDARD_NO_PAD.encode(CLAIMS)))]
    #[case::the_other_alphabet(format!(r#"Bearer error="insufficient_claims",claims="{}""#, URL_SAFE_NO_PAD.encode(CLAIMS)))]
    #[case::unquoted(format!("Bearer claims={}, error=insufficient_claims", URL_SAFE_NO_PAD.encode(CLAIMS)))]
    #[case::after_a_quoted_comma(format!(r#"Bearer a="x, \" claims=y", error="insufficient_claims", claims="{}""#, STANDARD.encode(CLAIMS)))]
    fn a_claims_challenge_is_unpacked(#[case] header: String) {
        assert_eq!(parse(&header).as_deref(), Some(CLAIMS));
    }

    #[rstest]
    #[case::none(r#"Bearer realm="", error="invalid_token""#.to_owned())]
    #[case::another_error(format!(r#"Bearer error="invalid_token", claims="{}""#, STANDARD.encode("{}")))]
    #[case::another_scheme(format!(r#"Basic error="insufficient_claims", claims="{}""#, STANDARD.encode("{}")))]
    #[case::no_base64(r#"Bearer error="insufficient_claims", claims="?""#.to_owned())]
    #[case::no_json(format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode("canary")))]
    #[case::no_object(format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode("[1]")))]
    #[case::no_text(format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode([0xff, 0xfe])))]
    #[case::too_long(format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode(format!(r#"{{"a":"{}"}}"#, "x".repeat(5_000)))))]
    #[case::an_endless_header(format!(r#"Bearer a="{}", error="insufficient_claims", claims="e30=""#, "x".repeat(9_000)))]
    fn what_is_no_claims_challenge_is_a_plain_401(#[case] header: String) {
        assert_eq!(parse(&header), None);
    }

    #[test]
    fn i17_a_challenge_does_not_show_itself() {
        let claims = Claims::parse(&format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode(r#"{"canary":1}"#)));
        assert!(!format!("{:?}", claims.expect("a challenge")).contains("canary"));
    }

    proptest! {
        #[test]
        fn i03_no_header_makes_the_reader_fall(text in "(Bearer )?[a-z=\", \\\\é]{0,60}") {
            drop(parse(&text));
        }
    }
}
