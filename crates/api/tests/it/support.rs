//! Two tenants in a database, and callers who ask about them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use lastseen_api::{Api, router};
use lastseen_contracts::{Paging, Registry};
use lastseen_engine::{EngineSettings, token};
use lastseen_model::{
    Ending, ExternalId, Guard, Limits, Observation, OnLimit, PageEnd, PolicyType, Role, RunId, ScheduleId, Selection, TenantId, Tenants,
    Trigger, WorkerId,
};
use lastseen_store::{
    ClaimTerms, ClaimedRun, DatabaseClock, EnqueueTerms, FinishRun, ListingPage, ManualClock, NewRun, NewSchedule, NewToken, PageRecord,
    RegistryType, RunDetail, ScopedType, Start, Store, TenantChange, TenantScope, TokenRecord, Traffic,
};
use lastseen_store_sqlite::SqliteStore;
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::timer::HandTimer;

/// The tenant that callers hold tokens of.
pub(crate) const OURS: u8 = 1;
/// The tenant beside it.
pub(crate) const THEIRS: u8 = 2;
/// A tenant that nobody has made known.
pub(crate) const UNKNOWN: u8 = 3;

/// The type that the tenants have items of.
pub(crate) const CONFIGURATION: &str = "deviceConfiguration";
/// An item that both tenants have under one id, and that is missing in both.
pub(crate) const MISSING: &str = "policy-missing";
/// An item that both tenants have under one id, and that is there.
pub(crate) const THERE: &str = "policy-there";

/// A database, and the API over it.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: ManualClock,
    pub(crate) timer: Arc<HandTimer>,
    pub(crate) drain: CancellationToken,
    pub(crate) router: Router,
    folder: TempDir,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no refusal: {self:?}")).to_owned()
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// All of it that does not differ from one time to the next.
    pub(crate) fn without_id(mut self) -> (StatusCode, HeaderMap, String) {
        assert!(self.headers.remove("x-request-id").is_some(), "every answer has an id");
        (self.status, self.headers, String::from_utf8(self.body).expect("text"))
    }
}

pub(crate) fn tenant(number: u8) -> TenantId {
    format!("00000000-0000-4000-8000-0000000000{number:02}").parse().expect("an id")
}

pub(crate) fn only(number: u8) -> Tenants {
    Tenants::Some([tenant(number)].into())
}

#[expect(clippy::disallowed_methods, reason = "the tests play the part of those who were told which tenant")]
pub(crate) fn scope(number: u8) -> TenantScope {
    TenantScope::assume(tenant(number))
}

pub(crate) fn kind() -> PolicyType {
    CONFIGURATION.parse().expect("a type")
}

pub(crate) fn id(text: &str) -> ExternalId {
    text.parse().expect("an id")
}

/// The selection of every run here.
pub(crate) fn selection() -> Selection {
    Selection { policy_types: [kind()].into(), ..Selection::default() }
}

impl World {
    /// An empty database.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::starting_at("2026-01-12T09:14:00Z".parse().expect("a time"));
        let store = SqliteStore::open_with_clock(&folder.path().join("lastseen.db"), DatabaseClock::Manual(clock.clone())).await;
        let store: Arc<dyn Store> = Arc::new(store.expect("a database"));
        Self::over(store, clock, folder)
    }

    fn over(store: Arc<dyn Store>, clock: ManualClock, folder: TempDir) -> Self {
        let (timer, drain) = (Arc::new(HandTimer::new()), CancellationToken::new());
        let api = Api { store: store.clone(), engine: EngineSettings::default(), oidc: None, timer: timer.clone(), drain: drain.clone() };
        Self { router: router(api), store, clock, timer, drain, folder }
    }

    /// Two tenants with the same items, each with one that is missing.
    pub(crate) async fn new() -> Self {
        let world = Self::empty().await;
        let row = |(path, known): (&lastseen_contracts::PathContract, &lastseen_contracts::TypeContract)| RegistryType {
            policy_type: known.policy_type.clone(),
            category: known.category.clone(),
            display_name: known.name.clone(),
            path: path.path.clone(),
            api_version: path.api_version.as_str().to_owned(),
        };
        world.store.mirror_registry(&Registry::builtin().types().map(row).collect::<Vec<_>>()).await.expect("the registry");
        for number in [OURS, THEIRS] {
            world.store.set_tenant(&scope(number), &TenantChange::default()).await.expect("a tenant");
            world.sync(number, &[MISSING, THERE]).await;
            world.sync(number, &[THERE]).await;
        }
        world
    }

    /// A whole run that sees these items.
    pub(crate) async fn sync(&self, number: u8, seen: &[&str]) -> RunDetail {
        let claimed = self.start(number).await;
        let scope = scope(number);
        let (_, known) = Registry::builtin().find(&kind()).expect("a type");
        let observed = |text: &&str| Observation::new(&known.contract_version, id(text), Some(text), None, &BTreeMap::new(), None);
        let listing = ListingPage { policy_type: kind(), observations: seen.iter().map(observed).collect() };
        let page = PageRecord { page: 1, listings: vec![listing], passed_over: vec![], rejected: 0, end: Some(PageEnd::Complete) };
        self.store.record_page(&scope, &claimed.lease, &page).await.expect("a page");
        let finish = FinishRun { ending: Ending::Finished, error: None, traffic: Traffic::default() };
        self.clock.advance(Duration::from_mins(1));
        self.store.finish_run(&scope, &claimed.lease, &finish).await.expect("the run ends")
    }

    /// A run that a worker has.
    pub(crate) async fn start(&self, number: u8) -> ClaimedRun {
        let (path, known) = Registry::builtin().find(&kind()).expect("a type");
        let scoped = ScopedType {
            policy_type: kind(),
            contract_hash: known.contract_hash,
            contract_version: known.contract_version,
            pages_by_offset: path.paging == Paging::Offset,
        };
        let terms = ClaimTerms {
            worker: WorkerId::new("worker"),
            lease_for: Duration::from_mins(10),
            pending_for: Duration::from_mins(10),
            limits: Limits::default(),
            guard: Guard::default(),
            types: vec![scoped],
        };
        match self.store.start_run(&scope(number), &new_run(), &terms).await.expect("a start") {
            Start::Claimed(claimed) => claimed,
            other => panic!("the run was not claimed: {other:?}"),
        }
    }

    /// A run that waits for a worker.
    pub(crate) async fn queued(&self, number: u8) -> RunId {
        let run = new_run();
        let terms = EnqueueTerms { guard: Guard::default(), limits: Limits::default() };
        self.store.enqueue_run(&scope(number), &run, &terms).await.expect("it waits");
        run.run_id
    }

    /// A schedule for these tenants.
    pub(crate) async fn schedule(&self, tenants: Tenants) -> ScheduleId {
        let new = NewSchedule {
            schedule_id: lastseen_engine::new_schedule_id(),
            name: format!("nightly-{}", lastseen_engine::unique_suffix()),
            cron: "0 3 * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            jitter_secs: 0,
            selection: selection(),
            tenants,
        };
        self.store.add_schedule(&new).await.expect("a schedule").schedule_id
    }

    /// The newest run of a tenant.
    pub(crate) async fn newest_run(&self, number: u8) -> RunId {
        let query = lastseen_store::RunQuery { limit: 1, ..Default::default() };
        self.store.runs(&scope(number), &query).await.expect("runs").first().expect("a run").run_id
    }

    /// A token, and its record.
    pub(crate) async fn token_and_record(&self, role: Role, tenants: Tenants) -> (String, TokenRecord) {
        let (secret, hash) = token::mint();
        let new = NewToken {
            token_id: lastseen_engine::new_token_id(),
            name: format!("{role}"),
            hash,
            role,
            tenants,
            expires_in: Duration::from_hours(1),
        };
        let record = self.store.create_token(&new).await.expect("a token");
        (secret.expose_secret().to_owned(), record)
    }

    /// A token.
    pub(crate) async fn token(&self, role: Role, tenants: Tenants) -> String {
        self.token_and_record(role, tenants).await.0
    }

    /// A token that may do everything.
    pub(crate) async fn admin(&self) -> String {
        self.token(Role::Admin, Tenants::All).await
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 16 << 20).await.expect("a body").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Asks for something.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(asking(Method::GET, path).with(token)).await
    }

    /// Does something without saying more.
    pub(crate) async fn act(&self, token: &str, method: Method, path: &str) -> Answer {
        self.send(asking(method, path).with(token)).await
    }

    /// Does something with a body.
    pub(crate) async fn tell(&self, token: &str, method: Method, path: &str, body: &str) -> Answer {
        self.send(telling(method, path, body).with(token)).await
    }

    /// A connection of somebody else who writes, and does not come to an end.
    pub(crate) async fn writer(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("lastseen.db"));
        let mut connection = SqliteConnection::connect_with(&options).await.expect("opens");
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.expect("holds the write lock");
        connection
    }

    /// Every file of the database.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path()).expect("a folder").map(|entry| entry.expect("a file").path()).collect()
    }
}

/// A run to be.
fn new_run() -> NewRun {
    let id = lastseen_engine::new_request_id();
    NewRun {
        run_id: id.try_into().expect("an id"),
        correlation_id: id.try_into().expect("an id"),
        selection: selection(),
        trigger: Trigger::Manual,
        on_limit: OnLimit::Skip,
        pending_for: Duration::from_hours(1),
        start_key: None,
    }
}

/// A request without a body.
pub(crate) fn asking(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")
}

/// A request with a JSON body.
pub(crate) fn telling(method: Method, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_owned())).expect("a request")
}

/// What a request may have more.
pub(crate) trait With {
    /// The same, by the holder of this token.
    fn with(self, token: &str) -> Self;
    /// The same, with this header.
    fn and(self, name: &'static str, value: &str) -> Self;
}

impl With for Request<Body> {
    fn with(self, token: &str) -> Self {
        self.and("authorization", &format!("Bearer {token}"))
    }

    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers_mut().append(name, value.parse().expect("a header"));
        self
    }
}
