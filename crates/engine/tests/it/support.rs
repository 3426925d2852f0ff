//! A whole small world for a test: the simulator on a socket, a SQLite file, a client that never waits, and an engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lastseen_contracts::Registry;
use lastseen_engine::{Accesses, Engine, EngineSettings, Observer, Silent, SyncRequest, TenantAccess, new_worker_id};
use lastseen_graph::{Access, Credential, CredentialProblem, Endpoints, GraphClient, GraphSettings, Origin, Proof, Timer, TokioTimer};
use lastseen_model::{OnLimit, PolicyType, Reference, Selection, TenantId, Timestamp, Trigger};
use lastseen_simulator::{Simulator, SimulatorConfig, SizePlan, TenantPlan, Watched};
use lastseen_store::{DatabaseClock, Item, ItemQuery, ManualClock, Missing, MissingAnswer, MissingQuery, RunDetail, Store, TenantScope};
use lastseen_store_sqlite::SqliteStore;
use tokio_util::sync::CancellationToken;

/// A timer whose waits are over at once; its clock moves by what was waited.
#[derive(Default)]
pub(crate) struct SwiftTimer(AtomicU64);

#[async_trait]
impl Timer for SwiftTimer {
    async fn pause(&self, duration: Duration) {
        self.0.fetch_add(u64::try_from(duration.as_nanos()).expect("a short wait"), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// One access for all.
struct Everyone(Access);

#[async_trait]
impl Accesses for Everyone {
    async fn access(&self, _tenant: &TenantAccess) -> Result<Access, CredentialProblem> {
        Ok(self.0.clone())
    }
}

pub(crate) struct World {
    pub(crate) simulator: Watched,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: ManualClock,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: SimulatorConfig,
    pub(crate) endpoints: Endpoints,
    pub(crate) graph: GraphSettings,
    pub(crate) settings: EngineSettings,
}

impl World {
    /// One tenant with `size` objects of each type.
    pub(crate) async fn with_size(size: u32) -> Self {
        Self::with(vec![TenantPlan { sizes: SizePlan::each(size), ..TenantPlan::numbered(1) }]).await
    }

    pub(crate) async fn with(tenants: Vec<TenantPlan>) -> Self {
        Self::of(SimulatorConfig { tenants, record: true, ..SimulatorConfig::default() }).await
    }

    /// A world whose simulator is made so.
    pub(crate) async fn of(config: SimulatorConfig) -> Self {
        let simulator: Watched = Simulator::start(config.clone()).await.expect("the simulator starts").into();
        let folder = tempfile::tempdir().expect("a folder");
        let clock = ManualClock::starting_at("2026-01-12T09:00:00Z".parse::<Timestamp>().expect("a time"));
        let store =
            SqliteStore::open_with_clock(&folder.path().join("lastseen.db"), DatabaseClock::Manual(clock.clone())).await.expect("opens");
        let origin = Origin::parse(&simulator.origin()).expect("an origin");
        let endpoints = Endpoints { authority: origin.clone(), graph: origin };
        let world = Self {
            simulator,
            store: Arc::new(store),
            clock,
            folder,
            config,
            endpoints,
            graph: GraphSettings::default(),
            settings: EngineSettings::default(),
        };
        world.engine().mirror_registry().await.expect("the registry is written");
        world
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.simulator.tenants()[0].tenant_id
    }

    #[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
    pub(crate) fn scope_of(tenant: TenantId) -> TenantScope {
        TenantScope::assume(tenant)
    }

    pub(crate) fn scope(&self) -> TenantScope {
        Self::scope_of(self.tenant())
    }

    /// The simulator's secret for every tenant.
    pub(crate) fn accesses(&self) -> Arc<dyn Accesses> {
        Arc::new(Everyone(self.access()))
    }

    /// How every tenant is reached.
    pub(crate) fn access(&self) -> Access {
        let proof = Proof::Secret(self.config.client_secret.clone().into());
        let credential = Arc::new(Credential { client_id: Some(self.config.client_id.parse().expect("an id")), proof });
        Access { endpoints: self.endpoints.clone(), credential, requests_at_once: None }
    }

    /// An engine as another process would have: its own client, its own worker.
    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(self.store.clone(), Arc::new(TokioTimer::default()), self.settings.clone())
    }

    /// The same, over another store, by another clock.
    pub(crate) fn engine_with(&self, store: Arc<dyn Store>, timer: Arc<dyn Timer>, settings: EngineSettings) -> Engine {
        let graph = GraphClient::new(self.graph.clone(), Arc::new(SwiftTimer::default())).expect("a client");
        Engine::new(store, graph, self.accesses(), timer, new_worker_id(), settings)
    }

    /// The same, which is told by others how tenants are reached.
    pub(crate) fn engine_by(&self, accesses: Arc<dyn Accesses>) -> Engine {
        let graph = GraphClient::new(self.graph.clone(), Arc::new(SwiftTimer::default())).expect("a client");
        Engine::new(self.store.clone(), graph, accesses, Arc::new(TokioTimer::default()), new_worker_id(), self.settings.clone())
    }

    pub(crate) async fn sync(&self, types: &[&str]) -> RunDetail {
        self.sync_watched(types, Arc::new(Silent), CancellationToken::new()).await
    }

    pub(crate) async fn sync_watched(&self, types: &[&str], observer: Arc<dyn Observer>, cancel: CancellationToken) -> RunDetail {
        self.clock.advance(Duration::from_secs(30));
        let request = request(types);
        self.engine().sync(&self.scope(), &request, observer, cancel).await.expect("a run")
    }

    pub(crate) async fn items(&self, policy_type: &str) -> Vec<Item> {
        let query = ItemQuery { types: vec![key(policy_type)], limit: 10_000, ..ItemQuery::default() };
        self.store.items(&self.scope(), &query).await.expect("items").items
    }

    pub(crate) async fn missing(&self, types: &[&str]) -> Missing {
        let query = MissingQuery {
            selection: selection(types).hash(),
            reference: Reference::LatestCompleted,
            confidence: None,
            since: None,
            acknowledged: true,
            after: None,
            limit: 10_000,
        };
        self.store.missing(&self.scope(), &query).await.expect("an answer")
    }

    pub(crate) async fn answer(&self, types: &[&str]) -> MissingAnswer {
        match self.missing(types).await {
            Missing::Answer(answer) => *answer,
            Missing::NoBaseline => panic!("there is a baseline"),
        }
    }

    /// The path of a type.
    pub(crate) fn path(policy_type: &str) -> String {
        Registry::builtin().find(&key(policy_type)).expect("a type").0.path.clone()
    }

    /// Every byte the database has on disk, its log too.
    pub(crate) fn disk(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).expect("a folder") {
            bytes.extend(std::fs::read(entry.expect("an entry").path()).expect("a file"));
        }
        bytes
    }
}

pub(crate) fn key(text: &str) -> PolicyType {
    text.parse().expect("a key")
}

pub(crate) fn selection(types: &[&str]) -> Selection {
    Selection { categories: std::collections::BTreeSet::new(), policy_types: types.iter().map(|text| key(text)).collect() }
}

pub(crate) fn request(types: &[&str]) -> SyncRequest {
    SyncRequest { selection: selection(types), trigger: Trigger::Manual, on_limit: OnLimit::Skip }
}
