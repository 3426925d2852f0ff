//! The page where the API is tried: Swagger UI, with all it loads in the program.

use axum::Router;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::header::{self, HeaderValue};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::shared::App;

/// What the page may load: its own files, and the answers of this server. Its style sheet is written into the page.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// The page, under `/docs/`. It says nothing that `/openapi.json` does not.
pub(crate) fn router() -> Router<App> {
    // Nothing is asked of the validator that Swagger UI would show the description to.
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    let page = SwaggerUi::new("/docs").config(config);
    Router::from(page).layer(from_fn(async |request, next: Next| -> Response {
        let mut answer = next.run(request).await;
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        answer
    }))
}
