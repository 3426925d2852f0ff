//! A server with a few routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream;
use lastseen_api::server::{Ended, Listener, Security, ServerSettings, serve};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, soon};

/// As short as a time can be that is meant to pass.
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// What the routes wait for and tell.
#[derive(Clone)]
pub(crate) struct Signals {
    /// A permit for each request to `/held` that has arrived.
    pub(crate) arrived: Arc<Semaphore>,
    /// A permit lets one of them go.
    pub(crate) go: Arc<Semaphore>,
    /// Told when the endless answer was given up.
    pub(crate) given_up: Arc<Notify>,
    /// How long a request may take.
    request_timeout: Duration,
}

/// A server that runs.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) signals: Signals,
    pub(crate) drain: CancellationToken,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<Ended>,
}

impl Served {
    /// In plain text, within the usual bounds.
    pub(crate) async fn new() -> Self {
        Self::within(ServerSettings::default()).await
    }

    /// In plain text, within these bounds.
    pub(crate) async fn within(settings: ServerSettings) -> Self {
        Self::by(Security::Loopback, settings, Duration::from_mins(1)).await
    }

    pub(crate) async fn by(security: Security, settings: ServerSettings, request_timeout: Duration) -> Self {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), security).await.expect("bound");
        let address = listener.address().expect("an address");
        let signals =
            Signals { arrived: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)), given_up: Arc::default(), request_timeout };
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let serving = tokio::spawn(serve(vec![listener], router(signals.clone()), settings, drain.clone(), stop.clone()));
        Self { address, signals, drain, stop, serving }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Waits until so many requests to `/held` have arrived.
    pub(crate) async fn arrived(&self, requests: u32) {
        soon(self.signals.arrived.acquire_many(requests)).await.expect("open").forget();
    }

    /// Fails unless the server still answers others.
    pub(crate) async fn is_well(&self) {
        assert_eq!(self.client().await.get("/").await.body, "hello");
    }

    /// Fails unless the server answers again once it has noticed who has left.
    pub(crate) async fn is_well_in_time(&self) {
        soon(async { while self.client().await.get("/").await.status == 503 {} }).await;
    }

    /// How it ended.
    pub(crate) async fn ended(self) -> Ended {
        soon(self.serving).await.expect("no panic")
    }
}

fn router(signals: Signals) -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/held", get(held))
        .route("/echo", post(|body: Bytes| async { body }))
        .route("/endless", get(endless))
        .layer(DefaultBodyLimit::max(64 * 1024))
        .layer(from_fn_with_state(signals.clone(), in_time))
        .with_state(signals)
}

async fn held(State(signals): State<Signals>) -> &'static str {
    signals.arrived.add_permits(1);
    signals.go.acquire().await.expect("open").forget();
    "held, and let go"
}

/// An answer that would go on for ever, and tells when it is no longer asked for more.
async fn endless(State(signals): State<Signals>) -> Response {
    struct Told(Arc<Notify>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let told = Told(signals.given_up);
    Body::from_stream(stream::repeat_with(move || {
        let _held = &told;
        Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 16 * 1024]))
    }))
    .into_response()
}

/// The time limit that the API's router has.
async fn in_time(State(signals): State<Signals>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(signals.request_timeout, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}
