//! The storage verbs: what Lastseen asks of a database, as use cases and not as rows.
//!
//! Every verb of [`Store`] is one transaction inside its backend. A verb on tenant data takes a [`TenantScope`] and answers
//! an id of another tenant exactly as an id that does not exist. A write of a run names its [`Lease`] and must meet exactly
//! that live run. To add a verb: declare it here with its rule, write it in every backend in that backend's own SQL, and prove
//! it in `store-conformance`, which runs for all of them.
//!
//! Taking a whole tenant away is no verb: it is an administrator's act, for which the program's role has no right. Each backend has it
//! as a function of its own (`purge`), which answers [`Purged`].
//!
//! This crate holds no SQL and knows no backend.

mod about;
mod clock;
mod comparison;
mod diff;
mod error;
mod fleet;
#[cfg(feature = "openapi")]
mod openapi;
mod queue;
mod read;
mod retention;
mod run;
mod schedule;
mod scope;
mod tenant;
mod token;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_model::{ExternalId, Guard, Limits, PolicyType, Reference, RunId, ScheduleId, Tenants, TokenHash, TokenId};

pub use about::{About, AboutPostgres, AboutSqlite, BackendAbout, JournalMode, Walls};
pub use clock::{DatabaseClock, ManualClock};
pub use comparison::{Comparison, Listed, MISSED, NamedRun, Pair, TypeDiff};
pub use diff::{Diff, DiffAnswer, DiffCounts, DiffItem, DiffListing, DiffQuery, DiffRun, DiffSide};
pub use error::{OpenProblem, StoreError};
pub use fleet::{Counted, FleetState, MissingCounts, SelectionState};
pub use queue::{Cancelled, EnqueueTerms, Enqueued, QueuedRun};
pub use read::{
    Acknowledgement, Coverage, Cursor, CursorError, Explanation, Item, ItemPage, ItemQuery, Missing, MissingAnswer, MissingItem,
    MissingQuery, PossibleSuccessor, ReferenceRun, SUCCESSORS_NAMED, SelectionRecord, SightingRow, StandingRow,
};
pub use retention::{Pruned, Retention};
pub use run::{
    Claim, ClaimTerms, ClaimedRun, FinishRun, Lease, ListingFailure, ListingPage, ListingRecord, NewRun, PageRecord, PageStored, Reaped,
    RegistryType, Renewal, RunCounts, RunDetail, RunError, RunLookup, RunQuery, RunRecord, ScopedType, Start, Traffic, run_id_part,
};
pub use schedule::{Advance, Advanced, DueSchedule, DueSchedules, NewSchedule, SCHEDULE_NAME_MAX_CHARS, ScheduleRecord};
pub use scope::TenantScope;
pub use tenant::{Change, Purged, PurgedTable, REQUESTS_AT_ONCE, RUNS_AT_ONCE, Removal, TenantChange, TenantRecord};
pub use token::{NewToken, TOKEN_NAME_MAX_CHARS, TOKEN_USE_NOTED_EVERY, TokenRecord, TokenUse};

/// What every verb answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database, as the engine and the command line see it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // --- the fleet: listed exceptions to the tenant scope ---

    /// Writes the registry as the database's readers see it (`policy_types`). Types that left the registry stay: old runs
    /// name them.
    async fn mirror_registry(&self, types: &[RegistryType]) -> Result<()>;

    /// The tenants this database knows, by name and then id; removed ones too, marked as such.
    async fn tenants(&self) -> Result<Vec<TenantRecord>>;

    /// Ends what has expired, of every tenant: a running run whose lease is over becomes `failed` with `worker_lost`, its open
    /// listings `incomplete` when begun and else `not_started`; a pending run past its expiry becomes `skipped` with
    /// `worker_lost`. [`Store::start_run`], [`Store::enqueue_run`] and [`Store::claim_run`] do this first, in their own transaction.
    async fn reap_expired(&self) -> Result<Reaped>;

    /// Queued runs that a worker may try to claim now, oldest first, at most `at_most`: none while `limits.global` runs are running,
    /// none of a tenant that has its [`TenantRecord::runs_at_once`] running, else `limits.per_tenant`, and none of a removed tenant.
    /// Runs that a waiting start keeps for itself are not among them. A hint: it reaps nothing, and the claim decides.
    async fn queued_runs(&self, limits: Limits, at_most: u32) -> Result<Vec<QueuedRun>>;

    /// Where every selection of these tenants stands, in one snapshot. Removed tenants are left out, and so is a tenant that no run was
    /// ever asked for; an id that the database does not know is like one of those.
    async fn fleet_state(&self, tenants: &Tenants) -> Result<FleetState>;

    /// Makes a token of the API. [`StoreError::NoSuchTenant`] where the database does not know a tenant that it names; a removed one it
    /// knows. Nothing was written then.
    async fn create_token(&self, token: &NewToken) -> Result<TokenRecord>;

    /// All tokens, the newest first; those that were taken back or whose time is over too.
    async fn tokens(&self) -> Result<Vec<TokenRecord>>;

    /// Takes a token back. Taken back already: unchanged. None where there is no such token.
    async fn revoke_token(&self, token: TokenId) -> Result<Option<TokenRecord>>;

    /// What a token is worth that somebody showed, by the database's clock, and whether that is to be noted. Asked at every request, so it
    /// only reads: a token that holds is not refused, nor has to wait, because nobody can write just now.
    async fn use_token(&self, hash: &TokenHash) -> Result<TokenUse>;

    /// Notes that a token was used, at most once in [`TOKEN_USE_NOTED_EVERY`], whoever asks and how often. Nothing where there is no such
    /// token.
    async fn note_token_use(&self, token: TokenId) -> Result<()>;

    /// Keeps a schedule. [`StoreError::NameTaken`] where another has its name, [`StoreError::NoSuchTenant`] where the database does not
    /// know a tenant that it names. Nothing was written then.
    async fn add_schedule(&self, schedule: &NewSchedule) -> Result<ScheduleRecord>;

    /// All schedules, by name; those that rest too. What a newer program keeps in words that this one can't read is passed over.
    async fn schedules(&self) -> Result<Vec<ScheduleRecord>>;

    /// Lets a schedule rest, or go on. When it goes on, every time that was reckoned is forgotten: what was due while it rested is not made
    /// up for. As it was already: unchanged. None where there is no such schedule.
    async fn pause_schedule(&self, schedule: ScheduleId, paused: bool) -> Result<Option<ScheduleRecord>>;

    /// Takes a schedule away; whether it was there. Runs that it asked for stay as they are.
    async fn remove_schedule(&self, schedule: ScheduleId) -> Result<bool>;

    /// For which tenant which schedule is due by the database's clock, or was not reckoned yet; at most `at_most`. Schedules that rest,
    /// removed tenants and the schedules in `except` are not among them. A hint: [`Store::advance_schedule`] decides.
    async fn due_schedules(&self, at_most: u32, except: &BTreeSet<ScheduleId>) -> Result<DueSchedules>;

    // --- a tenant ---

    /// The tenant's record; none where the database does not know it. A removed one has one.
    async fn tenant(&self, scope: &TenantScope) -> Result<Option<TenantRecord>>;

    /// Makes the tenant known, and its name when one is given. Does not bring a removed one back.
    async fn register_tenant(&self, scope: &TenantScope, name: Option<&str>) -> Result<()>;

    /// Adds the tenant, or changes it, and brings a removed one back. Answers its record.
    async fn set_tenant(&self, scope: &TenantScope, change: &TenantChange) -> Result<TenantRecord>;

    /// Removes the tenant: from here on no run of it is made or claimed. Its pending runs end as `skipped` with `cancelled` in the same
    /// transaction; a running one may end by itself. Nothing that was seen goes. When its schedules are due next is forgotten: once it is
    /// brought back, they are reckoned anew. Removed already: nothing changes. None where the database does not know it.
    async fn remove_tenant(&self, scope: &TenantScope) -> Result<Option<Removal>>;

    // --- a run, from start to finish ---

    /// Enqueues and claims in one transaction. Also records the selection's first use and makes the tenant known. Meets a live
    /// run of the selection: recorded as `skipped` with `lock_contended`. Meets a limit: `skipped` with its code, or `pending`
    /// when the run says [`lastseen_model::OnLimit::Wait`]. On a claim every listing of the scope is made with its `known_before`.
    /// [`StoreError::TenantRemoved`] for a removed tenant, and no run is made.
    async fn start_run(&self, scope: &TenantScope, run: &NewRun, terms: &ClaimTerms) -> Result<Start>;

    /// Puts a run into the queue, for a worker of any process. Also records the selection's first use and makes the tenant known. Reaps
    /// first. Meets a live run of the selection: recorded as `skipped` with `lock_contended`. Meets a limit, with
    /// [`lastseen_model::OnLimit::Skip`]: `skipped` with its code; only running runs count. [`StoreError::TenantRemoved`] for a removed
    /// tenant, and no run is made.
    ///
    /// A [`NewRun::start_key`] stands for one run of the tenant, also for a skipped one. Asked again under it, for the same selection and
    /// with the same wish at a limit, it is [`Enqueued::Repeated`], whatever became of the run; for anything else it is
    /// [`Enqueued::KeyTaken`]. Of several that come at once under one key, one makes the run.
    async fn enqueue_run(&self, scope: &TenantScope, run: &NewRun, terms: &EnqueueTerms) -> Result<Enqueued>;

    /// Takes a step of a schedule for the tenant: sets when it is due next and asks for the run that is due, as [`Store::enqueue_run`] does
    /// for one that waits at a limit, in one transaction. Only from [`Advance::from`], only while the schedule is there, does not rest and
    /// covers the tenant, and while the tenant is known and not removed: else it is [`Advanced::NotDue`], and nothing was written. So of
    /// any number of processes that come with the same step, one takes it. Reaps first where a run is due.
    async fn advance_schedule(&self, scope: &TenantScope, step: &Advance, guard: Guard) -> Result<Advanced>;

    /// Claims a pending run, or finds that it has to wait on (which lets it live [`ClaimTerms::pending_for`] from now, and never
    /// shorter than it would have lived) or is no longer pending.
    async fn claim_run(&self, scope: &TenantScope, run: RunId, terms: &ClaimTerms) -> Result<Claim>;

    /// Ends a pending run as `skipped` with `cancelled`. Of a running one it is noted that it is to end, once: it is its worker's to end,
    /// who hears of it by [`Renewal::CancelAsked`]. One that has ended stays as it is.
    async fn cancel_run(&self, scope: &TenantScope, run: RunId) -> Result<Cancelled>;

    /// Lets the lease run for `for_` from now by the database's clock, and tells whether the run is to be cancelled.
    /// [`StoreError::LeaseLost`] when it is not the run's any more, or has expired already, reaped or not.
    async fn renew_lease(&self, scope: &TenantScope, lease: &Lease, for_: Duration) -> Result<Renewal>;

    /// Marks listings as begun: from here on they end `incomplete` where they would have ended `not_started`. Begun already
    /// or ended: unchanged.
    async fn begin_listings(&self, scope: &TenantScope, lease: &Lease, types: &[PolicyType]) -> Result<()>;

    /// Stores one page of a path, for all its listings in scope, in one transaction (semantics, section 6). A page number that
    /// is stored already changes nothing; one that leaves a gap, or a listing with an outcome, is an error.
    async fn record_page(&self, scope: &TenantScope, lease: &Lease, page: &PageRecord) -> Result<PageStored>;

    /// Ends the listings of a path that broke off, with [`lastseen_model::ListingOutcome::after_failure`] by each listing's own
    /// stored pages, and keeps the error unless every listing ended unavailable. Listings that have an outcome are left as they are.
    async fn fail_listings(&self, scope: &TenantScope, lease: &Lease, failure: &ListingFailure) -> Result<()>;

    /// Ends the run: open listings first, then counts, codes and status by [`lastseen_model::RunStatus::conclude`]; the lock is free.
    async fn finish_run(&self, scope: &TenantScope, lease: &Lease, finish: &FinishRun) -> Result<RunDetail>;

    // --- answers ---

    /// Runs of the tenant, newest first by creation.
    async fn runs(&self, scope: &TenantScope, query: &RunQuery) -> Result<Vec<RunRecord>>;

    /// One run with its listings and errors.
    async fn run(&self, scope: &TenantScope, run: RunId) -> Result<Option<RunDetail>>;

    /// The run whose id begins or ends with `part` (lowercase hex and hyphens, at least 4 characters).
    async fn find_run(&self, scope: &TenantScope, part: &str) -> Result<RunLookup>;

    /// The selections the tenant has used, by last use, newest first.
    async fn selections(&self, scope: &TenantScope) -> Result<Vec<SelectionRecord>>;

    /// Items with their last sighting, in the order type, external id.
    async fn items(&self, scope: &TenantScope, query: &ItemQuery) -> Result<ItemPage>;

    /// What is missing for a selection (semantics, section 7).
    async fn missing(&self, scope: &TenantScope, query: &MissingQuery) -> Result<Missing>;

    /// How much is missing for each selection the tenant has used, by hash, in one snapshot: the numbers of [`Store::missing`] for the
    /// same reference, which no filter changes.
    async fn missing_counts(&self, scope: &TenantScope, reference: Reference) -> Result<Vec<MissingCounts>>;

    /// What became of each item between two completed runs of one selection, in one snapshot: by what each of them saw. How far it can be
    /// trusted that an item is gone also depends on what was seen since. A listing that retention has dropped is told as such, and says
    /// nothing.
    async fn diff(&self, scope: &TenantScope, query: &DiffQuery) -> Result<Diff>;

    /// One item and every listing that bears on it, newest first.
    async fn explain(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Option<Explanation>>;

    /// Puts a person's note beside an item; whether the item exists. Replaces an earlier note.
    async fn acknowledge(&self, scope: &TenantScope, note: &Acknowledgement) -> Result<bool>;

    /// Takes the note back; whether there was one.
    async fn unacknowledge(&self, scope: &TenantScope, policy_type: &PolicyType, external_id: &ExternalId) -> Result<bool>;

    /// What there is to say about the database itself: which it is, as whom Lastseen works with it, and whether its walls hold.
    async fn about(&self) -> Result<About>;

    /// Closes every connection in good order. To be called when the program is done with the store; nothing is asked after it.
    async fn close(&self);

    /// Drops listings of ended runs beyond the limits, and nothing that a derived answer needs (semantics, section 10).
    async fn prune(&self, scope: &TenantScope, retention: &Retention) -> Result<Pruned>;
}
