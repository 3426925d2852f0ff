//! What a token says of itself before anyone believes it, and its signature.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use super::refusal::OidcRefusal;

/// No token comes near to this.
const LONGEST: usize = 16 * 1024;

/// The key that a token wants to be checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its name, where the token gives one.
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
}

/// Reads which key a token wants. Where it says where to find one, or brings one along, it is not listened to.
pub(super) fn wanted(token: &str) -> Result<Wanted, OidcRefusal> {
    if token.len() > LONGEST {
        return Err(OidcRefusal::TooLong);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| OidcRefusal::NotAJwt)?;
    if !is_accepted(header.alg) {
        return Err(OidcRefusal::Algorithm);
    }
    if header.crit.is_some() {
        return Err(OidcRefusal::Critical);
    }
    if !header.typ.is_none_or(|typ| is_access_token(&typ)) {
        return Err(OidcRefusal::WrongType);
    }
    Ok(Wanted { kid: header.kid, algorithm: header.alg })
}

/// Those by which only the issuer can sign. By the others whoever can check could sign, too.
fn is_accepted(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::ES256
        | Algorithm::ES384
        | Algorithm::EdDSA => true,
        // The enum may grow; what is not listed is not accepted.
        _ => false,
    }
}

/// The types of RFC 7519 and RFC 9068. A proof of possession or a logout has another, and grants nothing.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}

/// The claims of a token whose signature is by this key. Nothing in them is checked yet.
pub(super) fn verified(token: &str, wanted: &Wanted, key: &DecodingKey) -> Result<Map<String, Value>, OidcRefusal> {
    let mut signature_only = Validation::new(wanted.algorithm);
    signature_only.required_spec_claims.clear();
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    match jsonwebtoken::decode(token, key, &signature_only) {
        Ok(token) => Ok(token.claims),
        Err(error) => Err(match error.kind() {
            ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) | ErrorKind::InvalidToken => OidcRefusal::NotAJwt,
            _ => OidcRefusal::Signature,
        }),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use rstest::rstest;

    use super::*;

    fn with_header(header: &str) -> String {
        format!("{}.e30.", URL_SAFE_NO_PAD.encode(header))
    }

    #[rstest]
    #[case(r#"{"alg":"RS256","kid":"a"}"#, Ok(Some("a")))]
    #[case(r#"{"alg":"EdDSA"}"#, Ok(None))]
    #[case(r#"{"alg":"ES384","typ":"JWT"}"#, Ok(None))]
    #[case(r#"{"alg":"ES256","typ":"application/at+JWT"}"#, Ok(None))]
    #[case(r#"{"alg":"ES256","typ":"dpop+jwt"}"#, Err(OidcRefusal::WrongType))]
    #[case(r#"{"alg":"ES256","typ":"logout+jwt"}"#, Err(OidcRefusal::WrongType))]
    #[case(r#"{"alg":"ES256","typ":""}"#, Err(OidcRefusal::WrongType))]
    #[case(r#"{"alg":"none"}"#, Err(OidcRefusal::NotAJwt))]
    #[case(r#"{"alg":"None"}"#, Err(OidcRefusal::NotAJwt))]
    #[case(r#"{"alg":"ES512"}"#, Err(OidcRefusal::NotAJwt))]
    #[case(r#"{"kid":"a"}"#, Err(OidcRefusal::NotAJwt))]
    #[case(r#"{"alg":"RS256","alg":"none"}"#, Err(OidcRefusal::NotAJwt))]
    #[case(r#"{"alg":"HS256"}"#, Err(OidcRefusal::Algorithm))]
    #[case(r#"{"alg":"HS384"}"#, Err(OidcRefusal::Algorithm))]
    #[case(r#"{"alg":"HS512"}"#, Err(OidcRefusal::Algorithm))]
    #[case(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, Err(OidcRefusal::Critical))]
    #[case(r#"{"alg":"RS256","crit":[]}"#, Err(OidcRefusal::Critical))]
    #[case("no JSON", Err(OidcRefusal::NotAJwt))]
    fn a_header_is_believed_in_nothing_but_the_name_of_its_key(#[case] header: &str, #[case] expected: Result<Option<&str>, OidcRefusal>) {
        assert_eq!(wanted(&with_header(header)).map(|wanted| wanted.kid), expected.map(|kid| kid.map(str::to_owned)));
    }

    #[rstest]
    #[case("")]
    #[case("a")]
    #[case("a.b")]
    #[case("a.b.c")]
    #[case("a.b.c.d.e")]
    #[case("eyJhbGciOiJSUzI1NiJ9..")]
    #[case("....")]
    #[case("\u{1F511}.\u{1F511}.\u{1F511}")]
    fn what_is_no_jwt_is_refused_without_a_panic(#[case] text: &str) {
        let key = DecodingKey::from_rsa_raw_components(&[1; 256], &[1, 0, 1]);
        let refusal = wanted(text).and_then(|wanted| verified(text, &wanted, &key)).expect_err("a refusal");
        assert!(matches!(refusal, OidcRefusal::NotAJwt | OidcRefusal::Signature), "{refusal:?}");
    }

    #[test]
    fn a_token_is_no_longer_than_sixteen_kibibytes() {
        let token = with_header(r#"{"alg":"RS256"}"#);
        let long = format!("{token}{}", "x".repeat(16 * 1024 - token.len()));
        assert!(wanted(&long).is_ok());
        assert_eq!(wanted(&(long + "x")), Err(OidcRefusal::TooLong));
    }
}
