//! Signing in with a client secret, and the tokens that are kept.
//!
//! A token belongs to one authority, tenant and client id. The first and the last are the client's own, and each tenant has its
//! own slot in it, so one tenant's token can't be handed to another (I21).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_model::{ErrorCode, TenantId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::error::Category;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::envelope::Unreadable;
use crate::failure::GraphFailure;

/// A token that is refreshed this long before it ends, at most and at least.
const EARLY_AT_MOST: Duration = Duration::from_mins(5);
const EARLY_AT_LEAST: Duration = Duration::from_mins(1);

/// A token in use.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    refresh_at: Duration,
}

/// What the token endpoint gave.
#[derive(Debug, Deserialize)]
pub(crate) struct Grant {
    access_token: SecretString,
    expires_in: Lifetime,
}

/// Seconds, which some authorities write as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Lifetime {
    Number(u64),
    Text(String),
}

impl Grant {
    /// The token, asked for at `now`, or the code where it is readable and another tenant's.
    pub(crate) fn into_token(self, tenant: TenantId, now: Duration) -> Result<Token, ErrorCode> {
        if tenant_of(&self.access_token).is_some_and(|of| of != tenant.as_uuid()) {
            return Err(ErrorCode::AuthTenantMismatch);
        }
        let seconds = match self.expires_in {
            Lifetime::Number(seconds) => seconds,
            Lifetime::Text(text) => text.parse().map_err(|_| ErrorCode::GraphInvalidResponse)?,
        };
        let lifetime = Duration::from_secs(seconds.min(u64::from(u32::MAX)));
        Ok(Token { secret: self.access_token, refresh_at: now + lifetime.saturating_sub(early(lifetime)) })
    }
}

/// How long before its end a token is replaced. Half of its life at most, so that a very short one is used at all.
fn early(lifetime: Duration) -> Duration {
    (lifetime / 10).max(EARLY_AT_LEAST).min(EARLY_AT_MOST).min(lifetime / 2)
}

/// Reads the token endpoint's answer.
pub(crate) fn read(body: &[u8]) -> Result<Grant, Unreadable> {
    // An array would pass for the fields in their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Unreadable::NotAPage);
    }
    let grant: Grant = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Unreadable::NotAPage,
        Category::Syntax | Category::Eof | Category::Io => Unreadable::NotJson,
    })?;
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if visible(grant.access_token.expose_secret()) { Ok(grant) } else { Err(Unreadable::NotAPage) }
}

/// The tenant a token says it is for. Unverified: it only shows a token that was certainly got for the wrong tenant. Graph's
/// tokens need not be readable at all.
fn tenant_of(token: &SecretString) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Claims {
        tid: Uuid,
    }
    let mut parts = token.expose_secret().split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.tid)
}

/// One tenant's token. Whoever finds none fetches one, and the others wait for it.
#[derive(Debug, Default)]
pub(crate) struct TokenSlot {
    kept: Mutex<Kept>,
    /// Grows with every failed fetch.
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<Arc<Token>>,
    failure: Option<GraphFailure>,
}

impl TokenSlot {
    /// The kept token, else what `fetch` brings. Those who waited while a fetch failed get its failure and try none of their own:
    /// a wrong secret is sent once, not once a path.
    pub(crate) async fn get(
        &self,
        now: impl Fn() -> Duration,
        fetch: impl Future<Output = Result<Token, GraphFailure>>,
    ) -> Result<Arc<Token>, GraphFailure> {
        let before = self.failures.load(Ordering::Acquire);
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.token.as_ref().filter(|token| now() < token.refresh_at) {
            return Ok(Arc::clone(token));
        }
        if self.failures.load(Ordering::Acquire) != before
            && let Some(failure) = &kept.failure
        {
            return Err(failure.clone());
        }
        match fetch.await {
            Ok(token) => {
                let token = Arc::new(token);
                *kept = Kept { token: Some(Arc::clone(&token)), failure: None };
                Ok(token)
            }
            Err(failure) => {
                *kept = Kept { token: None, failure: Some(failure.clone()) };
                self.failures.fetch_add(1, Ordering::Release);
                Err(failure)
            }
        }
    }

    /// Drops a token that Graph refused, unless another one has taken its place already.
    pub(crate) async fn refused(&self, token: &Arc<Token>) {
        let mut kept = self.kept.lock().await;
        if kept.token.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, token)) {
            kept.token = None;
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
