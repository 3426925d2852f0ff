//! Tokens of the API: how one is made, and what of it is kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_model::TokenHash;
use lastseen_store::TOKEN_NAME_MAX_CHARS;
use rand::RngExt;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// What a token begins with, so that people and scanners for secrets know one when they see it.
const PREFIX: &str = "lastseen_";
/// How much chance is in a token. So much that a plain hash of it is as good as a slow one: there is nothing to guess.
const RANDOM_BYTES: usize = 32;

/// How long a token is good for, unless said otherwise.
pub const LIFE: Duration = Duration::from_hours(24 * 90);
/// How short and how long one may be good for.
pub const LIFE_BOUNDS: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24 * 730);

/// The name that a token is given by this text, without the blanks around it; none where it is no name: 1 to [`TOKEN_NAME_MAX_CHARS`]
/// characters on one line.
pub fn name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = (1..=TOKEN_NAME_MAX_CHARS).contains(&name.chars().count()) && !text.chars().any(char::is_control);
    fits.then_some(name)
}

/// A fresh token: the secret, which its holder is shown once, and the hash, which is all that is stored.
pub fn mint() -> (SecretString, TokenHash) {
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; RANDOM_BYTES]>()));
    let hash = digest(&secret);
    (secret.into(), hash)
}

/// What is stored of a token that somebody shows; none where it is no text that [`mint`] makes.
pub fn hash(shown: &str) -> Option<TokenHash> {
    let random = URL_SAFE_NO_PAD.decode(shown.strip_prefix(PREFIX)?).ok()?;
    (random.len() == RANDOM_BYTES).then(|| digest(shown))
}

fn digest(secret: &str) -> TokenHash {
    TokenHash::from_bytes(Sha256::digest(secret).into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_that_was_made_is_known_by_its_hash_and_no_two_are_the_same() {
        let ((one, one_hash), (two, two_hash)) = (mint(), mint());
        assert_eq!(hash(one.expose_secret()), Some(one_hash));
        assert_eq!(hash(two.expose_secret()), Some(two_hash));
        assert_ne!(one_hash, two_hash);
        assert!(one.expose_secret().starts_with(PREFIX) && one.expose_secret().len() == PREFIX.len() + 43);
    }

    #[test]
    fn what_was_never_made_has_no_hash() {
        let (token, _) = mint();
        let token = token.expose_secret();
        let longer = format!("{token}A");
        let spaced = format!("{token} ");
        let other_case = token.replacen("lastseen_", "Lastseen_", 1);
        for wrong in ["", "lastseen_", "lastseen_AAAA", &token[..token.len() - 1], &token[9..], &longer, &spaced, &other_case] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_on_one_line_and_has_no_blanks_around_it() {
        let longest = "ü".repeat(TOKEN_NAME_MAX_CHARS);
        assert_eq!((name(" the dashboard "), name(&longest)), (Some("the dashboard"), Some(longest.as_str())));
        for wrong in ["", " ", "a\nb", "a\n", &"x".repeat(TOKEN_NAME_MAX_CHARS + 1)] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn i17_a_token_prints_as_nothing() {
        let (token, _) = mint();
        assert!(!format!("{token:?}").contains(token.expose_secret()));
    }
}
