//! The storage verbs in PostgreSQL 15 or newer, behind row-level security.
//!
//! Many processes on many machines may use one database, through a pooler in transaction mode or without one: nothing is kept in a
//! session. `transaction` is the only place that opens a transaction and sets its tenant; the walls of `migrations/0003_walls.sql`
//! then hold whatever a statement says. Each verb stands in the file named after its group, its SQL in the method that uses it (the
//! hot ones in `sql/`), checked against a real schema when it is compiled. `migrations/` holds the schema and the views, in which the
//! rules about *last seen* and *missing* stand once, for the program and for whoever reads the database with another tool.
//!
//! This crate decides nothing about runs that `lastseen_model` can say; it is no place for retries, clocks of workers or output.

mod about;
mod cancel;
mod catalogue;
mod diff;
mod error;
mod explain;
mod finish;
mod fleet;
mod fleet_state;
mod history;
mod items;
mod lease;
mod migrate;
mod missing;
mod notes;
mod open;
mod pages;
mod prune;
mod purge;
mod queue;
mod reap;
mod rows;
mod schedules;
mod settings;
mod start;
mod successors;
mod tenants;
mod tokens;
mod transaction;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_model::{ExternalId, Guard, Limits, PolicyType, Reference, RunId, ScheduleId, Tenants, TokenHash, TokenId};
use lastseen_store::{
    About, Acknowledgement, Advance, Advanced, Cancelled, Claim, ClaimTerms, DatabaseClock, Diff, DiffQuery, DueSchedules, EnqueueTerms,
    Enqueued, Explanation, FinishRun, FleetState, ItemPage, ItemQuery, Lease, ListingFailure, Missing, MissingCounts, MissingQuery, NewRun,
    NewSchedule, NewToken, PageRecord, PageStored, Pruned, QueuedRun, Reaped, RegistryType, Removal, Renewal, Result, Retention, RunDetail,
    RunLookup, RunQuery, RunRecord, ScheduleRecord, SelectionRecord, Start, Store, StoreError, TenantChange, TenantRecord, TenantScope,
    TokenRecord, TokenUse,
};
use sqlx::PgPool;

pub use migrate::{Migrated, migrate, migrate_to, newest_version};
pub use purge::{purge, purge_with_clock};
pub use settings::{PoolSettings, PostgresAddress};

/// How long a verb may take in all. The server ends a statement that is stuck; this ends the wait for a server that is gone without a
/// word.
const VERB_TIMEOUT: Duration = Duration::from_mins(2);

/// A database of Lastseen in PostgreSQL. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    clock: DatabaseClock,
}

/// Waits for a verb, but not for ever.
async fn bounded<T>(verb: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(VERB_TIMEOUT, verb).await.unwrap_or_else(|late| Err(StoreError::Unavailable(late.into())))
}

#[async_trait]
impl Store for PostgresStore {
    async fn mirror_registry(&self, types: &[RegistryType]) -> Result<()> {
        bounded(fleet::mirror_registry(self, types)).await
    }

    async fn tenants(&self) -> Result<Vec<TenantRecord>> {
        bounded(tenants::tenants(self)).await
    }

    async fn reap_expired(&self) -> Result<Reaped> {
        bounded(reap::reap_expired(self)).await
    }

    async fn fleet_state(&self, tenants: &Tenants) -> Result<FleetState> {
        bounded(fleet_state::fleet_state(self, tenants)).await
    }

    async fn create_token(&self, token: &NewToken) -> Result<TokenRecord> {
        bounded(tokens::create_token(self, token)).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        bounded(tokens::tokens(self)).await
    }

    async fn revoke_token(&self, token: TokenId) -> Result<Option<TokenRecord>> {
        bounded(tokens::revoke_token(self, token)).await
    }

    async fn use_token(&self, hash: &TokenHash) -> Result<TokenUse> {
        bounded(tokens::use_token(self, hash)).await
    }

    async fn note_token_use(&self, token: TokenId) -> Result<()> {
        bounded(tokens::note_token_use(self, token)).await
    }

    async fn add_schedule(&self, schedule: &NewSchedule) -> Result<ScheduleRecord> {
        bounded(schedules::add_schedule(self, schedule)).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        bounded(schedules::schedules(self)).await
    }

    async fn pause_schedule(&self, schedule: ScheduleId, paused: bool) -> Result<Option<ScheduleRecord>> {
        bounded(schedules::pause_schedule(self, schedule, paused)).await
    }

    async fn remove_schedule(&self, schedule: ScheduleId) -> Result<bool> {
        bounded(schedules::remove_schedule(self, schedule)).await
    }

    async fn due_schedules(&self, at_most: u32, except: &BTreeSet<ScheduleId>) -> Result<DueSchedules> {
        bounded(schedules::due_schedules(self, at_most, except)).await
    }

    async fn advance_schedule(&self, scope: &TenantScope, step: &Advance, guard: Guard) -> Result<Advanced> {
        bounded(schedules::advance_schedule(self, scope, step, guard)).await
    }

    async fn register_tenant(&self, scope: &TenantScope, name: Option<&str>) -> Result<()> {
        bounded(tenants::register_tenant(self, scope, name)).await
    }

    async fn tenant(&self, scope: &TenantScope) -> Result<Option<TenantRecord>> {
        bounded(tenants::tenant(self, scope)).await
    }

    async fn set_tenant(&self, scope: &TenantScope, change: &TenantChange) -> Result<TenantRecord> {
        bounded(tenants::set_tenant(self, scope, change)).await
    }

    async fn remove_tenant(&self, scope: &TenantScope) -> Result<Option<Removal>> {
        bounded(tenants::remove_tenant(self, scope)).await
    }

    async fn about(&self) -> Result<About> {
        bounded(about::about(self)).await
    }

    async fn start_run(&self, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Start> {
        bounded(start::start_run(self, scope, run, terms)).await
    }

    async fn enqueue_run(&self, scope: &TenantScope, run: &NewRun, terms: &EnqueueTerms) -> Result<Enqueued> {
        bounded(queue::enqueue_run(self, scope, run, terms)).await
    }

    async fn queued_runs(&self, limits: Limits, at_most: u32) -> Result<Vec<QueuedRun>> {
        bounded(queue::queued_runs(self, limits, at_most)).await
    }

    async fn claim_run(&self, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Claim> {
        bounded(start::claim_run(self, scope, run, terms)).await
    }

    async fn cancel_run(&self, scope: &TenantScope, run: RunId) -> Result<Cancelled> {
        bounded(cancel::cancel_run(self, scope, run)).await
    }

    async fn renew_lease(&self, scope: &TenantScope, lease: &Lease, for_: Duration) -> Result<Renewal> {
        bounded(lease::renew_lease(self, scope, lease, for_)).await
    }

    async fn begin_listings(&self, scope: &TenantScope, lease: &Lease, types: &[PolicyType]) -> Result<()> {
        bounded(lease::begin_listings(self, scope, lease, types)).await
    }

    async fn record_page(&self, scope: &TenantScope, lease: &Lease, page: &PageRecord) -> Result<PageStored> {
        bounded(pages::record_page(self, scope, lease, page)).await
    }

    async fn fail_listings(&self, scope: &TenantScope, lease: &Lease, failure: &ListingFailure) -> Result<()> {
        bounded(finish::fail_listings(self, scope, lease, failure)).await
    }

    async fn finish_run(&self, scope: &TenantScope, lease: &Lease, finish: &FinishRun) -> Result<RunDetail> {
        bounded(finish::finish_run(self, scope, lease, finish)).await
    }

    async fn runs(&self, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>> {
        bounded(history::runs(self, scope, query)).await
    }

    async fn run(&self, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
        bounded(history::run(self, scope, run)).await
    }

    async fn find_run(&self, scope: &TenantScope, part: &str) -> Result<RunLookup> {
        bounded(history::find_run(self, scope, part)).await
    }

    async fn selections(&self, scope: &TenantScope) -> Result<Vec<SelectionRecord>> {
        bounded(history::selections(self, scope)).await
    }

    async fn items(&self, scope: &TenantScope, query: &ItemQuery) -> Result<ItemPage> {
        bounded(items::items(self, scope, query)).await
    }

    async fn missing(&self, scope: &TenantScope, query: &MissingQuery) -> Result<Missing> {
        bounded(missing::missing(self, scope, query)).await
    }

    async fn missing_counts(&self, scope: &TenantScope, reference: Reference) -> Result<Vec<MissingCounts>> {
        bounded(missing::missing_counts(self, scope, reference)).await
    }

    async fn diff(&self, scope: &TenantScope, query: &DiffQuery) -> Result<Diff> {
        bounded(diff::diff(self, scope, query)).await
    }

    async fn explain(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Option<Explanation>> {
        bounded(explain::explain(self, scope, policy_type, external_id)).await
    }

    async fn acknowledge(&self, scope: &TenantScope, note: &Acknowledgement) -> Result<bool> {
        bounded(notes::acknowledge(self, scope, note)).await
    }

    async fn unacknowledge(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<bool> {
        bounded(notes::unacknowledge(self, scope, policy_type, external_id)).await
    }

    async fn close(&self) {
        self.pool.close().await;
    }

    async fn prune(&self, scope: &TenantScope, retention: &Retention) -> Result<Pruned> {
        bounded(prune::prune(self, scope, retention)).await
    }
}
