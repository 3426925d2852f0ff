//! A token, what it says of itself, and the slot that it is kept in. Which slot is whose is for [`crate::tokens`] to say.

use std::sync::Arc;
use std::time::Duration;

use lastseen_model::{ErrorCode, TenantId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::error::Category;
use tokio::sync::Mutex;

use crate::claims::Claims;
use crate::envelope::Unreadable;
use crate::failure::GraphFailure;
use crate::payload::{AppRole, Payload};

/// A token that is refreshed this long before it ends, at most and at least.
const EARLY_AT_MOST: Duration = Duration::from_mins(5);
const EARLY_AT_LEAST: Duration = Duration::from_mins(1);

/// A token is used for so long from when it came, whatever it says of its end, so that there is no sign-in for each request. Where it is
/// over before that, a 401 replaces it.
const USED_AT_LEAST: Duration = Duration::from_secs(10);

/// How long a failed sign-in stands: where the credential or its token was refused, and where something else kept a token from coming.
const REFUSAL_STANDS: Duration = Duration::from_secs(30);
const FAILURE_STANDS: Duration = Duration::from_secs(5);

/// A token in use.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    /// The roles that it says it has; none where it can't be read.
    pub(crate) roles: Option<Vec<AppRole>>,
    /// By the timer.
    pub(crate) expires_at: Duration,
    refresh_at: Duration,
}

/// What the token endpoint, or an identity endpoint, gave.
#[derive(Debug, Deserialize)]
pub(crate) struct Grant {
    access_token: SecretString,
    expires_in: Option<Seconds>,
    /// Since 1970: all that App Service says.
    expires_on: Option<Seconds>,
}

/// Seconds, which some write as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl Seconds {
    fn read(&self) -> Result<Duration, ErrorCode> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().map_err(|_| ErrorCode::GraphInvalidResponse)?,
        };
        Ok(Duration::from_secs(seconds))
    }
}

/// When a token was asked for, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedAt {
    /// By the timer.
    pub(crate) moment: Duration,
    /// The time of day, since 1970.
    pub(crate) time_of_day: Duration,
}

impl Grant {
    /// The token, or the code where it is readable and not this tenant's.
    pub(crate) fn into_token(self, tenant: TenantId, asked_at: AskedAt) -> Result<Token, ErrorCode> {
        let payload = Payload::read(self.access_token.expose_secret());
        if payload.as_ref().is_some_and(|payload| payload.is_for_another(tenant)) {
            return Err(ErrorCode::AuthTenantMismatch);
        }
        let lifetime = match (&self.expires_in, &self.expires_on) {
            (Some(seconds), _) => seconds.read()?,
            (None, Some(end)) => end.read()?.saturating_sub(asked_at.time_of_day),
            (None, None) => return Err(ErrorCode::GraphInvalidResponse),
        };
        let lifetime = lifetime.min(Duration::from_secs(u64::from(u32::MAX)));
        Ok(Token {
            secret: self.access_token,
            roles: payload.map(|payload| payload.roles()),
            expires_at: asked_at.moment + lifetime,
            refresh_at: asked_at.moment + lifetime.saturating_sub(early(lifetime)),
        })
    }
}

/// How long before its end a token is replaced. Half of its life at most, so that a very short one is used at all.
fn early(lifetime: Duration) -> Duration {
    (lifetime / 10).max(EARLY_AT_LEAST).min(EARLY_AT_MOST).min(lifetime / 2)
}

/// Reads the token endpoint's answer.
pub(crate) fn read(body: &[u8]) -> Result<Grant, Unreadable> {
    // What is passed over is not looked at by the parser: it would be taken though it is no text.
    let body = str::from_utf8(body).map_err(|_| Unreadable::NotJson)?;
    // An array would pass for the fields in their order.
    if body.trim_start().starts_with('[') {
        return Err(Unreadable::NotAPage);
    }
    let grant: Grant = serde_json::from_str(body).map_err(|error| match error.classify() {
        Category::Data => Unreadable::NotAPage,
        Category::Syntax | Category::Eof | Category::Io => Unreadable::NotJson,
    })?;
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let whole = visible(grant.access_token.expose_secret()) && (grant.expires_in.is_some() || grant.expires_on.is_some());
    if whole { Ok(grant) } else { Err(Unreadable::NotAPage) }
}

/// One token. Whoever finds none fetches one, and the others wait for it.
#[derive(Debug, Default)]
pub(crate) struct TokenSlot {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<Arc<Token>>,
    failure: Option<Standing>,
    /// What Graph wants of the next token, when it took the last one back.
    claims: Option<Claims>,
}

/// A failure that everyone gets for a while.
#[derive(Debug)]
struct Standing {
    failure: GraphFailure,
    /// By the timer.
    until: Duration,
}

impl Standing {
    fn of(failure: GraphFailure, now: Duration, longest: Duration) -> Self {
        let stands = match failure.code {
            ErrorCode::AuthFailed | ErrorCode::AuthTenantMismatch | ErrorCode::CredentialUnavailable => REFUSAL_STANDS,
            ErrorCode::GraphThrottled => {
                Duration::from_millis(failure.context.retry_after_ms.unwrap_or_default()).min(longest).max(FAILURE_STANDS)
            }
            _ => FAILURE_STANDS,
        };
        Self { failure, until: now.saturating_add(stands) }
    }
}

impl TokenSlot {
    /// The kept token, else what `fetch` brings. While a failure stands everyone gets it and nobody tries: a wrong secret is sent once, not
    /// once a path, and a token endpoint that asks for time has it. `longest` bounds what it can ask for.
    pub(crate) async fn get<Fetching: Future<Output = Result<Token, GraphFailure>>>(
        &self,
        now: impl Fn() -> Duration,
        longest: Duration,
        fetch: impl FnOnce(Option<Claims>) -> Fetching,
    ) -> Result<Arc<Token>, GraphFailure> {
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.token.as_ref().filter(|token| now() < token.refresh_at) {
            return Ok(Arc::clone(token));
        }
        if let Some(standing) = kept.failure.as_ref().filter(|standing| now() < standing.until) {
            return Err(standing.failure.clone());
        }
        // The claims are for this one fetch, however it ends: a tenant must not be shut out for good by what one answer asked for.
        // They stay until it has ended: where whoever fetches gives up, the next one asks with them.
        let claims = kept.claims.clone();
        match fetch(claims).await {
            Ok(token) => {
                let refresh_at = token.refresh_at.max(now().saturating_add(USED_AT_LEAST));
                let token = Arc::new(Token { refresh_at, ..token });
                *kept = Kept { token: Some(Arc::clone(&token)), ..Kept::default() };
                Ok(token)
            }
            Err(failure) => {
                *kept = Kept { failure: Some(Standing::of(failure.clone(), now(), longest)), ..Kept::default() };
                Err(failure)
            }
        }
    }

    /// Drops a token that Graph refused, unless another one has taken its place already. The next one is asked for with the claims.
    pub(crate) async fn refused(&self, token: &Arc<Token>, claims: Option<Claims>) {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, token)) {
            *kept = Kept { claims, ..Kept::default() };
        }
    }

    /// Whether there is a token that can still be used, or a failure that stands, or a token is being fetched.
    pub(crate) fn is_of_use(&self, now: Duration) -> bool {
        self.kept.try_lock().map_or(true, |kept| {
            kept.token.as_ref().is_some_and(|token| now < token.refresh_at)
                || kept.failure.as_ref().is_some_and(|standing| now < standing.until)
        })
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
