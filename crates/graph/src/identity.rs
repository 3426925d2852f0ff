//! Managed identity: Azure gives a machine an identity, and an endpoint on the machine gives tokens for it.
//!
//! This is the one request that goes neither to Graph nor to the token endpoint. It has a type of its own, so that the client of those two
//! still can't send anything else; and it goes to addresses of this machine or its link alone, where no router carries it on.

use std::fmt;

use lastseen_model::{ClientId, ErrorCode, ErrorContext};
use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};
use uuid::Uuid;

use crate::body::Fault;
use crate::classify::{Again, SignInVerdict, judge_sign_in};
use crate::error_body::SignInError;
use crate::origin::Origin;
use crate::settings::{GraphSettings, GraphSetupError};
use crate::traffic::Counters;
use crate::transport::{self, Answer, TOKEN_BODY_CAP};

/// Where every virtual machine of Azure finds its identity.
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// The path there.
const MACHINE_PATH: &str = "/metadata/identity/oauth2/token";
/// The version of its protocol.
const MACHINE_API: &str = "2018-02-01";

/// An identity endpoint: `http` to this machine (loopback) or its link (link-local), and nothing else.
pub struct IdentityEndpoint {
    url: Url,
    api_version: &'static str,
    /// App Service's proof that the caller is its own.
    header: Option<SecretString>,
}

/// A text that is no address of an identity endpoint. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity endpoint is an http address of this machine: loopback or link-local, without a query or a user name")]
pub struct NotAnIdentityEndpoint;

impl IdentityEndpoint {
    /// That of a virtual machine, a scale set or a Kubernetes node.
    pub fn machine() -> Self {
        Self { url: constant(MACHINE), api_version: MACHINE_API, header: None }
    }

    /// The same protocol at another origin of this machine: a test's.
    pub fn machine_at(origin: &str) -> Result<Self, NotAnIdentityEndpoint> {
        let mut url = local(origin)?;
        if url.path() != "/" {
            return Err(NotAnIdentityEndpoint);
        }
        url.set_path(MACHINE_PATH);
        Ok(Self { url, api_version: MACHINE_API, header: None })
    }

    /// That of App Service, Functions and Container Apps, by the two variables that they set. Service Fabric and Azure Arc, which want a
    /// certificate pinned and a file read, are not supported.
    pub fn app_service(endpoint: &SecretString, header: SecretString) -> Result<Self, NotAnIdentityEndpoint> {
        if HeaderValue::from_str(header.expose_secret()).is_err() {
            return Err(NotAnIdentityEndpoint);
        }
        Ok(Self { url: local(endpoint.expose_secret())?, api_version: "2019-08-01", header: Some(header) })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The question for a token of a resource.
    fn question(&self, resource: &Origin, client_id: Option<&ClientId>) -> Url {
        let mut url = self.url.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("api-version", self.api_version).append_pair("resource", &resource.to_string());
        if let Some(client_id) = client_id {
            query.append_pair("client_id", client_id.as_str());
        }
        drop(query);
        url
    }
}

fn constant(text: &'static str) -> Url {
    Url::parse(text).expect("a constant that a test reads")
}

fn local(text: &str) -> Result<Url, NotAnIdentityEndpoint> {
    let url = Url::parse(text).map_err(|_| NotAnIdentityEndpoint)?;
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        None => false,
    };
    // The text is looked at too: the parser drops an empty user name or query without a trace.
    if url.scheme() == "http" && near && !text.contains(['@', '?', '#']) { Ok(url) } else { Err(NotAnIdentityEndpoint) }
}

impl fmt::Debug for IdentityEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityEndpoint")
    }
}

/// HTTP to identity endpoints: `GET`, and only that.
#[derive(Clone)]
pub(crate) struct IdentityTransport(Client);

impl IdentityTransport {
    pub(crate) fn new(settings: &GraphSettings) -> Result<Self, GraphSetupError> {
        transport::identity_client(settings).map(Self)
    }

    /// Asks for a token.
    pub(crate) async fn ask(
        &self,
        endpoint: &IdentityEndpoint,
        resource: &Origin,
        client_id: Option<&ClientId>,
        request_id: Uuid,
        counters: &Counters,
    ) -> Result<Answer, Fault> {
        let request = self.0.get(endpoint.question(resource, client_id));
        let request = match &endpoint.header {
            None => request.header("metadata", "true"),
            Some(header) => {
                let mut header = HeaderValue::from_str(header.expose_secret()).map_err(|_| Fault::Unsendable)?;
                header.set_sensitive(true);
                request.header("x-identity-header", header)
            }
        };
        transport::send(request, request_id, TOKEN_BODY_CAP, counters).await
    }
}

/// Judges what the endpoint answered. It differs from the token endpoint's in what is missing: no endpoint, or none that knows the
/// identity, means that this machine has no such credential. 404 and 410 also come while the endpoint is being updated, and pass.
pub(crate) fn judge(outcome: Result<Answer, Fault>) -> (SignInVerdict, ErrorContext) {
    let absent = SignInVerdict::Again(Again::seldom(ErrorCode::CredentialUnavailable));
    let answer = match outcome {
        Ok(answer) => answer,
        Err(Fault::Connection | Fault::Timeout) => return (absent, ErrorContext::default()),
        Err(fault) => return judge_sign_in(Err(fault)),
    };
    let error = SignInError::read(answer.body.as_deref().unwrap_or_default());
    let status = answer.status;
    let (verdict, context) = judge_sign_in(Ok(answer));
    let verdict = match (verdict, status) {
        (SignInVerdict::End(ErrorCode::AuthFailed), StatusCode::NOT_FOUND | StatusCode::GONE) => absent,
        // With a number it is Entra that refused; without, the endpoint does not know the identity.
        (SignInVerdict::End(ErrorCode::AuthFailed), _) if error.aadsts.is_none() => SignInVerdict::End(ErrorCode::CredentialUnavailable),
        (verdict, _) => verdict,
    };
    (verdict, context)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://169.254.169.254")]
    #[case("http://127.0.0.1:41741/MSI/token/")]
    #[case("http://localhost:42356/msi/token")]
    #[case("http://169.254.129.2:8081/msi/token")]
    #[case("http://[::1]:80/")]
    #[case("http://[fe80::1]/")]
    fn an_identity_endpoint_is_on_this_machine_or_its_link(#[case] text: &str) {
        assert!(local(text).is_ok());
    }

    #[rstest]
    #[case("https://169.254.169.254")]
    #[case("http://10.0.0.1/")]
    #[case("http://metadata.example/")]
    #[case("http://localhost.example/")]
    #[case("http://user@127.0.0.1/")]
    #[case("http://127.0.0.1/?resource=x")]
    #[case("ftp://127.0.0.1/")]
    #[case("127.0.0.1")]
    fn i17_an_address_that_leaves_the_machine_is_refused_and_not_repeated(#[case] text: &str) {
        assert_eq!(local(text), Err(NotAnIdentityEndpoint));
        assert!(IdentityEndpoint::app_service(&text.into(), "canary".into()).is_err());
    }

    #[test]
    fn the_question_names_the_resource_and_a_user_assigned_identity() {
        let graph = Origin::parse("https://graph.microsoft.us").expect("an origin");
        let client = "8c2f-1".parse().expect("a client id");
        assert_eq!(
            IdentityEndpoint::machine().question(&graph, Some(&client)).as_str(),
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.microsoft.us&client_id=8c2f-1"
        );
        let service = IdentityEndpoint::app_service(&"http://localhost:1/msi/token".into(), "canary".into()).expect("an endpoint");
        assert_eq!(
            service.question(&graph, None).as_str(),
            "http://localhost:1/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.us"
        );
        assert!(!format!("{service:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn i03_no_answer_of_an_identity_endpoint_makes_the_reader_fall(status in 100..600_u16, at in 0..200_usize, byte: u8, cut in 0..200_usize) {
            for whole in [
                r#"{"access_token":"a.b.c","expires_in":"86400","expires_on":"1506484173","token_type":"Bearer"}"#,
                r#"{"error":"invalid_request","error_description":"AADSTS500011: Identity not found","error_codes":[500011]}"#,
            ] {
                let mut body = whole.as_bytes().to_vec();
                let length = body.len();
                body[at % length] = byte;
                body.truncate(length - cut % length);
                let status = StatusCode::from_u16(status).expect("a status");
                let answer = Answer { status, retry_after: None, request_id: None, claims: None, has_location: false, body: Ok(body) };
                drop(judge(Ok(answer)));
            }
        }
    }
}
