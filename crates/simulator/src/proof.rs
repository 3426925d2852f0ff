//! How a client proves who it is: by secret, by certificate, or by an assertion of somebody whom the application trusts.

use std::collections::HashSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::config::{FederatedPlan, SimulatorConfig};

/// What the form says an assertion is.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest life of an assertion that a certificate signs.
const LONGEST_LIFE: u64 = 600;
/// How far two clocks may be apart, in seconds.
const SKEW: u64 = 300;

/// Why a proof is refused: status, OAuth's word, Entra's number and a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) &'static str, pub(crate) u32, pub(crate) &'static str);

const fn refused(number: u32, text: &'static str) -> Refused {
    Refused(StatusCode::UNAUTHORIZED, "invalid_client", number, text)
}

/// What an application accepts as proof.
#[derive(Debug)]
pub(crate) struct Proofs {
    client_id: String,
    secret: String,
    certificates: Vec<Registered>,
    federated: Vec<(FederatedPlan, Vec<u8>)>,
    /// The ids of the assertions that were used: each is good for one request.
    used: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct Registered {
    thumbprint: String,
    public_key: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    jti: Option<String>,
    nbf: Option<u64>,
    exp: u64,
}

/// The three parts of a JWT.
struct Jwt<'a> {
    message: &'a str,
    header: Header,
    claims: Claims,
    signature: Vec<u8>,
}

impl Proofs {
    /// Fails with `InvalidInput` where something in the configuration is no certificate.
    pub(crate) fn new(config: &SimulatorConfig) -> io::Result<Self> {
        let registered = |der: &Vec<u8>| {
            Ok::<_, io::Error>(Registered { thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)), public_key: public_key(der)? })
        };
        let federated = config.federated.iter().map(|plan| Ok((plan.clone(), public_key(&plan.certificate)?)));
        Ok(Self {
            client_id: config.client_id.clone(),
            secret: config.client_secret.clone(),
            certificates: config.certificates.iter().map(registered).collect::<io::Result<_>>()?,
            federated: federated.collect::<io::Result<_>>()?,
            used: Mutex::default(),
        })
    }

    /// Judges the proof of a token request. `endpoint` is the address that was asked, `now` the time of day since 1970.
    pub(crate) fn judge(&self, field: impl Fn(&str) -> Option<String>, endpoint: &str, now: Duration) -> Result<(), Refused> {
        match (field("client_secret"), field("client_assertion")) {
            (Some(secret), None) if secret == self.secret => Ok(()),
            (Some(_), None) => Err(refused(
                7_000_215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.",
            )),
            (None, Some(assertion)) if field("client_assertion_type").as_deref() == Some(ASSERTION_TYPE) => {
                self.judge_assertion(&assertion, endpoint, now.as_secs())
            }
            _ => Err(refused(7_000_216, "'client_assertion', 'client_secret' or 'request' is required for the grant type.")),
        }
    }

    fn judge_assertion(&self, assertion: &str, endpoint: &str, now: u64) -> Result<(), Refused> {
        let jwt = Jwt::read(assertion).ok_or(refused(50_027, "JWT token is invalid or malformed."))?;
        match &jwt.header.thumbprint {
            Some(thumbprint) => self.judge_signed(&jwt, thumbprint, endpoint, now),
            None => self.judge_federated(&jwt, now),
        }
    }

    /// One that a certificate of the application has signed.
    fn judge_signed(&self, jwt: &Jwt<'_>, thumbprint: &str, endpoint: &str, now: u64) -> Result<(), Refused> {
        let known = self.certificates.iter().find(|known| known.thumbprint == thumbprint);
        let known = known.ok_or(refused(700_027, "The certificate that signed the client assertion is not registered on application."))?;
        if jwt.header.alg != "PS256" || !jwt.is_signed_by(&known.public_key, &RSA_PSS_2048_8192_SHA256) {
            return Err(refused(700_027, "Client assertion failed signature validation."));
        }
        if jwt.claims.iss != self.client_id || jwt.claims.sub != self.client_id {
            return Err(refused(700_021, "Client assertion application identifier doesn't match 'client_id' parameter."));
        }
        if jwt.claims.aud != endpoint {
            return Err(refused(700_023, "Client assertion audience claim does not match the token endpoint."));
        }
        let begins = jwt.claims.nbf.unwrap_or(now);
        if !jwt.lives(now) || jwt.claims.exp.saturating_sub(begins) > LONGEST_LIFE {
            return Err(refused(700_024, "Client assertion is not within its valid time range."));
        }
        let fresh = jwt.claims.jti.clone().is_some_and(|id| self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id));
        if fresh { Ok(()) } else { Err(refused(50_027, "Client assertion has no unique id.")) }
    }

    /// One of an issuer that a federated credential of the application names.
    fn judge_federated(&self, jwt: &Jwt<'_>, now: u64) -> Result<(), Refused> {
        let of_issuer: Vec<_> = self.federated.iter().filter(|(plan, _)| plan.issuer == jwt.claims.iss).collect();
        if of_issuer.is_empty() {
            return Err(refused(700_211, "No matching federated identity record found for presented assertion issuer."));
        }
        let of_subject = of_issuer.into_iter().find(|(plan, _)| plan.subject == jwt.claims.sub);
        let (plan, key) =
            of_subject.ok_or(refused(700_213, "No matching federated identity record found for presented assertion subject."))?;
        if plan.audience != jwt.claims.aud {
            return Err(refused(700_212, "No matching federated identity record found for presented assertion audience."));
        }
        if jwt.header.alg != "RS256" || !jwt.is_signed_by(key, &RSA_PKCS1_2048_8192_SHA256) {
            return Err(refused(50_013, "Assertion failed signature validation."));
        }
        if jwt.lives(now) { Ok(()) } else { Err(refused(700_024, "Client assertion is not within its valid time range.")) }
    }
}

impl<'a> Jwt<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let unpack = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            message,
            header: serde_json::from_slice(&unpack(header)?).ok()?,
            claims: serde_json::from_slice(&unpack(claims)?).ok()?,
            signature: unpack(signature)?,
        })
    }

    fn is_signed_by(&self, key: &[u8], algorithm: &'static dyn VerificationAlgorithm) -> bool {
        UnparsedPublicKey::new(algorithm, key).verify(self.message.as_bytes(), &self.signature).is_ok()
    }

    fn lives(&self, now: u64) -> bool {
        self.claims.exp + SKEW >= now && self.claims.nbf.is_none_or(|begins| begins <= now + SKEW)
    }
}

fn public_key(der: &[u8]) -> io::Result<Vec<u8>> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a certificate in DER"))?;
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}
