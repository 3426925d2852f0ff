//! Tokens that are all right, and tokens that are not.

use std::sync::Arc;
use std::time::Duration;

use lastseen_api::Who;
use lastseen_api::oidc::{OidcRefusal, OidcSetupError};
use lastseen_model::Role;
use rstest::rstest;
use serde_json::{Value, json};

use crate::clock::{BEGIN, Clock};
use crate::issuer::{Issuer, tenant};
use crate::signer::{Signer, base64, by_secret, message};

/// What is made of one token by an issuer's only key.
async fn judged(signer: &Signer, token: impl FnOnce(&Issuer) -> String) -> Result<Option<Role>, OidcRefusal> {
    let issuer = Issuer::with(&[signer]).await;
    let oidc = issuer.known_to(&Arc::default());
    oidc.authority(&token(&issuer)).await.map(|known| known.authority.on(tenant(1)))
}

#[rstest]
#[case::rsa(Signer::rsa("a"), &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])]
#[case::p256(Signer::p256("a"), &["ES256"])]
#[case::p384(Signer::p384("a"), &["ES384"])]
#[case::ed25519(Signer::ed25519("a"), &["EdDSA"])]
#[tokio::test]
async fn every_accepted_algorithm_is_checked(#[case] signer: Signer, #[case] algorithms: &[&str]) {
    let issuer = Issuer::with(&[&signer]).await;
    let oidc = issuer.known_to(&Arc::default());
    for algorithm in algorithms {
        let header = json!({"alg": algorithm, "kid": "a"});
        let token = signer.token_with(&header, &issuer.claims());
        let known = oidc.authority(&token).await.expect("known");
        assert_eq!(known.who, Who::Oidc { subject: "somebody".into(), name: None });
        assert_eq!(known.authority.on(tenant(1)), Some(Role::Reader), "{algorithm}");

        // Not one bit of it may be another.
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        let forged = message(&header, &issuer.claims_but(&json!({"roles": ["operators"]})));
        assert_eq!(oidc.authority(&format!("{forged}.{signature}")).await, Err(OidcRefusal::Signature), "{algorithm}");
        assert_eq!(oidc.authority(&format!("{signed}.")).await, Err(OidcRefusal::Signature), "{algorithm}");
        assert_eq!(oidc.authority(&format!("{signed}.{}", base64(&[0; 64]))).await, Err(OidcRefusal::Signature), "{algorithm}");
    }
}

#[tokio::test]
async fn a_token_of_another_key_under_the_issuers_name_for_its_own_is_refused() {
    let (own, others) = (Signer::rsa("a"), Signer::rsa("a"));
    assert_eq!(judged(&own, |issuer| others.token(&issuer.claims())).await, Err(OidcRefusal::Signature));
    let others = Signer::rsa("b");
    assert_eq!(judged(&own, |issuer| others.token(&issuer.claims())).await, Err(OidcRefusal::UnknownKey));
}

/// The classic: the public key, which everybody knows, taken as a shared secret.
#[tokio::test]
async fn a_token_that_is_signed_with_the_public_key_as_a_secret_is_refused() {
    for algorithm in ["HS256", "HS384", "HS512"] {
        let signer = Signer::rsa("a");
        let jwk = signer.jwk();
        let secrets = [jwk.to_string(), jwk["n"].as_str().expect("a modulus").to_owned()];
        for secret in secrets {
            let header = json!({"alg": algorithm, "kid": "a", "typ": "JWT"});
            let refusal = judged(&signer, |issuer| by_secret(secret.as_bytes(), &header, &issuer.claims())).await;
            assert_eq!(refusal, Err(OidcRefusal::Algorithm), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let signer = Signer::rsa("a");
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let refusal = judged(&signer, |issuer| format!("{}.", message(&json!({"alg": none, "kid": "a"}), &issuer.claims()))).await;
        assert_eq!(refusal, Err(OidcRefusal::NotAJwt), "{none:?}");
    }
}

/// A token may name a key, but neither bring one along nor say where one is.
#[tokio::test]
async fn a_token_that_brings_its_own_key_is_checked_with_the_issuers() {
    let (own, others) = (Signer::rsa("a"), Signer::rsa("a"));
    let issuer = Issuer::with(&[&own]).await;
    let elsewhere = Issuer::with(&[&others]).await;
    let oidc = issuer.known_to(&Arc::default());
    let there = format!("http://{}/keys", elsewhere.address);
    for extra in [json!({"jwk": others.jwk()}), json!({"jku": there}), json!({"x5u": there}), json!({"x5c": ["AQAB"]})] {
        let mut header = json!({"alg": "RS256", "kid": "a"});
        let (Some(fields), Some(extra)) = (header.as_object_mut(), extra.as_object()) else { panic!("objects") };
        fields.extend(extra.clone());
        assert_eq!(oidc.authority(&others.token_with(&header, &issuer.claims())).await, Err(OidcRefusal::Signature));
    }
    assert_eq!(elsewhere.asked(), (0, 0));
}

#[tokio::test]
async fn a_key_that_is_for_another_algorithm_is_not_used() {
    let (rsa, elliptic) = (Signer::rsa("a"), Signer::p256("a"));
    let refusal = judged(&rsa, |issuer| elliptic.token(&issuer.claims())).await;
    assert_eq!(refusal, Err(OidcRefusal::KeyOfOtherAlgorithm));
    // Two keys may have one name, where their kinds differ.
    let issuer = Issuer::with(&[&rsa, &elliptic]).await;
    let oidc = issuer.known_to(&Arc::default());
    assert!(oidc.authority(&elliptic.token(&issuer.claims())).await.is_ok());
    assert!(oidc.authority(&rsa.token(&issuer.claims())).await.is_ok());
}

#[rstest]
#[case::issuer(json!({"iss": "http://127.0.0.1/realm"}), OidcRefusal::Issuer)]
#[case::audience(json!({"aud": "api://other"}), OidcRefusal::Audience)]
#[case::expired(json!({"exp": BEGIN - 61}), OidcRefusal::Expired)]
#[case::never_expires(json!({"exp": null}), OidcRefusal::Expired)]
#[case::not_yet(json!({"nbf": BEGIN + 61}), OidcRefusal::NotYet)]
#[case::nobodys(json!({"sub": null}), OidcRefusal::Subject)]
#[tokio::test]
async fn a_token_with_a_good_signature_and_a_wrong_claim_is_refused(#[case] changes: Value, #[case] refusal: OidcRefusal) {
    let signer = Signer::ed25519("a");
    assert_eq!(judged(&signer, |issuer| signer.token(&issuer.claims_but(&changes))).await, Err(refusal));
}

#[tokio::test]
async fn a_token_for_something_else_is_refused() {
    let signer = Signer::ed25519("a");
    let header = json!({"alg": "EdDSA", "kid": "a", "typ": "dpop+jwt"});
    assert_eq!(judged(&signer, |issuer| signer.token_with(&header, &issuer.claims())).await, Err(OidcRefusal::WrongType));
}

#[tokio::test]
async fn claims_that_are_no_object_are_no_claims() {
    let signer = Signer::ed25519("a");
    for claims in [json!([]), json!("text"), json!(null)] {
        assert_eq!(judged(&signer, |_| signer.token(&claims)).await, Err(OidcRefusal::NotAJwt), "{claims}");
    }
}

/// I21 for issuers' tokens: a grant of one tenant is none of another.
#[tokio::test]
async fn i21_a_grant_is_of_its_tenants_and_of_no_other() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    let oidc = issuer.known_to(&Arc::default());
    for (roles, on_1, on_2) in [
        (json!(["operators"]), Some(Role::Operator), None),
        (json!("operators"), Some(Role::Operator), None),
        (json!(["readers", "operators"]), Some(Role::Operator), Some(Role::Reader)),
        (json!(["others"]), None, None),
        (json!(null), None, None),
    ] {
        let known = oidc.authority(&signer.token(&issuer.claims_but(&json!({"roles": roles})))).await.expect("known");
        assert_eq!((known.authority.on(tenant(1)), known.authority.on(tenant(2))), (on_1, on_2), "{roles}");
        assert_eq!(known.authority.on_all(), on_2, "{roles}");
    }
}

#[tokio::test]
async fn a_token_ends_when_its_time_is_over() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = signer.token(&issuer.claims_but(&json!({"exp": BEGIN + 600})));
    assert!(oidc.authority(&token).await.is_ok());
    clock.pass(Duration::from_secs(600 + 59));
    assert!(oidc.authority(&token).await.is_ok(), "within the leeway");
    clock.pass(Duration::from_secs(1));
    assert_eq!(oidc.authority(&token).await, Err(OidcRefusal::Expired));
}

#[tokio::test]
async fn settings_that_trust_plain_text_elsewhere_are_refused() {
    let issuer = Issuer::with(&[]).await;
    let mut settings = issuer.settings();
    settings.issuer = "http://issuer.example".into();
    assert_eq!(lastseen_api::oidc::Oidc::new(settings, Arc::new(Clock::default())).err(), Some(OidcSetupError::Issuer));
}
