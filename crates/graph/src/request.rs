//! One page: asked for until it comes, or until its tries or its time are over.

use std::time::Duration;

use lastseen_contracts::Workload;
use lastseen_model::{ErrorCode, ErrorContext};
use url::Url;

use crate::backoff::{Attempts, jittered};
use crate::budget::Budget;
use crate::classify::{Asked, Verdict, judge};
use crate::envelope::Envelope;
use crate::failure::GraphFailure;
use crate::gate::Pass;
use crate::options::Fallback;
use crate::session::Session;
use crate::slots::Slot;
use crate::transport::Route;

/// What asking for a page came to.
pub(crate) enum Reply {
    /// The page.
    Page(Envelope),
    /// It might come when less is asked for; else this is how it ends.
    Fallback(Fallback, GraphFailure),
    /// Its page token has expired: the listing may begin again, else this is how it ends.
    Restart(GraphFailure),
}

/// Asks for one address until there is a reply.
pub(crate) async fn ask(session: &Session, workload: Workload, url: &Url, mut asked: Asked) -> Result<Reply, GraphFailure> {
    let client = session.client();
    let tenant = session.tenant();
    let budget = tenant.budgets.of(workload);
    let mut attempts = Attempts::default();
    let mut route = Route::Pooled;
    let mut last_failure = None;
    loop {
        let token = session.token().await?;
        let slot = enter(session, &budget, &mut attempts, last_failure.as_ref()).await?;
        if attempts.made() > 1 {
            session.counters().retry();
        }
        let mut outcome = session.graph().get(url, &token.secret, session.request_id(), route, session.counters()).await;
        let claims = outcome.as_mut().ok().and_then(|answer| answer.claims.take());
        let retry_after = outcome.as_ref().ok().and_then(|answer| answer.retry_after);
        let (verdict, mut context) = judge(outcome, &asked);
        context.attempts = Some(attempts.made());
        context.retry_after_ms = retry_after.map(millis);
        tracing::debug!(
            ?workload,
            status = context.http_status,
            graph_code = context.graph_code.as_ref().map(lastseen_model::GraphCode::as_str),
            attempt = attempts.made(),
            retry_after_ms = context.retry_after_ms,
            verdict = verdict.name(),
            "Graph answered"
        );
        let throttled = matches!(&verdict, Verdict::Again(again) if again.code == ErrorCode::GraphThrottled);
        if throttled {
            session.counters().throttled();
            slot.throttled();
        } else {
            slot.answered();
        }
        let close = |wait: Duration| {
            budget.close(client.timer.now().saturating_add(wait.min(client.settings.longest_closure())));
        };
        match verdict {
            Verdict::Page(envelope) => {
                // A page may come with a `Retry-After`: it is a page, and the next request is not to come before.
                if let Some(wait) = retry_after {
                    close(wait.min(client.settings.retry_after_ceiling));
                }
                return Ok(Reply::Page(envelope));
            }
            Verdict::Again(again) => {
                let wait = attempts.next(again, retry_after, &client.settings, client.timer.now());
                if throttled {
                    close(retry_after.or(wait).unwrap_or_else(|| attempts.backoff()));
                }
                let failure = GraphFailure { code: again.code, context };
                let Some(wait) = wait else { return Err(failure) };
                drop(slot);
                last_failure = Some(failure);
                route = again.route;
                client.timer.pause(wait).await;
            }
            Verdict::FreshToken => {
                drop(slot);
                last_failure = Some(GraphFailure { code: ErrorCode::GraphUnauthorized, context });
                session.refused(&token, claims).await;
                asked.fresh_token = true;
            }
            Verdict::Fallback(fallback) => {
                return Ok(Reply::Fallback(fallback, GraphFailure { code: ErrorCode::GraphBadRequest, context }));
            }
            Verdict::Restart => return Ok(Reply::Restart(GraphFailure { code: ErrorCode::GraphBadRequest, context })),
            Verdict::End(code) => return Err(GraphFailure { code, context }),
        }
    }
}

/// Waits for a turn: a slot of the bucket, at a moment when it is open and its budget is not spent. Nothing starts before its bucket's time, and no
/// slot is held while waiting for it.
async fn enter(
    session: &Session,
    budget: &Budget,
    attempts: &mut Attempts,
    last_failure: Option<&GraphFailure>,
) -> Result<Slot, GraphFailure> {
    let client = session.client();
    loop {
        let slot = budget.slot().await;
        let now = client.timer.now();
        if let Some(failure) = last_failure.filter(|_| attempts.overdue(&client.settings, now)) {
            return Err(failure.clone());
        }
        let wait = match budget.pass(now) {
            Pass::Now => {
                attempts.begin(now);
                return Ok(slot);
            }
            Pass::Throttled(wait) if wait > client.settings.retry_after_ceiling => {
                let context =
                    ErrorContext { attempts: Some(attempts.made()), retry_after_ms: Some(millis(wait)), ..ErrorContext::default() };
                return Err(GraphFailure { code: ErrorCode::GraphThrottled, context });
            }
            Pass::Throttled(wait) => jittered(wait),
            Pass::Spent(wait) => wait,
        };
        drop(slot);
        client.timer.pause(wait).await;
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
