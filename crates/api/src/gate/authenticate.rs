//! Who a request is from.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use lastseen_engine::token;
use lastseen_model::{Authority, Grant};
use lastseen_store::TokenUse;

use crate::authority::{Authenticated, Caller, Who};
use crate::oidc::OidcRefusal;
use crate::problem::{Code, Problem};
use crate::shared::App;

/// The longest token that is looked at. One of an issuer may be long, for it says things.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// Lets in whoever shows a token that holds. All others are told the same, whatever is wrong with what they show.
pub(crate) async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let known = match bearer(request.headers()) {
        Some(shown) => who(&app, shown).await,
        None => Ok(None),
    };
    match known {
        Ok(Some(authenticated)) => {
            // Nothing behind this has a use for the token, so nothing behind this can let it out.
            request.headers_mut().remove(header::AUTHORIZATION);
            // Each line that is logged of this request says it, the one that writes it down too.
            tracing::Span::current().record("who", authenticated.who.id());
            request.extensions_mut().insert(Caller::new(authenticated));
            next.run(request).await
        }
        Ok(None) => {
            let next = "send `Authorization: Bearer <token>`; `lastseen token create` makes one";
            Problem::new(Code::Unauthenticated).next(next).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// The token that a request shows; none where it shows none, or several, or none that could be one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (shown.next(), shown.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= TOKEN_MAX_BYTES).then_some(token)
}

/// Who showed a token; none where it does not hold.
async fn who(app: &App, shown: &str) -> Result<Option<Authenticated>, Problem> {
    let Some(hash) = token::hash(shown) else { return known_to_the_issuer(app, shown).await };
    match app.api.store.use_token(&hash).await? {
        TokenUse::Valid { token, to_be_noted } => {
            if to_be_noted {
                app.note_use(token.token_id);
            }
            let authority = Authority::new([Grant { role: token.role, tenants: token.tenants }]);
            Ok(Some(Authenticated { who: Who::Token { token_id: token.token_id, name: token.name }, authority }))
        }
        refused @ (TokenUse::Expired | TokenUse::Revoked | TokenUse::Unknown) => {
            tracing::info!(?refused, "a token was refused");
            Ok(None)
        }
    }
}

/// Whom the configured issuer answers for; none where it does not, and where there is no issuer. While its keys can't be had nobody is
/// refused for good: whoever is told that a token does not hold goes and gets another, in vain.
async fn known_to_the_issuer(app: &App, shown: &str) -> Result<Option<Authenticated>, Problem> {
    let Some(oidc) = &app.api.oidc else { return Ok(None) };
    match oidc.authority(shown).await {
        Ok(authenticated) => Ok(Some(authenticated)),
        Err(OidcRefusal::KeysUnavailable) => {
            tracing::warn!(code = OidcRefusal::KeysUnavailable.code(), "tokens of the issuer can't be judged");
            Err(Problem::new(Code::IssuerUnavailable))
        }
        Err(refusal) => {
            tracing::info!(code = refusal.code(), "a token of the issuer was refused");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Option<String> {
        let headers = values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_str(value).expect("a header"))).collect();
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn a_token_is_read_from_the_one_header_that_holds_it() {
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer abc"]).as_deref(), Some("abc"));
        for wrong in [&[][..], &["abc"], &["Basic abc"], &["Bearer"], &["Bearer "], &["Bearer abc", "Bearer abc"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(read(&[&format!("Bearer {}", "a".repeat(TOKEN_MAX_BYTES + 1))]), None);
    }
}
