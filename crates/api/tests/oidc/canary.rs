//! What must never be shown (I17): no token, and nothing of what stands in one.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::filter::LevelFilter;

use crate::issuer::Issuer;
use crate::signer::{Signer, base64};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn i17_nothing_of_a_token_is_logged_or_told_whatever_is_wrong_with_it() {
    let log = Log::default();
    let writer = log.clone();
    // The whole process: the records of the `log` crate too, and those of connections, which live in tasks of their own.
    tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(move || writer.clone()).init();

    let (own, others) = (Signer::ed25519("canary-own"), Signer::ed25519("canary-others"));
    let issuer = Issuer::with(&[&own]).await;
    let oidc = issuer.known_to(&Arc::default());
    let claims = |changes: serde_json::Value| {
        let mut claims = issuer.claims_but(&json!({"sub": "canary-subject", "name": "canary-name", "roles": ["canary-role"]}));
        let (Some(fields), Some(changes)) = (claims.as_object_mut(), changes.as_object()) else { panic!("objects") };
        fields.extend(changes.clone());
        claims
    };
    let header = json!({"alg": "EdDSA", "kid": "canary-own", "typ": "canary-type"});
    let tokens = [
        own.token(&claims(json!({}))),
        own.token(&claims(json!({"iss": "canary-issuer"}))),
        own.token(&claims(json!({"aud": ["canary-audience"]}))),
        own.token(&claims(json!({"exp": "canary-exp"}))),
        own.token(&claims(json!({"nbf": "canary-nbf"}))),
        own.token(&claims(json!({"sub": ["canary-subject"]}))),
        own.token_with(&header, &claims(json!({}))),
        others.token(&claims(json!({}))),
        format!("{}x", own.token(&claims(json!({})))),
        "canary-no-jwt".to_owned(),
        format!("{}.canary.canary", base64(b"{\"alg\":\"canary-algorithm\"}")),
        format!("canary{}", "x".repeat(20_000)),
    ];
    let mut told = String::new();
    let mut refusals = std::collections::HashSet::new();
    for token in &tokens {
        if let Err(refusal) = oidc.authority(token).await {
            refusals.insert(refusal);
            writeln!(told, "{refusal} {refusal:?} {}", refusal.code()).expect("to memory");
        }
    }
    assert!(refusals.len() >= 8, "the ways that a token is refused: {refusals:?}");

    let log = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
    assert!(log.contains("oidc_wrong_issuer") && log.contains("oidc_not_a_jwt"), "the log holds what was refused");
    let parts = tokens.iter().flat_map(|token| token.split('.')).filter(|part| part.len() >= 8);
    for secret in parts.chain(["canary"]) {
        assert!(!log.contains(secret) && !told.contains(secret), "{secret}");
    }
}

#[test]
fn every_refusal_has_a_code_of_its_own() {
    use lastseen_api::oidc::OidcRefusal;
    let codes: std::collections::HashSet<_> = OidcRefusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(codes.len(), OidcRefusal::ALL.len());
    assert!(codes.iter().all(|code| code.starts_with("oidc_")));
}
