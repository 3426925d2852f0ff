//! The sockets: who may connect, how many, how slowly, and how it all ends.
//!
//! [`Listener`] is an address with its security; one that others could reach in plain text can't be made without a word for it. [`serve`] takes connections
//! from listeners and hands requests to a router. It speaks HTTP/1.1, also over TLS; HTTP/2 is a proxy's business. It keeps bounds that the
//! router can't: connections at once, the time and size of a request's head, of a handshake, of an answer that nobody reads. What stands in
//! requests, and how long one may take, is the router's.
//!
//! Two tokens end it. `drain` asks for it: for a moment all goes on, and each answer says that its connection closes; then nothing more is
//! accepted, idle connections close, and requests under way are finished. `stop` ends everything at once.

mod accept;
mod busy;
mod connection;
mod error;
mod head_timer;
mod listener;
mod settings;
mod tls;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Response};
use axum::middleware::map_response;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use error::{BindReason, ServerError, TlsFileProblem};
pub use listener::{Listener, Security, may_listen};
pub use settings::ServerSettings;
pub use tls::Tls;

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Whatever was asked has been answered.
    Whole,
    /// So many connections were cut: their time was up, or `stop` did not give them any.
    Cut(usize),
}

/// What all connections share.
struct Shared {
    settings: ServerSettings,
    /// Answers while there is a place.
    router: Router,
    /// Answers while there is none.
    busy: Router,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    connections: TaskTracker,
    /// Nothing more is accepted, and what is idle closes.
    closing: CancellationToken,
    /// What is left ends where it stands.
    cut: CancellationToken,
}

/// Serves the router on every listener until `drain` or `stop` fires, and then until the last connection has ended, or `drain_for` is over.
/// Dropping the future cuts every connection.
pub async fn serve(
    listeners: Vec<Listener>,
    router: Router,
    settings: ServerSettings,
    drain: CancellationToken,
    stop: CancellationToken,
) -> Ended {
    let shared = Arc::new(Shared {
        router: ends_with(router, &drain),
        busy: busy::router(),
        places: Arc::new(Semaphore::new(settings.connections)),
        refusals: Arc::new(Semaphore::new(settings.refusals)),
        connections: TaskTracker::new(),
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
        settings,
    });
    let _dropped = shared.cut.clone().drop_guard();
    let accepting = join_all(listeners.into_iter().map(|listener| accept::all(listener, &shared)));
    let ending = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = drain.cancelled() => {
                // Either the moment is over, or it was ended.
                let _: Result<(), _> = timeout(shared.settings.linger, stop.cancelled()).await;
            }
        }
        shared.closing.cancel();
    };
    tokio::join!(accepting, ending);

    shared.connections.close();
    tokio::select! {
        biased;
        () = shared.connections.wait() => return Ended::Whole,
        _ = timeout(shared.settings.drain_for, stop.cancelled()) => {}
    }
    let left = shared.connections.len();
    shared.cut.cancel();
    shared.connections.wait().await;
    if left == 0 { Ended::Whole } else { Ended::Cut(left) }
}

/// A router whose answers say, from the drain on, that their connection closes: whoever would ask again asks elsewhere.
fn ends_with(router: Router, drain: &CancellationToken) -> Router {
    let drain = drain.clone();
    router.layer(map_response(move |mut answer: Response<axum::body::Body>| {
        if drain.is_cancelled() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        std::future::ready(answer)
    }))
}
