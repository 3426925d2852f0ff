//! The storage verbs in an embedded SQLite file.
//!
//! One file, one writer: a pool of one connection writes, each verb in one `BEGIN IMMEDIATE` transaction, and a few readers look at
//! snapshots (WAL). `transaction` is the only place that opens one. Each verb stands in the file named after its group, its SQL in
//! the method that uses it (what tests look at, too, in `sql/`), checked against the real schema when it is compiled; `migrations/`
//! holds the schema and the views, in which the rules about *last seen* and *missing* stand once, for the program and for whoever reads
//! the file with another tool.
//!
//! SQLite says little about the columns of an expression, and takes what is NULL by an outer join for what its table says. So a column
//! that is not simply a table's own says in its name what it is (`AS "last_seen_at?: i64"`), and only one that can't be NULL has a `!`:
//! a NULL would be read as 0 or an empty text, and not be found. What may be NULL and must not be is asked for by `Stored::there`.
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
#[cfg(test)]
mod full_disk;
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
mod start;
mod successors;
mod tenants;
mod tokens;
mod transaction;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_model::{ExternalId, Guard, Limits, PolicyType, Reference, RunId, ScheduleId, Tenants, TokenHash, TokenId};
use lastseen_store::{
    About, Acknowledgement, Advance, Advanced, Cancelled, Claim, ClaimTerms, DatabaseClock, Diff, DiffQuery, DueSchedules, EnqueueTerms,
    Enqueued, Explanation, FinishRun, FleetState, ItemPage, ItemQuery, Lease, ListingFailure, Missing, MissingCounts, MissingQuery, NewRun,
    NewSchedule, NewToken, PageRecord, PageStored, Pruned, QueuedRun, Reaped, RegistryType, Removal, Renewal, Result, Retention, RunDetail,
    RunLookup, RunQuery, RunRecord, ScheduleRecord, SelectionRecord, Start, Store, TenantChange, TenantRecord, TenantScope, TokenRecord,
    TokenUse,
};
use sqlx::SqlitePool;

pub use migrate::newest_version;
pub use open::version_of;

/// A database of Lastseen in one file. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    path: PathBuf,
    /// The file that was opened; another one under the same path is not this database.
    identity: Option<(u64, u64)>,
    /// One connection: SQLite has one writer at a time, and waiting here costs less than waiting for the file's lock.
    writer: SqlitePool,
    readers: SqlitePool,
    clock: DatabaseClock,
}

#[async_trait]
impl Store for SqliteStore {
    async fn mirror_registry(&self, types: &[RegistryType]) -> Result<()> {
        fleet::mirror_registry(self, types).await
    }

    async fn tenants(&self) -> Result<Vec<TenantRecord>> {
        tenants::tenants(self).await
    }

    async fn reap_expired(&self) -> Result<Reaped> {
        reap::reap_expired(self).await
    }

    async fn queued_runs(&self, limits: Limits, at_most: u32) -> Result<Vec<QueuedRun>> {
        queue::queued_runs(self, limits, at_most).await
    }

    async fn fleet_state(&self, tenants: &Tenants) -> Result<FleetState> {
        fleet_state::fleet_state(self, tenants).await
    }

    async fn create_token(&self, token: &NewToken) -> Result<TokenRecord> {
        tokens::create_token(self, token).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        tokens::tokens(self).await
    }

    async fn revoke_token(&self, token: TokenId) -> Result<Option<TokenRecord>> {
        tokens::revoke_token(self, token).await
    }

    async fn use_token(&self, hash: &TokenHash) -> Result<TokenUse> {
        tokens::use_token(self, hash).await
    }

    async fn note_token_use(&self, token: TokenId) -> Result<()> {
        tokens::note_token_use(self, token).await
    }

    async fn add_schedule(&self, schedule: &NewSchedule) -> Result<ScheduleRecord> {
        schedules::add_schedule(self, schedule).await
    }

    async fn schedules(&self) -> Result<Vec<ScheduleRecord>> {
        schedules::schedules(self).await
    }

    async fn pause_schedule(&self, schedule: ScheduleId, paused: bool) -> Result<Option<ScheduleRecord>> {
        schedules::pause_schedule(self, schedule, paused).await
    }

    async fn remove_schedule(&self, schedule: ScheduleId) -> Result<bool> {
        schedules::remove_schedule(self, schedule).await
    }

    async fn due_schedules(&self, at_most: u32, except: &BTreeSet<ScheduleId>) -> Result<DueSchedules> {
        schedules::due_schedules(self, at_most, except).await
    }

    async fn advance_schedule(&self, scope: &TenantScope, step: &Advance, guard: Guard) -> Result<Advanced> {
        schedules::advance_schedule(self, scope, step, guard).await
    }

    async fn register_tenant(&self, scope: &TenantScope, name: Option<&str>) -> Result<()> {
        tenants::register_tenant(self, scope, name).await
    }

    async fn tenant(&self, scope: &TenantScope) -> Result<Option<TenantRecord>> {
        tenants::tenant(self, scope).await
    }

    async fn set_tenant(&self, scope: &TenantScope, change: &TenantChange) -> Result<TenantRecord> {
        tenants::set_tenant(self, scope, change).await
    }

    async fn remove_tenant(&self, scope: &TenantScope) -> Result<Option<Removal>> {
        tenants::remove_tenant(self, scope).await
    }

    async fn about(&self) -> Result<About> {
        about::about(self).await
    }

    async fn start_run(&self, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Start> {
        start::start_run(self, scope, run, terms).await
    }

    async fn enqueue_run(&self, scope: &TenantScope, run: &NewRun, terms: &EnqueueTerms) -> Result<Enqueued> {
        queue::enqueue_run(self, scope, run, terms).await
    }

    async fn claim_run(&self, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Claim> {
        start::claim_run(self, scope, run, terms).await
    }

    async fn cancel_run(&self, scope: &TenantScope, run: RunId) -> Result<Cancelled> {
        cancel::cancel_run(self, scope, run).await
    }

    async fn renew_lease(&self, scope: &TenantScope, lease: &Lease, for_: Duration) -> Result<Renewal> {
        lease::renew_lease(self, scope, lease, for_).await
    }

    async fn begin_listings(&self, scope: &TenantScope, lease: &Lease, types: &[PolicyType]) -> Result<()> {
        lease::begin_listings(self, scope, lease, types).await
    }

    async fn record_page(&self, scope: &TenantScope, lease: &Lease, page: &PageRecord) -> Result<PageStored> {
        pages::record_page(self, scope, lease, page).await
    }

    async fn fail_listings(&self, scope: &TenantScope, lease: &Lease, failure: &ListingFailure) -> Result<()> {
        finish::fail_listings(self, scope, lease, failure).await
    }

    async fn finish_run(&self, scope: &TenantScope, lease: &Lease, finish: &FinishRun) -> Result<RunDetail> {
        finish::finish_run(self, scope, lease, finish).await
    }

    async fn runs(&self, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>> {
        history::runs(self, scope, query).await
    }

    async fn run(&self, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>> {
        history::run(self, scope, run).await
    }

    async fn find_run(&self, scope: &TenantScope, part: &str) -> Result<RunLookup> {
        history::find_run(self, scope, part).await
    }

    async fn selections(&self, scope: &TenantScope) -> Result<Vec<SelectionRecord>> {
        history::selections(self, scope).await
    }

    async fn items(&self, scope: &TenantScope, query: &ItemQuery) -> Result<ItemPage> {
        items::items(self, scope, query).await
    }

    async fn missing(&self, scope: &TenantScope, query: &MissingQuery) -> Result<Missing> {
        missing::missing(self, scope, query).await
    }

    async fn missing_counts(&self, scope: &TenantScope, reference: Reference) -> Result<Vec<MissingCounts>> {
        missing::missing_counts(self, scope, reference).await
    }

    async fn diff(&self, scope: &TenantScope, query: &DiffQuery) -> Result<Diff> {
        diff::diff(self, scope, query).await
    }

    async fn explain(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Option<Explanation>> {
        explain::explain(self, scope, policy_type, external_id).await
    }

    async fn acknowledge(&self, scope: &TenantScope, note: &Acknowledgement) -> Result<bool> {
        notes::acknowledge(self, scope, note).await
    }

    async fn unacknowledge(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<bool> {
        notes::unacknowledge(self, scope, policy_type, external_id).await
    }

    /// The last connection folds the write-ahead log into the file.
    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn prune(&self, scope: &TenantScope, retention: &Retention) -> Result<Pruned> {
        prune::prune(self, scope, retention).await
    }
}
