//! The wire: `GET` to Graph, `POST` to the token endpoint, and nothing else. (The one other request has a type of its own: `identity`.)

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use crate::body::{Collector, Fault};
use crate::claims::Claims;
use crate::origin::Origin;
use crate::retry_after;
use crate::settings::{GraphSettings, GraphSetupError};
use crate::traffic::Counters;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The same for an identity endpoint, which is near or not there at all.
const IDENTITY_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much of an answer that is no page is read: enough for any error text, which is only looked at.
const ERROR_BODY_CAP: u64 = 256 * 1024;

/// How much of a token endpoint's answer is read.
pub(crate) const TOKEN_BODY_CAP: u64 = 64 * 1024;

/// An answer whose head came whole. Whether its body did is in `body`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// What `Retry-After` asks for, where it asks for something.
    pub(crate) retry_after: Option<Duration>,
    /// The sender's id of the request.
    pub(crate) request_id: Option<Uuid>,
    /// What Graph wants of the next token.
    pub(crate) claims: Option<Claims>,
    /// Whether a redirect says where to.
    pub(crate) has_location: bool,
    pub(crate) body: Result<Vec<u8>, Fault>,
}

/// Which connection a request goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// One that is open, where there is one.
    Pooled,
    /// A new one: Microsoft's advice after a 503, because the old one may hang on a sick front end.
    New,
}

/// HTTP to one origin.
#[derive(Clone)]
pub(crate) struct Transport {
    pooled: Client,
    // Without idle connections every request opens its own, which costs no new TLS set-up of the client.
    unpooled: Client,
    body_cap: u64,
}

impl Transport {
    pub(crate) fn new(origin: &Origin, settings: &GraphSettings) -> Result<Self, GraphSetupError> {
        Ok(Self { pooled: client(origin, settings, usize::MAX)?, unpooled: client(origin, settings, 0)?, body_cap: settings.body_cap })
    }

    /// Asks Graph for an address.
    pub(crate) async fn get(
        &self,
        url: &Url,
        token: &SecretString,
        request_id: Uuid,
        route: Route,
        counters: &Counters,
    ) -> Result<Answer, Fault> {
        let request = self.client(route).get(url.clone()).header(AUTHORIZATION, bearer(token)?);
        send(request, request_id, self.body_cap, counters).await
    }

    /// Posts a form to the token endpoint.
    pub(crate) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        request_id: Uuid,
        route: Route,
        counters: &Counters,
    ) -> Result<Answer, Fault> {
        send(self.client(route).post(url.clone()).form(form), request_id, TOKEN_BODY_CAP, counters).await
    }

    fn client(&self, route: Route) -> &Client {
        match route {
            Route::Pooled => &self.pooled,
            Route::New => &self.unpooled,
        }
    }
}

/// The header with the token. Marked as sensitive, so that its `Debug` hides it and HTTP/2 keeps it out of its tables.
fn bearer(token: &SecretString) -> Result<HeaderValue, Fault> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| Fault::Unsendable)?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

fn client(origin: &Origin, settings: &GraphSettings, idle: usize) -> Result<Client, GraphSetupError> {
    let mut builder = builder(settings, CONNECT_TIMEOUT).pool_max_idle_per_host(idle).https_only(origin.is_https());
    if origin.is_loopback() {
        builder = builder.no_proxy();
    }
    if !origin.is_https() {
        // Nothing to verify: a machine without CA certificates can still run the demo.
        builder = builder.tls_certs_only([]);
    }
    // With rustls the library brings its own aws-lc-rs provider where the process has set none.
    builder.build().map_err(|_| GraphSetupError::Tls)
}

/// The client for identity endpoints: plain `http`, past every proxy, for what is asked is on this machine.
pub(crate) fn identity_client(settings: &GraphSettings) -> Result<Client, GraphSetupError> {
    builder(settings, IDENTITY_CONNECT_TIMEOUT).no_proxy().tls_certs_only([]).build().map_err(|_| GraphSetupError::Tls)
}

#[expect(clippy::disallowed_methods, reason = "the one place where an HTTP client is made")]
fn builder(settings: &GraphSettings, connect_timeout: Duration) -> ClientBuilder {
    ClientBuilder::new()
        .user_agent(concat!("lastseen/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Our own loop retries, under a budget; the library's would hide requests from it.
        .retry(reqwest::retry::never())
        // Unpacked by `body`, under both caps. Without this a build with the library's own gzip would unpack first.
        .no_gzip()
        .connect_timeout(connect_timeout.min(settings.request_timeout))
        .timeout(settings.request_timeout)
}

/// Sends a request, and reads its answer under the cap.
pub(crate) async fn send(request: RequestBuilder, request_id: Uuid, cap: u64, counters: &Counters) -> Result<Answer, Fault> {
    let request = request
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "gzip")
        .header("client-request-id", request_id.as_hyphenated().to_string());
    counters.request();
    let response = request.send().await.map_err(|error| fault(&error, Fault::Connection))?;
    let status = response.status();
    let headers = response.headers();
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let retry_after = headers.get_all(RETRY_AFTER).iter().filter_map(|value| retry_after::parse(value.to_str().ok()?, date)).max();
    let id = uuid(headers, "request-id").or_else(|| uuid(headers, "x-ms-request-id"));
    let claims = (status == StatusCode::UNAUTHORIZED).then(|| Claims::of(headers)).flatten();
    let has_location = headers.contains_key(LOCATION);
    let cap = if status.is_success() { cap } else { cap.min(ERROR_BODY_CAP) };
    let body = read(response, cap, counters).await;
    Ok(Answer { status, retry_after, request_id: id, claims, has_location, body })
}

async fn read(mut response: Response, cap: u64, counters: &Counters) -> Result<Vec<u8>, Fault> {
    let mut collector = Collector::new(response.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes), cap)?;
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error, Fault::CutOff))? {
        counters.received(chunk.len());
        collector.take(&chunk)?;
    }
    collector.finish()
}

fn uuid(headers: &HeaderMap, name: &str) -> Option<Uuid> {
    Uuid::try_parse(headers.get(name)?.to_str().ok()?).ok()
}

/// Sorts the library's error. Its text, which names the address, goes no further than here.
fn fault(error: &reqwest::Error, ended_early: Fault) -> Fault {
    if error.is_builder() {
        return Fault::Unsendable;
    }
    // First, because a connection that takes too long is no connection.
    if error.is_connect() {
        return Fault::Connection;
    }
    if error.is_timeout() {
        return Fault::Timeout;
    }
    let mut source = error.source();
    while let Some(inner) = source {
        match inner.downcast_ref::<io::Error>() {
            Some(inner) if inner.kind() == io::ErrorKind::UnexpectedEof => return ended_early,
            _ => source = inner.source(),
        }
    }
    Fault::Connection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i17_the_header_with_the_token_is_sensitive() {
        let header = bearer(&"canary".into()).expect("a header");
        assert!(header.is_sensitive() && !format!("{header:?}").contains("canary"));
    }
}
