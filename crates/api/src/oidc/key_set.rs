//! The keys of an issuer, and which of them a token may be checked with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

use super::refusal::OidcRefusal;
use super::token::Wanted;

/// No issuer has as many keys.
const MOST: usize = 100;

/// Keys that signatures can be checked with.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    /// Fits nothing else, whatever a token says.
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

impl KeySet {
    /// The usable ones among an issuer's keys. The others are for other uses, or of kinds to come. None where there are too many to be an
    /// issuer's, or not one that is usable.
    pub(super) fn of(keys: Vec<Value>) -> Option<Self> {
        if keys.len() > MOST {
            return None;
        }
        let usable: Vec<_> = keys.into_iter().filter_map(|key| usable(serde_json::from_value(key).ok()?)).collect();
        (!usable.is_empty()).then_some(Self(usable))
    }

    /// The key that a token wants.
    pub(super) fn find(&self, wanted: &Wanted) -> Result<&DecodingKey, OidcRefusal> {
        let fits = |key: &&Key| key.algorithms.contains(&wanted.algorithm);
        let Some(kid) = &wanted.kid else {
            // Only where there is no choice.
            let mut fitting = self.0.iter().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(&only.public),
                (None, _) => Err(OidcRefusal::UnknownKey),
                (Some(_), Some(_)) => Err(OidcRefusal::NamesNoKey),
            };
        };
        let named = || self.0.iter().filter(|key| key.kid.as_ref() == Some(kid));
        match named().find(fits) {
            Some(key) => Ok(&key.public),
            None if named().next().is_some() => Err(OidcRefusal::KeyOfOtherAlgorithm),
            None => Err(OidcRefusal::UnknownKey),
        }
    }
}

fn usable(jwk: Jwk) -> Option<Key> {
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !signs {
        return None;
    }
    let by_kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        // A shared secret among public keys is public, too.
        _ => return None,
    };
    let algorithms = match common.key_algorithm {
        None => by_kind.to_vec(),
        Some(only) => vec![Algorithm::try_from(only).ok().filter(|only| by_kind.contains(only))?],
    };
    let public = DecodingKey::from_jwk(&jwk).ok()?;
    Some(Key { kid: jwk.common.key_id, algorithms, public })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn rsa(changes: Value) -> Value {
        let mut key = json!({"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"});
        let (Some(key_fields), Value::Object(changes)) = (key.as_object_mut(), changes) else { panic!("objects") };
        key_fields.extend(changes);
        key
    }

    fn wanted(kid: Option<&str>, algorithm: Algorithm) -> Wanted {
        Wanted { kid: kid.map(str::to_owned), algorithm }
    }

    fn found(keys: Vec<Value>, kid: Option<&str>, algorithm: Algorithm) -> Result<(), OidcRefusal> {
        KeySet::of(keys).expect("usable keys").find(&wanted(kid, algorithm)).map(drop)
    }

    #[rstest]
    #[case::rs256(Algorithm::RS256, Ok(()))]
    #[case::ps512(Algorithm::PS512, Ok(()))]
    #[case::es256(Algorithm::ES256, Err(OidcRefusal::KeyOfOtherAlgorithm))]
    #[case::hs256(Algorithm::HS256, Err(OidcRefusal::KeyOfOtherAlgorithm))]
    fn a_key_is_for_the_algorithms_of_its_kind(#[case] algorithm: Algorithm, #[case] expected: Result<(), OidcRefusal>) {
        assert_eq!(found(vec![rsa(json!({}))], Some("a"), algorithm), expected);
    }

    #[test]
    fn a_key_that_names_its_algorithm_is_for_that_one_only() {
        assert_eq!(found(vec![rsa(json!({"alg": "PS256"}))], Some("a"), Algorithm::PS256), Ok(()));
        assert_eq!(found(vec![rsa(json!({"alg": "PS256"}))], Some("a"), Algorithm::RS256), Err(OidcRefusal::KeyOfOtherAlgorithm));
    }

    #[rstest]
    #[case::to_encrypt(rsa(json!({"use": "enc"})))]
    #[case::not_to_verify(rsa(json!({"key_ops": ["encrypt"]})))]
    #[case::algorithm_of_another_kind(rsa(json!({"alg": "ES256"})))]
    #[case::algorithm_of_a_secret(rsa(json!({"alg": "HS256"})))]
    #[case::algorithm_to_encrypt(rsa(json!({"alg": "RSA-OAEP"})))]
    #[case::a_shared_secret(json!({"kty": "oct", "kid": "a", "k": "AQAB"}))]
    #[case::a_shared_secret_with_a_name(json!({"kty": "oct", "kid": "a", "k": "AQAB", "alg": "HS256"}))]
    #[case::a_curve_without_use(json!({"kty": "EC", "crv": "P-521", "kid": "a", "x": "AQAB", "y": "AQAB"}))]
    #[case::a_pair_of_another_curve(json!({"kty": "OKP", "crv": "X25519", "kid": "a", "x": "AQAB"}))]
    #[case::of_a_kind_to_come(json!({"kty": "AKP", "kid": "a", "alg": "ML-DSA-44", "pub": "AQAB"}))]
    #[case::not_base64(rsa(json!({"n": "%%"})))]
    #[case::no_object(json!("key"))]
    fn what_is_no_key_for_signatures_is_left_out(#[case] key: Value) {
        assert!(KeySet::of(vec![key.clone()]).is_none());
        // And does not spoil the others.
        assert_eq!(found(vec![key, rsa(json!({"kid": "b"}))], Some("b"), Algorithm::RS256), Ok(()));
    }

    #[test]
    fn a_token_that_names_no_key_is_checked_only_where_there_is_no_choice() {
        assert_eq!(found(vec![rsa(json!({}))], None, Algorithm::RS256), Ok(()));
        assert_eq!(found(vec![rsa(json!({})), rsa(json!({"kid": "b"}))], None, Algorithm::RS256), Err(OidcRefusal::NamesNoKey));
        assert_eq!(found(vec![rsa(json!({}))], None, Algorithm::EdDSA), Err(OidcRefusal::UnknownKey));
        assert_eq!(found(vec![rsa(json!({}))], Some("b"), Algorithm::RS256), Err(OidcRefusal::UnknownKey));
    }

    #[test]
    fn more_keys_than_an_issuer_has_are_none() {
        let keys = |n: usize| KeySet::of(vec![rsa(json!({})); n]);
        assert!(keys(100).is_some());
        assert!(keys(101).is_none() && keys(0).is_none());
    }
}
