//! The HTTP API: what a caller may ask, who may ask it, and how the answers read.
//!
//! An operation is one file under `operations/`. It says what it needs, reads what it was sent, calls a verb of the store or a function
//! of the engine, and answers. Rules of the business stand there, and none here; SQL stands nowhere near.

mod answer;
mod authority;
mod body;
mod description;
#[cfg(test)]
mod for_tests;
mod gate;
pub mod oidc;
mod operation;
mod operations;
mod parameter;
mod problem;
mod router;
mod segments;
pub mod server;
mod shared;
mod streams;
#[cfg(feature = "try-page")]
mod try_page;

use std::sync::Arc;

use lastseen_engine::{EngineSettings, Timer};
use lastseen_store::Store;
use tokio_util::sync::CancellationToken;

use crate::oidc::Oidc;

pub use authority::{Authenticated, Who};
pub use problem::Code;
pub use router::router;

/// What every operation works with.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The terms on which runs are asked for.
    pub engine: EngineSettings,
    /// The issuer whose bearer tokens are taken beside Lastseen's own; none where there is none.
    pub oidc: Option<Arc<Oidc>>,
    /// How event streams and time limits wait.
    pub timer: Arc<dyn Timer>,
    /// Fires when the process is to end: the API is no longer ready, and event streams close.
    pub drain: CancellationToken,
}

/// The description of the API: OpenAPI 3.1 as JSON, the same every time.
pub fn openapi() -> String {
    description::text()
}
