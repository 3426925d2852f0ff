//! Getting a token, with the same patience as listing has: from the token endpoint, or from the machine's identity endpoint.

use std::path::Path;

use lastseen_model::{ClientId, CredentialRef, ErrorCode, ErrorContext};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use crate::assertion;
use crate::backoff::Attempts;
use crate::claims::Claims;
use crate::classify::{SignInVerdict, judge_sign_in};
use crate::credential::Proof;
use crate::failure::GraphFailure;
use crate::identity;
use crate::problem::{CredentialProblem, CredentialReason};
use crate::secret_file;
use crate::session::Session;
use crate::token::{AskedAt, Token};
use crate::transport::Route;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Fetches a token for the session's tenant. `claims` is what Graph said it wants of it.
pub(crate) async fn fetch(session: &Session, claims: Option<Claims>) -> Result<Token, GraphFailure> {
    let client = session.client();
    let mut attempts = Attempts::default();
    let mut route = Route::Pooled;
    loop {
        // Before the request: the lifetime runs from some moment while it is under way.
        let asked_at = AskedAt { moment: client.timer.now(), time_of_day: client.timer.time_of_day() };
        attempts.begin(asked_at.moment);
        if attempts.made() > 1 {
            session.counters().retry();
        }
        let (verdict, retry_after, mut context) = ask(session, claims.as_ref(), asked_at, route).await?;
        context.attempts = Some(attempts.made());
        context.retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let failed = |code| GraphFailure { code, context: context.clone() };
        match verdict {
            SignInVerdict::Granted(grant) => {
                tracing::debug!(attempt = attempts.made(), "signed in");
                return grant.into_token(session.tenant_id(), asked_at).map_err(failed);
            }
            SignInVerdict::End(code) => {
                tracing::debug!(status = context.http_status, aadsts = context.aadsts, code = code.as_str(), "sign-in failed");
                return Err(failed(code));
            }
            SignInVerdict::Again(again) => {
                if again.code == ErrorCode::GraphThrottled {
                    session.counters().throttled();
                }
                let wait = attempts.next(again, retry_after, &client.settings, client.timer.now()).ok_or_else(|| failed(again.code))?;
                tracing::debug!(
                    status = context.http_status,
                    code = again.code.as_str(),
                    attempt = attempts.made(),
                    wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    "signing in again"
                );
                route = again.route;
                client.timer.pause(wait).await;
            }
        }
    }
}

type Judged = (SignInVerdict, Option<std::time::Duration>, ErrorContext);

/// Asks once. The proof is made anew each time: an assertion is good for one use, and a file may have been renewed in between.
async fn ask(session: &Session, claims: Option<&Claims>, asked_at: AskedAt, route: Route) -> Result<Judged, GraphFailure> {
    let credential = &session.access().credential;
    let request_id = session.request_id();
    if let (Proof::ManagedIdentity(endpoint), Some(transport)) = (&credential.proof, &session.ways().identity) {
        let graph = &session.endpoints().graph;
        let outcome = transport.ask(endpoint, graph, credential.client_id.as_ref(), request_id, session.counters()).await;
        let retry_after = outcome.as_ref().ok().and_then(|answer| answer.retry_after);
        let (verdict, context) = identity::judge(outcome);
        return Ok((verdict, retry_after, context));
    }
    let endpoints = session.endpoints();
    let url = Url::parse(&format!("{}/{}/oauth2/v2.0/token", endpoints.authority, session.tenant_id())).map_err(|_| bug())?;
    let client_id = credential.client_id.as_ref().ok_or_else(|| GraphFailure::of(ErrorCode::CredentialUnavailable))?;
    let proven = prove(&credential.proof, client_id, &url, request_id, asked_at).await?;
    let scope = format!("{}/.default", endpoints.graph);
    let mut form = vec![("client_id", client_id.as_str()), ("scope", scope.as_str()), ("grant_type", "client_credentials")];
    match &proven {
        Proven::Secret(secret) => form.push(("client_secret", secret.expose_secret())),
        Proven::Assertion(assertion) => {
            form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.expose_secret())]);
        }
    }
    form.extend(claims.map(|claims| ("claims", claims.as_text())));
    let outcome = session.ways().authority.post(&url, &form, request_id, route, session.counters()).await;
    let retry_after = outcome.as_ref().ok().and_then(|answer| answer.retry_after);
    let (verdict, context) = judge_sign_in(outcome);
    Ok((verdict, retry_after, context))
}

/// What goes into the form.
enum Proven {
    Secret(SecretString),
    Assertion(SecretString),
}

async fn prove(proof: &Proof, client_id: &ClientId, url: &Url, id: Uuid, asked_at: AskedAt) -> Result<Proven, GraphFailure> {
    match proof {
        Proof::Secret(secret) => Ok(Proven::Secret(secret.clone())),
        Proof::Certificate(certificate) => {
            assertion::sign(certificate, client_id, url, id, asked_at.time_of_day).map(Proven::Assertion).ok_or_else(bug)
        }
        Proof::Federated(file) => federated(file).await.map(Proven::Assertion),
        // A session of such a credential has the transport for it, and does not come here.
        Proof::ManagedIdentity(_) => Err(bug()),
    }
}

/// The assertion of a workload identity, as it is in its file now.
async fn federated(file: &Path) -> Result<SecretString, GraphFailure> {
    let reading = tokio::task::spawn_blocking({
        let file = file.to_owned();
        move || secret_file::text(&file)
    });
    let read = reading.await.map_err(|_panicked| bug())?;
    let read = read.and_then(|text| if assertion::is_one(text.expose_secret()) { Ok(text) } else { Err(CredentialReason::NotAnAssertion) });
    read.map_err(|reason| {
        let problem = CredentialProblem::of(&CredentialRef::Federated(file.to_owned()), reason);
        tracing::warn!(code = ErrorCode::CredentialUnavailable.as_str(), %problem, "the credential can't be used");
        GraphFailure::of(ErrorCode::CredentialUnavailable)
    })
}

fn bug() -> GraphFailure {
    GraphFailure::of(ErrorCode::Internal)
}
