//! What is kept of a token for as long as an answer goes on: enough to see whether it still holds, and never the token.

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header;
use http::request::Parts;
use lastseen_engine::token;
use lastseen_model::TokenHash;
use lastseen_store::TokenUse;

use crate::problem::{Code, Problem};
use crate::shared::App;

/// What a token of ours is found by; none for a token of the issuer, which nobody takes back.
#[derive(Debug, Clone)]
pub(crate) struct Remembered(Option<TokenHash>);

impl Remembered {
    /// Whether the token still holds. While the database can't say, it does: an answer that goes on has an end of its own.
    pub(crate) async fn holds(&self, app: &App) -> bool {
        let Some(hash) = &self.0 else { return true };
        match app.api.store.use_token(hash).await {
            Ok(now) => matches!(now, TokenUse::Valid { .. }),
            Err(error) => {
                tracing::warn!(%error, "a token can't be looked at again");
                true
            }
        }
    }
}

/// Keeps what a request's token is found by. It stands before the token is judged, because the judge takes it away: what is kept is worth
/// something only behind the judge.
pub(crate) async fn remember(mut request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let hash = shown.and_then(|shown| token::hash(shown.split_once(' ')?.1));
    request.extensions_mut().insert(Remembered(hash));
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Remembered {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Without it nobody could see that a token ends, so nothing goes on.
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }
}
