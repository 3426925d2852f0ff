//! Fetching an issuer's keys: two `GET`s, to where the issuer is and to where it says that its keys are.
//!
//! This is the one file outside `graph` that may send requests, and none but these. They carry nothing of ours: no token, no cookie.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_ENCODING};
use reqwest::{Client, ClientBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::address::Address;
use super::key_set::KeySet;
use super::refusal::OidcSetupError;

/// How long one request may take, from connecting to its last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an answer is read.
const BODY_CAP: usize = 1024 * 1024;

/// Why keys could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FetchFault {
    /// No answer, or not a whole one in time.
    NoAnswer,
    /// Another status than 200. Redirects are not followed.
    Status,
    /// Larger than the cap, or packed.
    Body,
    /// Not the JSON of such a document.
    NotTheDocument,
    /// The document found there is another issuer's.
    OtherIssuer,
    /// The keys are said to be where they must not be asked for.
    Address,
    /// No usable keys, or too many to be an issuer's.
    Keys,
}

impl FetchFault {
    /// The word for it in the log.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::NoAnswer => "oidc_issuer_no_answer",
            Self::Status => "oidc_issuer_status",
            Self::Body => "oidc_issuer_body_too_large",
            Self::NotTheDocument => "oidc_issuer_not_the_document",
            Self::OtherIssuer => "oidc_issuer_is_another",
            Self::Address => "oidc_issuer_keys_at_refused_address",
            Self::Keys => "oidc_issuer_no_usable_keys",
        }
    }
}

/// Where keys come from.
pub(super) struct Source {
    client: Client,
    issuer: String,
    address: Address,
    discovery: Address,
}

/// What is read of the discovery document.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

impl Source {
    pub(super) fn new(issuer: &str) -> Result<Self, OidcSetupError> {
        let address = Address::issuer(issuer).ok_or(OidcSetupError::Issuer)?;
        let discovery = address.followed_by(".well-known/openid-configuration").ok_or(OidcSetupError::Issuer)?;
        Ok(Self { client: client(&address)?, issuer: issuer.to_owned(), address, discovery })
    }

    /// Asks the issuer where its keys are, and there for the keys.
    pub(super) async fn fetch(&self) -> Result<KeySet, FetchFault> {
        let discovery: Discovery = self.get(&self.discovery).await?;
        if discovery.issuer != self.issuer {
            return Err(FetchFault::OtherIssuer);
        }
        let jwks: Jwks = self.get(&keys_at(&self.address, &discovery.jwks_uri)?).await?;
        KeySet::of(jwks.keys).ok_or(FetchFault::Keys)
    }

    async fn get<T: DeserializeOwned>(&self, address: &Address) -> Result<T, FetchFault> {
        let request = self.client.get(address.url().clone()).header(ACCEPT, "application/json");
        let mut response = request.send().await.map_err(|_| FetchFault::NoAnswer)?;
        if response.status() != StatusCode::OK {
            return Err(FetchFault::Status);
        }
        if response.headers().contains_key(CONTENT_ENCODING) {
            return Err(FetchFault::Body);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| FetchFault::NoAnswer)? {
            if body.len() + chunk.len() > BODY_CAP {
                return Err(FetchFault::Body);
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).map_err(|_| FetchFault::NotTheDocument)
    }
}

/// Where the keys are, if they may be asked for there. An issuer elsewhere has no say in what is asked of this machine.
fn keys_at(issuer: &Address, said: &str) -> Result<Address, FetchFault> {
    Address::parse(said).filter(|keys| issuer.is_loopback() || !keys.is_loopback()).ok_or(FetchFault::Address)
}

#[expect(
    clippy::disallowed_methods,
    reason = "graph's client is for Microsoft; this one fetches an issuer's keys, and lives by the same rules"
)]
fn client(issuer: &Address) -> Result<Client, OidcSetupError> {
    let mut builder = ClientBuilder::new()
        .user_agent(concat!("lastseen/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_gzip()
        .https_only(issuer.is_https())
        .connect_timeout(REQUEST_TIMEOUT)
        .timeout(REQUEST_TIMEOUT);
    if issuer.is_loopback() {
        builder = builder.no_proxy();
    }
    if !issuer.is_https() {
        // Nothing to verify: a machine without CA certificates can still try it.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|_| OidcSetupError::Tls)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://issuer.example", "https://keys.example/keys", true)]
    #[case("https://issuer.example", "https://issuer.example/keys?version=1", true)]
    #[case("https://issuer.example", "http://issuer.example/keys", false)]
    #[case("https://issuer.example", "http://127.0.0.1:8480/keys", false)]
    #[case("https://issuer.example", "https://localhost/keys", false)]
    #[case("https://issuer.example", "https://[::1]/keys", false)]
    #[case("http://127.0.0.1:1234", "http://127.0.0.1:1234/keys", true)]
    #[case("http://127.0.0.1:1234", "https://keys.example/keys", true)]
    #[case("http://127.0.0.1:1234", "http://keys.example/keys", false)]
    fn keys_are_not_asked_for_where_an_issuer_has_no_say(#[case] issuer: &str, #[case] keys: &str, #[case] asked: bool) {
        let issuer = Address::issuer(issuer).expect("an issuer");
        assert_eq!(keys_at(&issuer, keys).is_ok(), asked);
    }
}
