//! An issuer on a socket that counts what it is asked, and does what it is told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use lastseen_api::oidc::{Oidc, OidcGrant, OidcSettings};
use lastseen_model::{Role, TenantId, Tenants};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::clock::{BEGIN, Clock};
use crate::signer::Signer;

/// The audience of every test.
pub(crate) const AUDIENCE: &str = "api://lastseen";

/// What its answers are.
pub(crate) struct Answers {
    /// Whether it answers at all in a useful way.
    pub(crate) away: bool,
    /// What stands in the discovery document instead of what belongs there.
    pub(crate) discovery: Value,
    pub(crate) keys: Vec<Value>,
    /// The answer to the question for keys, where it is another than the keys.
    pub(crate) instead_of_keys: Option<fn() -> Response>,
}

struct Shared {
    answers: Mutex<Answers>,
    discoveries: AtomicU32,
    key_fetches: AtomicU32,
    /// What was asked otherwise than it should be.
    odd: Mutex<Vec<String>>,
    /// A permit lets one discovery be answered, while `held`.
    go: Semaphore,
    /// A permit for each discovery that has arrived.
    arrived: Semaphore,
}

/// The issuer.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Issuer {
    /// One that shows these keys.
    pub(crate) async fn with(keys: &[&Signer]) -> Self {
        let issuer = Self::held(keys).await;
        issuer.release();
        issuer
    }

    /// One that answers only when it is let to.
    pub(crate) async fn held(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let keys = keys.iter().map(|key| key.jwk()).collect();
        let shared = Arc::new(Shared {
            answers: Mutex::new(Answers { away: false, discovery: json!({}), keys, instead_of_keys: None }),
            discoveries: AtomicU32::new(0),
            key_fetches: AtomicU32::new(0),
            odd: Mutex::default(),
            go: Semaphore::new(0),
            arrived: Semaphore::new(0),
        });
        let issuer = Self { address, shared: Arc::clone(&shared) };
        let name = issuer.name();
        let discovery = move |State(shared): State<Arc<Shared>>, request: axum::extract::Request| discover(shared, name.clone(), request);
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", any(discovery))
            .route(
                "/keys",
                any(|State(shared): State<Arc<Shared>>, request: axum::extract::Request| async move { keys_of(&shared, &request) }),
            )
            .fallback(|State(shared): State<Arc<Shared>>, request: axum::extract::Request| async move {
                shared.odd.lock().expect("whole").push(request.uri().to_string());
                StatusCode::NOT_FOUND
            })
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// Its name, which is where its discovery document is.
    pub(crate) fn name(&self) -> String {
        format!("http://{}/realm", self.address)
    }

    /// Changes what it answers.
    pub(crate) fn now(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.shared.answers.lock().expect("whole"));
    }

    /// Lets one discovery be answered, after it has arrived.
    pub(crate) async fn let_one_go(&self) {
        self.arrived().await;
        self.shared.go.add_permits(1);
    }

    /// Lets whatever is asked be answered.
    pub(crate) fn release(&self) {
        self.shared.go.add_permits(1000);
    }

    /// Waits until it was asked.
    pub(crate) async fn arrived(&self) {
        self.shared.arrived.acquire().await.expect("open").forget();
    }

    /// How often it was asked for the document and for the keys.
    pub(crate) fn asked(&self) -> (u32, u32) {
        (self.shared.discoveries.load(Ordering::SeqCst), self.shared.key_fetches.load(Ordering::SeqCst))
    }

    /// Claims that are all right.
    pub(crate) fn claims(&self) -> Value {
        json!({"iss": self.name(), "aud": AUDIENCE, "sub": "somebody", "exp": BEGIN + 365 * 24 * 3600, "roles": ["readers"]})
    }

    /// Claims that are all right but for these.
    pub(crate) fn claims_but(&self, changes: &Value) -> Value {
        let mut claims = self.claims();
        let (Some(fields), Some(changes)) = (claims.as_object_mut(), changes.as_object()) else { panic!("objects") };
        fields.extend(changes.clone());
        claims
    }

    /// What knows its tokens: `readers` read everything, `operators` work on the first tenant.
    pub(crate) fn known_to(&self, clock: &Arc<Clock>) -> Oidc {
        let timer = Arc::clone(clock);
        Oidc::new(self.settings(), timer).expect("usable settings")
    }

    pub(crate) fn settings(&self) -> OidcSettings {
        let first = Tenants::Some([tenant(1)].into());
        let grants = vec![
            OidcGrant { value: "readers".into(), role: Role::Reader, tenants: Tenants::All },
            OidcGrant { value: "operators".into(), role: Role::Operator, tenants: first },
        ];
        OidcSettings::new(self.name(), AUDIENCE.into(), grants)
    }
}

impl Drop for Issuer {
    /// R16 for the issuer: nothing but `GET`s, for nothing but what is there to be read, and nothing of ours in them.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let odd = self.shared.odd.lock().expect("whole");
            assert!(odd.is_empty(), "{odd:?}");
        }
    }
}

/// One of the tenants of the tests.
pub(crate) fn tenant(n: u8) -> TenantId {
    format!("00000000-0000-4000-8000-0000000000{n:02}").parse().expect("an id")
}

fn note(shared: &Shared, request: &axum::extract::Request) {
    let carries = |headers: &HeaderMap| ["authorization", "cookie", "referer"].iter().any(|name| headers.contains_key(*name));
    if request.method() != "GET" || request.uri().query().is_some() || carries(request.headers()) {
        shared.odd.lock().expect("whole").push(format!("{request:?}"));
    }
}

async fn discover(shared: Arc<Shared>, name: String, request: axum::extract::Request) -> Response {
    note(&shared, &request);
    shared.discoveries.fetch_add(1, Ordering::SeqCst);
    shared.arrived.add_permits(1);
    shared.go.acquire().await.expect("open").forget();
    let answers = shared.answers.lock().expect("whole");
    if answers.away {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let mut document = json!({"issuer": name, "jwks_uri": name.replace("/realm", "/keys")});
    let (Some(fields), Some(changes)) = (document.as_object_mut(), answers.discovery.as_object()) else { panic!("objects") };
    fields.extend(changes.clone());
    document.to_string().into_response()
}

fn keys_of(shared: &Shared, request: &axum::extract::Request) -> Response {
    note(shared, request);
    shared.key_fetches.fetch_add(1, Ordering::SeqCst);
    let answers = shared.answers.lock().expect("whole");
    match answers.instead_of_keys {
        Some(answer) => answer(),
        None => json!({"keys": answers.keys}).to_string().into_response(),
    }
}
