//! Getting a token from the token endpoint, with the same patience as listing has.

use lastseen_model::ErrorCode;
use secrecy::ExposeSecret;
use url::Url;

use crate::backoff::Attempts;
use crate::classify::{SignInVerdict, judge_sign_in};
use crate::failure::GraphFailure;
use crate::session::Session;
use crate::token::Token;
use crate::transport::Route;

/// Fetches a token for the session's tenant by client secret.
pub(crate) async fn fetch(session: &Session) -> Result<Token, GraphFailure> {
    let client = session.client();
    let endpoints = &client.settings.endpoints;
    let url = Url::parse(&format!("{}/{}/oauth2/v2.0/token", endpoints.authority, session.tenant_id()))
        .map_err(|_| GraphFailure::of(ErrorCode::Internal))?;
    let scope = format!("{}/.default", endpoints.graph);
    let form = [
        ("client_id", client.credential.client_id.as_str()),
        ("client_secret", client.credential.secret.expose_secret()),
        ("scope", scope.as_str()),
        ("grant_type", "client_credentials"),
    ];
    let mut attempts = Attempts::default();
    let mut route = Route::Pooled;
    loop {
        // Before the request: the lifetime runs from some moment while it is under way.
        let asked_at = client.timer.now();
        attempts.begin(asked_at);
        if attempts.made() > 1 {
            session.counters().retry();
        }
        let outcome = client.authority.post(&url, &form, session.request_id(), route, session.counters()).await;
        let retry_after = outcome.as_ref().ok().and_then(|answer| answer.retry_after);
        let (verdict, mut context) = judge_sign_in(outcome);
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
