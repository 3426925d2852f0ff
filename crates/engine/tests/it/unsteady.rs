//! A store that answers as a database does on its bad days.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lastseen_model::{ExternalId, Guard, Limits, PolicyType, Reference, RunId, ScheduleId, TenantId, Tenants, TokenHash, TokenId};
use lastseen_store::{
    About, Acknowledgement, Advance, Advanced, Cancelled, Claim, ClaimTerms, Diff, DiffQuery, DueSchedules, EnqueueTerms, Enqueued,
    Explanation, FinishRun, FleetState, ItemPage, ItemQuery, Lease, ListingFailure, Missing, MissingCounts, MissingQuery, NewRun,
    NewSchedule, NewToken, PageRecord, PageStored, Pruned, QueuedRun, Reaped, RegistryType, Removal, Renewal, Result, Retention, RunDetail,
    RunLookup, RunQuery, RunRecord, ScheduleRecord, SelectionRecord, Start, Store, StoreError, TenantChange, TenantRecord, TenantScope,
    TokenRecord, TokenUse,
};
use tokio::sync::Semaphore;

/// Every verb is the inner store's, but for what a test turned off.
pub(crate) struct Unsteady {
    inner: Arc<dyn Store>,
    /// How many ends of runs are still committed with their answer lost.
    pub(crate) lost_answers: AtomicU32,
    /// How many ends of runs still meet no database.
    pub(crate) ends_away: AtomicU32,
    /// How often an end was asked for.
    pub(crate) ends_asked: AtomicU32,
    /// How starts go wrong.
    pub(crate) starts: BadDays,
    /// How claims of pending runs go wrong.
    pub(crate) claims: BadDays,
    /// How cancellations go wrong.
    pub(crate) cancels: BadDays,
    /// How many looks at the queue still meet no database.
    pub(crate) away: AtomicU32,
    /// How often the queue was looked at.
    pub(crate) looks: AtomicU32,
    /// For which tenant which schedule has a row that fails for good.
    pub(crate) poisoned: Mutex<BTreeSet<(ScheduleId, TenantId)>>,
    /// How many steps failed for good.
    pub(crate) refused: AtomicU32,
    /// One permit for each run that may end.
    pub(crate) may_end: Semaphore,
}

/// How a verb goes wrong. First answers get lost, then there is no database, then all is well.
#[derive(Default)]
pub(crate) struct BadDays {
    /// How many calls are still committed with their answer lost.
    pub(crate) lost: AtomicU32,
    /// How many calls still meet no database.
    pub(crate) away: AtomicU32,
    /// How often it was called.
    pub(crate) asked: AtomicU32,
}

impl BadDays {
    async fn spoil<T>(&self, verb: impl Future<Output = Result<T>>) -> Result<T> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if counts_down(&self.lost) {
            verb.await?;
            return Err(gone());
        }
        if counts_down(&self.away) {
            return Err(gone());
        }
        verb.await
    }
}

impl Unsteady {
    /// A store like the inner one.
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            lost_answers: AtomicU32::default(),
            ends_away: AtomicU32::default(),
            ends_asked: AtomicU32::default(),
            starts: BadDays::default(),
            claims: BadDays::default(),
            cancels: BadDays::default(),
            away: AtomicU32::default(),
            looks: AtomicU32::default(),
            poisoned: Mutex::default(),
            refused: AtomicU32::default(),
            may_end: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    /// From now on no run ends before it is let.
    pub(crate) fn hold_ends(&self) {
        self.may_end.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Waits until the queue was looked at so many times more.
    pub(crate) async fn looked_at_again(&self, times: u32) {
        let until = self.looks.load(Ordering::SeqCst) + times;
        while self.looks.load(Ordering::SeqCst) < until {
            tokio::task::yield_now().await;
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the connection is gone".into())
}

fn counts_down(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Store for Unsteady {
    async fn queued_runs(&self, limits: Limits, at_most: u32) -> Result<Vec<QueuedRun>> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        if counts_down(&self.away) {
            return Err(gone());
        }
        self.inner.queued_runs(limits, at_most).await
    }

    async fn finish_run(&self, scope: &TenantScope, lease: &Lease, finish: &FinishRun) -> Result<RunDetail> {
        self.ends_asked.fetch_add(1, Ordering::SeqCst);
        self.may_end.acquire().await.expect("never closed").forget();
        if counts_down(&self.ends_away) {
            return Err(gone());
        }
        let ended = self.inner.finish_run(scope, lease, finish).await;
        if ended.is_ok() && counts_down(&self.lost_answers) {
            return Err(gone());
        }
        ended
    }

    async fn mirror_registry(&self, types: &[RegistryType]) -> Result<()> {
        self.inner.mirror_registry(types).await
    }
    async fn tenants(&self) -> Result<Vec<TenantRecord>> {
        self.inner.tenants().await
    }
    async fn reap_expired(&self) -> Result<Reaped> {
        self.inner.reap_expired().await
    }
    async fn fleet_state(&self, tenants: &Tenants) -> Result<FleetState> {
        self.inner.fleet_state(tenants).await
    }
    async fn create_token(&self, token: &NewToken) -> Result<TokenRecord> {
        self.inner.create_token(token).await
    }
    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        self.inner.tokens().await
    }
    async fn revoke_token(&self, token: TokenId) -> Result<Option<TokenRecord>> {
        self.inner.revoke_token(token).await
    }
    async fn use_token(&self, hash: &TokenHash) -> Result<TokenUse> {
        self.inner.use_token(hash).await
    }

    async fn note_token_use(&self, token: TokenId) -> Result<()> {
        self.inner.note_token_use(token).await
    }
    async fn add_schedule(&self, schedule: &NewSchedule) -> Result<ScheduleRecord> {
        self.inner.add_schedule(schedule).await
    }
    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        self.inner.schedules().await
    }
    async fn pause_schedule(&self, schedule: ScheduleId, paused: bool) -> Result<Option<ScheduleRecord>> {
        self.inner.pause_schedule(schedule, paused).await
    }
    async fn remove_schedule(&self, schedule: ScheduleId) -> Result<bool> {
        self.inner.remove_schedule(schedule).await
    }
    async fn due_schedules(&self, at_most: u32, except: &BTreeSet<ScheduleId>) -> Result<DueSchedules> {
        self.inner.due_schedules(at_most, except).await
    }
    async fn advance_schedule(&self, scope: &TenantScope, step: &Advance, guard: Guard) -> Result<Advanced> {
        if self.poisoned.lock().expect("whole").contains(&(step.schedule_id, scope.tenant())) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::RowsAffected { verb: "advance_schedule", expected: 1, actual: 0 });
        }
        self.inner.advance_schedule(scope, step, guard).await
    }
    async fn register_tenant(&self, scope: &TenantScope, name: Option<&str>) -> Result<()> {
        self.inner.register_tenant(scope, name).await
    }
    async fn tenant(&self, scope: &TenantScope) -> Result<Option<TenantRecord>> {
        self.inner.tenant(scope).await
    }
    async fn set_tenant(&self, scope: &TenantScope, change: &TenantChange) -> Result<TenantRecord> {
        self.inner.set_tenant(scope, change).await
    }
    async fn remove_tenant(&self, scope: &TenantScope) -> Result<Option<Removal>> {
        self.inner.remove_tenant(scope).await
    }
    async fn about(&self) -> Result<About> {
        self.inner.about().await
    }
    async fn start_run(&self, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Start> {
        self.starts.spoil(self.inner.start_run(scope, run, terms)).await
    }
    async fn enqueue_run(&self, scope: &TenantScope, run: &NewRun, terms: &EnqueueTerms) -> Result<Enqueued> {
        self.inner.enqueue_run(scope, run, terms).await
    }
    async fn claim_run(&self, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Claim> {
        self.claims.spoil(self.inner.claim_run(scope, run, terms)).await
    }
    async fn cancel_run(&self, scope: &TenantScope, run: RunId) -> Result<Cancelled> {
        self.cancels.spoil(self.inner.cancel_run(scope, run)).await
    }
    async fn renew_lease(&self, scope: &TenantScope, lease: &Lease, for_: Duration) -> Result<Renewal> {
        self.inner.renew_lease(scope, lease, for_).await
    }
    async fn begin_listings(&self, scope: &TenantScope, lease: &Lease, types: &[PolicyType]) -> Result<()> {
        self.inner.begin_listings(scope, lease, types).await
    }
    async fn record_page(&self, scope: &TenantScope, lease: &Lease, page: &PageRecord) -> Result<PageStored> {
        self.inner.record_page(scope, lease, page).await
    }
    async fn fail_listings(&self, scope: &TenantScope, lease: &Lease, failure: &ListingFailure) -> Result<()> {
        self.inner.fail_listings(scope, lease, failure).await
    }
    async fn runs(&self, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>> {
        self.inner.runs(scope, query).await
    }
    async fn run(&self, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
        self.inner.run(scope, run).await
    }
    async fn find_run(&self, scope: &TenantScope, part: &str) -> Result<RunLookup> {
        self.inner.find_run(scope, part).await
    }
    async fn selections(&self, scope: &TenantScope) -> Result<Vec<SelectionRecord>> {
        self.inner.selections(scope).await
    }
    async fn items(&self, scope: &TenantScope, query: &ItemQuery) -> Result<ItemPage> {
        self.inner.items(scope, query).await
    }
    async fn missing(&self, scope: &TenantScope, query: &MissingQuery) -> Result<Missing> {
        self.inner.missing(scope, query).await
    }
    async fn missing_counts(&self, scope: &TenantScope, reference: Reference) -> Result<Vec<MissingCounts>> {
        self.inner.missing_counts(scope, reference).await
    }
    async fn diff(&self, scope: &TenantScope, query: &DiffQuery) -> Result<Diff> {
        self.inner.diff(scope, query).await
    }
    async fn explain(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Option<Explanation>> {
        self.inner.explain(scope, policy_type, external_id).await
    }
    async fn acknowledge(&self, scope: &TenantScope, note: &Acknowledgement) -> Result<bool> {
        self.inner.acknowledge(scope, note).await
    }
    async fn unacknowledge(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<bool> {
        self.inner.unacknowledge(scope, policy_type, external_id).await
    }
    async fn close(&self) {
        self.inner.close().await;
    }

    async fn prune(&self, scope: &TenantScope, retention: &Retention) -> Result<Pruned> {
        self.inner.prune(scope, retention).await
    }
}
