//! The client assertion: a JWT that a certificate's key signs, and that the token endpoint takes instead of a secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_model::ClientId;
use secrecy::SecretString;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::certificate::Certificate;

/// How long an assertion lives. Entra takes up to ten minutes; it is used at once, and made anew for each try.
const LIFETIME: Duration = Duration::from_mins(5);

/// How much before now it begins, for a server whose clock is behind ours.
const EARLIER: Duration = Duration::from_mins(1);

/// An assertion for this token endpoint, signed by PS256 as Entra asks for. `id` makes it unique, `now` is the time of day since 1970.
/// Nothing where the key can't sign.
pub(crate) fn sign(certificate: &Certificate, client: &ClientId, endpoint: &Url, id: Uuid, now: Duration) -> Option<SecretString> {
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(certificate.thumbprint()) });
    let begins = now.saturating_sub(EARLIER).as_secs();
    let claims = json!({
        "aud": endpoint.as_str(),
        "iss": client.as_str(),
        "sub": client.as_str(),
        "jti": id.as_hyphenated().to_string(),
        "iat": begins,
        "nbf": begins,
        "exp": (now + LIFETIME).as_secs(),
    });
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = certificate.sign(message.as_bytes())?;
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// Whether a text has the form of a signed JWT. Its content is for the token endpoint to judge.
pub(crate) fn is_one(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='));
    text.split('.').count() == 3 && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_of_base64_have_the_form_of_an_assertion() {
        assert!(is_one("eyJh.eyJp.c2ln-_="));
        for text in ["", "a.b", "a.b.", "a.b.c.d", "a.b.c c", "a.b.c\n", "secret"] {
            assert!(!is_one(text), "{text:?}");
        }
    }
}
