//! What cases are told with: a database, the desks of two tenants, and runs in the making.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lastseen_model::{
    Confidence, Ending, ErrorCode, ErrorContext, Guard, Limits, Observation, OnLimit, PageEnd, PolicyType, Reason, Reference, Role, RunId,
    SequenceNo, Tenants, Timestamp, TokenHash, Trigger, WorkerId,
};
use lastseen_store::{
    Cancelled, ClaimTerms, EnqueueTerms, FinishRun, Item, ItemQuery, Lease, ListingFailure, ListingPage, Missing, MissingAnswer,
    MissingItem, MissingQuery, NewRun, NewSchedule, NewToken, PageRecord, PageStored, Renewal, Result, Retention, RunDetail, RunError,
    Start, Store, TenantScope, Traffic,
};

use crate::backend::{Backend, TestDatabase};
use crate::world::{self, Chosen, kind};

/// How long a lease of the suite runs.
pub(crate) const LEASE: Duration = Duration::from_mins(1);
/// How long a run of the suite may wait.
pub(crate) const PENDING: Duration = Duration::from_secs(90);
/// The smallest step of time.
pub(crate) const MICRO: Duration = Duration::from_micros(1);

/// A database for one case.
pub(crate) struct Lab {
    pub(crate) database: Box<dyn TestDatabase>,
    numbers: Arc<AtomicU64>,
}

/// One tenant, by one handle.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) scope: TenantScope,
    numbers: Arc<AtomicU64>,
}

/// A run that was claimed.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) desk: Desk,
    pub(crate) chosen: Chosen,
    pub(crate) lease: Lease,
    pub(crate) run_id: RunId,
    pub(crate) run_no: SequenceNo,
}

/// How a run listed one type.
#[derive(Clone, Copy)]
pub(crate) enum Told<'a> {
    /// All of it, on one page.
    Saw(&'a [&'a str]),
    /// One page, then an error.
    BrokeOff(&'a [&'a str], ErrorCode),
    /// An error at once.
    Failed(ErrorCode),
    /// Not begun.
    Untouched,
}

impl Lab {
    /// A fresh database that knows the registry.
    pub(crate) async fn new(backend: &dyn Backend) -> Self {
        Self::of(backend.fresh().await).await
    }

    /// A lab in a fresh database that knows the registry from here on.
    pub(crate) async fn of(database: Box<dyn TestDatabase>) -> Self {
        database.store().mirror_registry(&world::registry()).await.expect("the registry is mirrored");
        Self { database, numbers: Arc::default() }
    }

    /// A tenant's desk.
    pub(crate) fn desk(&self, tenant: u8) -> Desk {
        Desk { store: self.database.store(), scope: world::scope_of(world::tenant(tenant)), numbers: Arc::clone(&self.numbers) }
    }

    /// The same desk in another process.
    pub(crate) async fn elsewhere(&self, tenant: u8) -> Desk {
        Desk { store: self.database.another().await, ..self.desk(tenant) }
    }

    /// Time passes.
    pub(crate) fn pass(&self, time: Duration) {
        self.database.clock().advance(time);
    }

    /// The database's clock.
    pub(crate) fn now(&self) -> Timestamp {
        world::at_micros(self.database.clock().now_micros())
    }
}

impl Desk {
    /// The same desk by another handle.
    pub(crate) fn through(self, store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), ..self }
    }

    /// An id that nothing else in this lab has. They begin alike and end apart.
    fn new_id(&self) -> uuid::Uuid {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let [.., high, low] = number.to_be_bytes();
        uuid::Builder::from_unix_timestamp_millis(1_800_000_000_000 + number, &[9, 9, 9, 9, 9, 9, 9, 9, high, low]).into_uuid()
    }

    /// A token to be, for an hour, whose secret nobody shows.
    pub(crate) fn new_token(&self, role: Role, tenants: Tenants) -> NewToken {
        let id = self.new_id();
        let hash = TokenHash::from_bytes([id.into_bytes(); 2].concat().try_into().expect("32 bytes"));
        NewToken { token_id: id.try_into().expect("not the GUID of zeroes"), hash, ..new_token(1, role, tenants) }
    }

    /// A schedule to be, under a name that no other has.
    pub(crate) fn new_schedule(&self, chosen: &Chosen, tenants: Tenants) -> NewSchedule {
        let id = self.new_id();
        NewSchedule {
            schedule_id: id.try_into().expect("not the GUID of zeroes"),
            name: format!("nightly-{id}"),
            cron: "0 2 * * *".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            jitter_secs: 3_600,
            selection: chosen.selection.clone(),
            tenants,
        }
    }

    /// A run to be.
    pub(crate) fn new_run(&self, chosen: &Chosen, on_limit: OnLimit) -> NewRun {
        let id = self.new_id();
        NewRun {
            run_id: id.try_into().expect("not the GUID of zeroes"),
            correlation_id: id.try_into().expect("not the GUID of zeroes"),
            selection: chosen.selection.clone(),
            trigger: Trigger::Manual,
            on_limit,
            pending_for: PENDING,
            start_key: None,
        }
    }

    /// Starts a run that must be claimed.
    pub(crate) async fn start(&self, chosen: &Chosen) -> Open {
        self.start_under(chosen, Guard::default()).await
    }

    /// Starts a run under other thresholds.
    pub(crate) async fn start_under(&self, chosen: &Chosen, guard: Guard) -> Open {
        let new = self.new_run(chosen, OnLimit::Skip);
        let started = self.store.start_run(&self.scope, &new, &ClaimTerms { guard, ..terms(chosen) }).await.expect("a start");
        let Start::Claimed(claimed) = started else { panic!("the run was not claimed: {started:?}") };
        assert_eq!(claimed.lease.run_id, new.run_id);
        Open { desk: self.clone(), chosen: chosen.clone(), lease: claimed.lease, run_id: new.run_id, run_no: claimed.run_no }
    }

    /// A whole run: what it is told of each type, then its end.
    pub(crate) async fn sync(&self, chosen: &Chosen, told: &[(&str, Told<'_>)]) -> RunDetail {
        self.start(chosen).await.tell(told).await.finish().await
    }

    /// What is missing against the latest completed run, acknowledged items too; nothing without a baseline.
    pub(crate) async fn missing(&self, chosen: &Chosen) -> Option<MissingAnswer> {
        self.missing_against(chosen, Reference::LatestCompleted).await
    }

    /// What is missing against a reference.
    pub(crate) async fn missing_against(&self, chosen: &Chosen, reference: Reference) -> Option<MissingAnswer> {
        self.ask(&MissingQuery { reference, ..about(chosen) }).await
    }

    /// What a question about missing is answered.
    pub(crate) async fn ask(&self, query: &MissingQuery) -> Option<MissingAnswer> {
        match self.store.missing(&self.scope, query).await.expect("an answer about missing") {
            Missing::NoBaseline => None,
            Missing::Answer(answer) => Some(*answer),
        }
    }

    /// Each missing item's id with its reasons, in order.
    pub(crate) async fn doubts(&self, chosen: &Chosen) -> Vec<(String, Vec<Reason>)> {
        doubts(&self.missing(chosen).await.expect("a baseline"))
    }

    /// The one missing item.
    pub(crate) async fn the_missing(&self, chosen: &Chosen) -> MissingItem {
        let answer = self.missing(chosen).await.expect("a baseline");
        assert_eq!(answer.items.len(), 1, "{:?}", answer.items);
        answer.items.into_iter().next().expect("one")
    }

    /// Every item.
    pub(crate) async fn items(&self) -> Vec<Item> {
        self.find(&everything()).await
    }

    /// The items a query finds, on one page.
    pub(crate) async fn find(&self, query: &ItemQuery) -> Vec<Item> {
        self.store.items(&self.scope, query).await.expect("items").items
    }

    /// One item.
    pub(crate) async fn item(&self, external_id: &str) -> Item {
        let found: Vec<Item> = self.items().await.into_iter().filter(|item| item.external_id.as_str() == external_id).collect();
        assert_eq!(found.len(), 1, "items with the id {external_id}");
        found.into_iter().next().expect("one")
    }

    /// Asks for a run to be cancelled.
    pub(crate) async fn cancel(&self, run: RunId) -> Cancelled {
        self.store.cancel_run(&self.scope, run).await.expect("an answer")
    }

    /// One run.
    pub(crate) async fn run(&self, run: RunId) -> RunDetail {
        self.store.run(&self.scope, run).await.expect("an answer").expect("a run of this tenant")
    }

    /// Keeps the listings of this many runs of each selection and what proves answers.
    pub(crate) async fn keep(&self, runs: u32) -> lastseen_store::Pruned {
        let retention = Retention { keep_runs: Some(runs), older_than: None };
        self.store.prune(&self.scope, &retention).await.expect("a prune")
    }
}

impl Open {
    /// What the run is told of each type; each type on a page of its own.
    pub(crate) async fn tell(self, told: &[(&str, Told<'_>)]) -> Self {
        for (policy_type, told) in told {
            match told {
                Told::Saw(ids) => self.saw(policy_type, ids).await,
                Told::BrokeOff(ids, code) => {
                    self.page(1, &[(policy_type, ids)], None).await.expect("a page");
                    self.fail(policy_type, *code).await;
                }
                Told::Failed(code) => self.fail(policy_type, *code).await,
                Told::Untouched => {}
            }
        }
        self
    }

    /// A complete listing of one page.
    pub(crate) async fn saw(&self, policy_type: &str, ids: &[&str]) {
        self.page(1, &[(policy_type, ids)], Some(PageEnd::Complete)).await.expect("a page");
    }

    /// One page of a path.
    pub(crate) async fn page(&self, page: u32, parts: &[(&str, &[&str])], end: Option<PageEnd>) -> Result<PageStored> {
        self.record(&self.page_of(page, parts, end)).await
    }

    /// A page as it would be stored.
    pub(crate) fn page_of(&self, page: u32, parts: &[(&str, &[&str])], end: Option<PageEnd>) -> PageRecord {
        let part = |(policy_type, ids): &(&str, &[&str])| ListingPage {
            policy_type: kind(policy_type),
            observations: ids.iter().map(|id| self.observation(policy_type, id, 1)).collect(),
        };
        PageRecord { page, listings: parts.iter().map(part).collect(), passed_over: Vec::new(), rejected: 0, end }
    }

    /// An object as this run's contract keeps it.
    pub(crate) fn observation(&self, policy_type: &str, id: &str, edition: u8) -> Observation {
        world::observation(&self.chosen.version(policy_type), id, edition)
    }

    /// Stores a page.
    pub(crate) async fn record(&self, page: &PageRecord) -> Result<PageStored> {
        self.desk.store.record_page(&self.desk.scope, &self.lease, page).await
    }

    /// A path of one type breaks off.
    pub(crate) async fn fail(&self, policy_type: &str, code: ErrorCode) {
        self.desk.store.fail_listings(&self.desk.scope, &self.lease, &failure(&[policy_type], code)).await.expect("the failure is kept");
    }

    /// Marks types as begun.
    pub(crate) async fn begin(&self, types: &[&str]) -> Result<()> {
        let types: Vec<PolicyType> = types.iter().map(|name| kind(name)).collect();
        self.desk.store.begin_listings(&self.desk.scope, &self.lease, &types).await
    }

    /// The run ends as its listings say.
    pub(crate) async fn finish(self) -> RunDetail {
        self.end(Ending::Finished, None).await.expect("the run ends")
    }

    /// The run ends.
    pub(crate) async fn end(&self, ending: Ending, code: Option<ErrorCode>) -> Result<RunDetail> {
        let error = code.map(|code| RunError { code, context: ErrorContext::default() });
        let finish = FinishRun { ending, error, traffic: Traffic::default() };
        self.desk.store.finish_run(&self.desk.scope, &self.lease, &finish).await
    }

    /// Lets the lease run on.
    pub(crate) async fn renew(&self) -> Result<Renewal> {
        self.desk.store.renew_lease(&self.desk.scope, &self.lease, LEASE).await
    }
}

/// What a worker of the suite brings to a claim.
pub(crate) fn terms(chosen: &Chosen) -> ClaimTerms {
    ClaimTerms {
        worker: WorkerId::new("host-1-worker"),
        lease_for: LEASE,
        pending_for: PENDING,
        limits: Limits { global: 100, per_tenant: 100 },
        guard: Guard::default(),
        types: chosen.types.clone(),
    }
}

/// What whoever puts a run into the queue brings: limits that hold nothing back.
pub(crate) fn for_queue() -> EnqueueTerms {
    EnqueueTerms { guard: Guard::default(), limits: Limits { global: 1_000, per_tenant: 1_000 } }
}

/// A path that broke off.
pub(crate) fn failure(types: &[&str], code: ErrorCode) -> ListingFailure {
    ListingFailure { types: types.iter().map(|name| kind(name)).collect(), code, context: ErrorContext::default() }
}

/// A token to be, for an hour; the number makes its id and its secret.
pub(crate) fn new_token(number: u8, role: Role, tenants: Tenants) -> NewToken {
    NewToken {
        token_id: uuid::Uuid::from_bytes([number; 16]).try_into().expect("not the GUID of zeroes"),
        name: format!("token {number}"),
        hash: hash_of(number),
        role,
        tenants,
        expires_in: Duration::from_hours(1),
    }
}

/// The hash of the secret of the token with this number.
pub(crate) fn hash_of(number: u8) -> TokenHash {
    TokenHash::from_bytes([number; 32])
}

/// These desks' tenants.
pub(crate) fn tenants_of<'a>(desks: impl IntoIterator<Item = &'a Desk>) -> Tenants {
    Tenants::Some(desks.into_iter().map(|desk| desk.scope.tenant()).collect())
}

/// Everything there is to ask about a selection.
pub(crate) fn about(chosen: &Chosen) -> MissingQuery {
    MissingQuery {
        selection: chosen.selection.hash(),
        reference: Reference::LatestCompleted,
        confidence: None,
        since: None,
        acknowledged: true,
        after: None,
        limit: 10_000,
    }
}

/// Every item on one page.
pub(crate) fn everything() -> ItemQuery {
    ItemQuery { limit: 10_000, ..ItemQuery::default() }
}

/// Each missing item's id with its reasons, in order; confidence is as the reasons say.
pub(crate) fn doubts(answer: &MissingAnswer) -> Vec<(String, Vec<Reason>)> {
    let row = |item: &MissingItem| {
        assert_eq!(item.confidence, Confidence::from_reasons(&item.reasons), "{item:?}");
        (item.external_id.to_string(), item.reasons.clone())
    };
    answer.items.iter().map(row).collect()
}

/// The ids of items, in order.
pub(crate) fn ids(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.external_id.as_str()).collect()
}
