//! Keys made for a test, and tokens by them. Nothing of the library under test is in here.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) enum Kind {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key of an issuer.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    kind: Kind,
}

impl Signer {
    pub(crate) fn rsa(kid: &'static str) -> Self {
        Self { kid, kind: Kind::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")) }
    }

    pub(crate) fn p256(kid: &'static str) -> Self {
        Self { kid, kind: Kind::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")) }
    }

    pub(crate) fn p384(kid: &'static str) -> Self {
        Self { kid, kind: Kind::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key")) }
    }

    pub(crate) fn ed25519(kid: &'static str) -> Self {
        Self { kid, kind: Kind::Ed25519(Ed25519KeyPair::generate().expect("a key")) }
    }

    /// The algorithm that is used where a test does not care.
    pub(crate) fn usual(&self) -> &'static str {
        match self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::P256(_) => "ES256",
            Kind::P384(_) => "ES384",
            Kind::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key as the issuer shows it.
    pub(crate) fn jwk(&self) -> Value {
        let halves = |point: &[u8]| {
            // After one byte that says that both halves follow.
            let (x, y) = point[1..].split_at(point.len() / 2);
            (base64(x), base64(y))
        };
        match &self.kind {
            Kind::Rsa(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                json!({"kty": "RSA", "use": "sig", "kid": self.kid, "n": base64(n.big_endian_without_leading_zero()),
                       "e": base64(e.big_endian_without_leading_zero())})
            }
            Kind::P256(key) => {
                let (x, y) = halves(key.public_key().as_ref());
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": x, "y": y})
            }
            Kind::P384(key) => {
                let (x, y) = halves(key.public_key().as_ref());
                json!({"kty": "EC", "crv": "P-384", "kid": self.kid, "x": x, "y": y})
            }
            Kind::Ed25519(key) => json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": base64(key.public_key().as_ref())}),
        }
    }

    /// A token with these claims, and a header that names this key.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.usual(), "kid": self.kid, "typ": "JWT"}), claims)
    }

    /// A token with this header, signed by the algorithm that it names.
    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self.sign(header["alg"].as_str().expect("an algorithm"), message.as_bytes());
        format!("{message}.{}", base64(&signature))
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.kind {
            Kind::Rsa(key) => {
                let encoding: &dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature).expect("signed");
                signature
            }
            Kind::P256(key) | Kind::P384(key) => key.sign(&random, message).expect("signed").as_ref().to_vec(),
            Kind::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

/// A token that is signed with a shared secret.
pub(crate) fn by_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", base64(signature.as_ref()))
}

/// Header and claims, as they are signed.
pub(crate) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
