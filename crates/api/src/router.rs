//! The router: what is open to everyone, and what is behind the gates.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;

use crate::gate::{authenticate, bound, receive, remember};
use crate::operation::Needs;
use crate::problem::{Code, Problem};
use crate::shared::Shared;
use crate::{Api, description, operations};

/// Everything that the API answers.
pub fn router(api: Api) -> Router {
    let app = Shared::new(api, description::text());
    let (mut open, mut closed) = (Router::new(), Router::new());
    for endpoint in operations::all() {
        let side = if endpoint.operation.needs == Needs::Nobody { &mut open } else { &mut closed };
        *side = endpoint.route(std::mem::take(side), &app);
    }
    // What is not there is behind the gates as well: whoever shows no token learns nothing of what is.
    let closed = closed
        .fallback(async || Problem::new(Code::NotFound).into_response())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), authenticate))
        .layer(from_fn(remember))
        .layer(from_fn_with_state(app.clone(), bound));
    let open = open.method_not_allowed_fallback(method_not_allowed);
    #[cfg(feature = "try-page")]
    let open = open.merge(crate::try_page::router());
    closed.merge(open).layer(from_fn_with_state(app.clone(), receive)).with_state(app)
}

async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed).next("`allow` names what can be done")
}
