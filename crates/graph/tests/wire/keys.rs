//! Keys and certificates of a test's own, made when they are needed: none is in the repository.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lastseen_graph::{Certificate, Credential, Environment, Proof};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};

use crate::support::*;

/// A certificate and its key, PEM.
pub(crate) fn pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let certificate = CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("a certificate");
        key.serialize_pem() + &certificate.pem()
    })
}

pub(crate) fn by_certificate() -> Credential {
    let certificate = Certificate::read(pem().as_bytes(), None, Duration::ZERO).expect("a certificate");
    Credential { proof: Proof::Certificate(certificate), ..credential() }
}

pub(crate) fn by_secret(secret: &str) -> Credential {
    Credential { proof: Proof::Secret(secret.into()), ..credential() }
}

/// An environment with nothing in it.
pub(crate) fn no_environment() -> Environment {
    Arc::new(|_| Ok(None))
}
