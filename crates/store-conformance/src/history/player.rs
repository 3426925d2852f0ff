//! Plays a history: resolves each move against what exists, does it in the model and in the database, and holds the two
//! against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use lastseen_model::{
    Ending, ErrorCode, ErrorContext, Guard, Limits, OnLimit, PolicyType, RunId, RunStatus, StartKey, TenantId, Trigger, WorkerId,
};
use lastseen_store::{
    Acknowledgement, Change, ClaimTerms, EnqueueTerms, FinishRun, ListingFailure, NewRun, Retention, RunError, TenantChange, Traffic,
};
use proptest::test_runner::TestCaseError;

use super::command::{Command, Effect};
use super::database::Database;
use super::ops::{Op, PageTold, PathTold};
use super::paths::FAILURES;
use super::same::same;
use super::tally::{QUEUED_AND_CLAIMED, Tally};
use super::tenancy::Tenancy;
use crate::model::{Model, Run};
use crate::world::{self, Chosen};

/// How long a lease runs.
const LEASE: Duration = Duration::from_mins(1);
/// How long a run may wait.
const PENDING: Duration = Duration::from_secs(90);
/// How long a run may be in the queue; longer than a claim that has to wait would let it.
const QUEUED: Duration = Duration::from_secs(200);
/// How long a move takes.
const TICK: Duration = Duration::from_millis(1);
/// What a history may wait for.
const STEPS: [u64; 6] = [1, 10, 25, 61, 100, 700];
/// Ages that retention is asked about.
const AGES: [u64; 4] = [0, 30, 300, 3_600];
/// How many runs may be running.
pub(super) const LIMITS: Limits = Limits { global: 3, per_tenant: 2 };

/// The selections of a history; they overlap. Two have one type alone of the path that two types share.
pub(super) fn selections() -> [Chosen; 5] {
    [
        Chosen::everything(),
        Chosen::types(&[world::CONFIG, world::APP]),
        Chosen::category("Configuration"),
        Chosen::types(&[world::APP, world::SECURITY, world::COMPLIANCE]),
        Chosen::types(&[world::COMPLIANCE]),
    ]
}

/// One history in the playing.
pub(crate) struct Player<'a> {
    pub(super) model: Model,
    pub(super) database: Option<Database<'a>>,
    pub(super) tally: &'a mut Tally,
    pub(super) tenancies: [Tenancy; 2],
    /// Hash and version of each type's contract.
    contracts: [(u8, u8); 5],
    /// Paths of runs on which an object was rejected.
    pub(super) rejecting: BTreeSet<(RunId, &'static str)>,
    runs_made: u64,
    /// Whose answers may have changed since they were compared.
    pub(super) touched: BTreeSet<u8>,
    /// A number that the last move decided: what is too much to ask after every move is chosen by it.
    pub(super) chance: usize,
}

/// A result that stops the history when model and database differ.
pub(crate) type Played<T> = Result<T, TestCaseError>;

impl<'a> Player<'a> {
    /// A history about to begin; without a database only the model plays.
    pub(crate) fn new(database: Option<Database<'a>>, tally: &'a mut Tally) -> Self {
        let now = database.as_ref().map_or(1_800_000_000_000_000, Database::now_micros);
        let mut model = Model::new(world::at_micros(now), &world::registry());
        for part in [0, 1] {
            model.know(tenant_of(part));
        }
        Self {
            model,
            database,
            tally,
            tenancies: [Tenancy::new(), Tenancy::new()],
            contracts: [(1, 1); 5],
            rejecting: BTreeSet::new(),
            runs_made: 0,
            touched: BTreeSet::from([0, 1]),
            chance: 0,
        }
    }

    /// Plays one move.
    pub(crate) async fn play(&mut self, op: &Op) -> Played<()> {
        self.pass(TICK);
        self.chance = chance_of(op);
        match op {
            Op::Sync { tenant, selection, min_items, paths, ending } => self.sync(*tenant, *selection, *min_items, *paths, *ending).await,
            Op::Start { tenant, selection, min_items, wait } => {
                let on_limit = if *wait { OnLimit::Wait } else { OnLimit::Skip };
                self.start(*tenant, *selection, *min_items, on_limit).await.map(|_| ())
            }
            Op::Enqueue { tenant, selection, min_items, wait, key } => {
                let on_limit = if *wait { OnLimit::Wait } else { OnLimit::Skip };
                self.enqueue(*tenant, *selection, *min_items, on_limit, *key).await
            }
            Op::Claim { run } => match self.pick(*run, |status| status == RunStatus::Pending).or_else(|| self.pick(*run, |_| true)) {
                Some((tenant, run)) => {
                    let Some(terms) = self.terms_again(tenant, run) else { return Ok(()) };
                    self.send(tenant, Command::Claim(run, terms)).await.map(|_| ())
                }
                None => Ok(()),
            },
            Op::Cancel { run } => match self.pick(*run, |status| status == RunStatus::Pending).or_else(|| self.pick(*run, |_| true)) {
                Some((tenant, run)) => self.send(tenant, Command::Cancel(run)).await.map(|_| ()),
                None => Ok(()),
            },
            Op::CancelRunning { run } => match self.pick(*run, |status| status == RunStatus::Running) {
                Some((tenant, run)) => {
                    self.send(tenant, Command::Cancel(run)).await?;
                    self.send(tenant, Command::Renew(run, LEASE)).await.map(|_| ())
                }
                None => Ok(()),
            },
            Op::Begin { run, path } => self.on_path(*run, *path, |_, run, types, _| Some(Command::Begin(run, types))).await,
            Op::Page { run, path, page } => {
                let page = *page;
                self.on_path(*run, *path, move |player, run, types, pages| {
                    Some(Command::Page(run, player.page(run, &types, pages + 1, page)))
                })
                .await
            }
            Op::Replay { run, path, mask } => {
                let told = PageTold { mask: *mask, twice: false, rejected: 2, last: false };
                self.on_path(*run, *path, move |player, run, types, pages| {
                    (pages > 0).then(|| Command::Page(run, player.made_page(run, &types, u32::from(told.mask) % pages + 1, told)))
                })
                .await
            }
            Op::Gap { run, path } => {
                let told = PageTold { mask: u16::MAX, twice: false, rejected: 0, last: false };
                self.on_path(*run, *path, move |player, run, types, pages| {
                    Some(Command::Page(run, player.made_page(run, &types, pages + 2, told)))
                })
                .await
            }
            Op::Fail { run, path, code } => {
                let code = FAILURES[usize::from(*code) % FAILURES.len()];
                self.on_path(*run, *path, move |_, run, types, _| Some(Command::Fail(run, failure(types, code)))).await
            }
            Op::Finish { run, ending } => match self.pick(*run, |status| status == RunStatus::Running) {
                Some((tenant, run)) => self.send(tenant, Command::Finish(run, finish(*ending))).await.map(|_| ()),
                None => Ok(()),
            },
            Op::Complete { run } => match self.pick(*run, |status| status == RunStatus::Running) {
                Some((tenant, run)) => self.complete(tenant, run).await,
                None => Ok(()),
            },
            Op::Renew { run } => match self.pick(*run, |status| status == RunStatus::Running) {
                Some((tenant, run)) => self.send(tenant, Command::Renew(run, LEASE)).await.map(|_| ()),
                None => Ok(()),
            },
            Op::Zombie { run, what } => match self.pick(*run, RunStatus::is_completed) {
                Some((tenant, run)) => self.write_as(tenant, tenant, run, *what).await,
                None => Ok(()),
            },
            Op::Trespass { run, what } => match self.pick(*run, |status| status != RunStatus::Skipped) {
                Some((tenant, run)) => self.write_as(1 - tenant, tenant, run, *what).await,
                None => Ok(()),
            },
            Op::Advance { by } => {
                self.pass(Duration::from_secs(STEPS[usize::from(*by) % STEPS.len()]));
                Ok(())
            }
            Op::Reap { later } => {
                if *later {
                    self.pass(LEASE);
                }
                self.send(0, Command::Reap).await.map(|_| ())
            }
            Op::World(change) => {
                self.tenancies[change.tenant()].change(change);
                Ok(())
            }
            Op::Contract { policy_type, hash } => {
                let contract = &mut self.contracts[usize::from(*policy_type)];
                *contract = (contract.0 + u8::from(*hash), contract.1 + 1);
                Ok(())
            }
            Op::Acknowledge { tenant, item } => {
                let Some((policy_type, external_id)) = self.pick_item(*tenant, *item) else { return Ok(()) };
                let note = Acknowledgement { policy_type, external_id, author: "ada".into(), note: "known".into(), acknowledged_at: None };
                self.send(*tenant, Command::Acknowledge(note)).await.map(|_| ())
            }
            Op::Unacknowledge { tenant, item } => {
                let Some((policy_type, external_id)) = self.pick_item(*tenant, *item) else { return Ok(()) };
                self.send(*tenant, Command::Unacknowledge(policy_type, external_id)).await.map(|_| ())
            }
            Op::Purge { tenant } => self.send(*tenant, Command::Purge).await.map(|_| ()),
            Op::RemoveTenant { tenant } => self.send(*tenant, Command::RemoveTenant).await.map(|_| ()),
            Op::SetTenant { tenant, runs_at_once } => {
                let runs_at_once = *runs_at_once;
                let name =
                    if self.runs_made.is_multiple_of(2) { Change::Set(format!("after {} runs", self.runs_made)) } else { Change::Clear };
                self.send(*tenant, Command::SetTenant(TenantChange { runs_at_once, name, ..TenantChange::default() })).await.map(|_| ())
            }
            Op::Prune { tenant, keep_runs, older_than } => {
                let older_than = older_than.map(|age| Duration::from_secs(AGES[usize::from(age) % AGES.len()]));
                let retention = Retention { keep_runs: keep_runs.map(u32::from), older_than };
                self.send(*tenant, Command::Prune(retention)).await.map(|_| ())
            }
        }
    }

    async fn sync(&mut self, tenant: u8, selection: u8, min_items: u8, told: [PathTold; 4], ending: u8) -> Played<()> {
        let Some(run) = self.start(tenant, selection, min_items, OnLimit::Skip).await? else {
            // Somebody notices soon, or most of a history would be refusals.
            let back = Command::SetTenant(TenantChange::default());
            return if self.model.is_removed(tenant_of(tenant)) { self.send(tenant, back).await.map(|_| ()) } else { Ok(()) };
        };
        for ((_, types), told) in self.paths(tenant, run).into_iter().zip(told) {
            self.tell_path(tenant, run, types, told).await?;
        }
        self.send(tenant, Command::Finish(run, finish(ending))).await.map(|_| ())
    }

    async fn start(&mut self, tenant: u8, selection: u8, min_items: u8, on_limit: OnLimit) -> Played<Option<RunId>> {
        let chosen = &selections()[usize::from(selection)];
        let new = self.new_run(chosen, on_limit, PENDING)?;
        let terms = self.terms(chosen, min_items);
        let run = new.run_id;
        let effect = self.send(tenant, Command::Start(new, terms)).await?;
        Ok((effect == Effect::Claimed).then_some(run))
    }

    async fn enqueue(&mut self, tenant: u8, selection: u8, min_items: u8, on_limit: OnLimit, key: Option<u8>) -> Played<()> {
        let start_key: Option<StartKey> =
            key.map(|key| format!("key-{key}").parse().map_err(|_| TestCaseError::fail("a key"))).transpose()?;
        // Narrow ones, or a run that is not to wait would seldom meet them.
        let limits = Limits { global: 2, per_tenant: 1 };
        let terms = EnqueueTerms { guard: Guard { min_items: u32::from(min_items), percent: 50 }, limits };
        let known = selections();
        let other = (usize::from(selection) + 1) % known.len();
        let asked = [usize::from(selection), usize::from(selection), other];
        for selection in &asked[..if start_key.is_some() { 3 } else { 1 }] {
            let new = NewRun { start_key: start_key.clone(), ..self.new_run(&known[*selection], on_limit, QUEUED)? };
            self.send(tenant, Command::Enqueue(new, terms)).await?;
        }
        Ok(())
    }

    fn new_run(&mut self, chosen: &Chosen, on_limit: OnLimit, pending_for: Duration) -> Played<NewRun> {
        self.runs_made += 1;
        let run_id = numbered(self.runs_made);
        Ok(NewRun {
            run_id: run_id.try_into().map_err(|_| TestCaseError::fail("a run id"))?,
            correlation_id: run_id.try_into().map_err(|_| TestCaseError::fail("a correlation id"))?,
            selection: chosen.selection.clone(),
            trigger: if on_limit == OnLimit::Wait { Trigger::Schedule } else { Trigger::Manual },
            on_limit,
            pending_for,
            start_key: None,
        })
    }

    fn terms(&self, chosen: &Chosen, min_items: u8) -> ClaimTerms {
        let current = |known: &lastseen_store::ScopedType| {
            let place = world::TYPES.iter().position(|row| row.0 == known.policy_type.as_str()).unwrap_or_default();
            let (hash, version) = self.contracts[place];
            world::scoped(known.policy_type.as_str(), hash, version)
        };
        ClaimTerms {
            worker: WorkerId::new("worker-1"),
            lease_for: LEASE,
            pending_for: PENDING,
            limits: LIMITS,
            guard: Guard { min_items: u32::from(min_items), percent: 50 },
            types: chosen.types.iter().map(current).collect(),
        }
    }

    fn terms_again(&self, tenant: u8, run: RunId) -> Option<ClaimTerms> {
        let record = &self.run(tenant, run)?.record;
        let chosen = selections().into_iter().find(|chosen| chosen.selection == record.selection_payload)?;
        Some(self.terms(&chosen, u8::try_from(record.guard.min_items).ok()?))
    }

    /// A write under a run's lease, through the door of `door`'s tenant.
    async fn write_as(&mut self, door: u8, owner: u8, run: RunId, what: u8) -> Played<()> {
        let Some((pages, types)) = self.paths(owner, run).into_iter().next() else {
            return self.send(door, Command::Cancel(run)).await.map(|_| ());
        };
        let command = match what % 7 {
            0 => Command::Renew(run, LEASE),
            1 => Command::Begin(run, types),
            2 => {
                let told = PageTold { mask: u16::MAX, twice: false, rejected: 0, last: true };
                Command::Page(run, self.made_page(run, &types, pages + 1, told))
            }
            3 => Command::Fail(run, failure(types, ErrorCode::GraphForbidden)),
            4 => Command::Cancel(run),
            5 => {
                let Some(terms) = self.terms_again(owner, run) else { return Ok(()) };
                Command::Claim(run, terms)
            }
            _ => Command::Finish(run, finish(0)),
        };
        self.send(door, command).await.map(|_| ())
    }

    pub(super) fn pick(&self, pick: u8, wanted: impl Fn(RunStatus) -> bool) -> Option<(u8, RunId)> {
        let of = |tenant: u8| self.model.runs_of(tenant_of(tenant)).iter().map(move |run| (tenant, run));
        let fitting: Vec<_> = of(0).chain(of(1)).filter(|(_, run)| wanted(run.record.status)).collect();
        let (tenant, run) = fitting.get(usize::from(pick) % fitting.len().max(1))?;
        Some((*tenant, run.record.run_id))
    }

    fn pick_item(&self, tenant: u8, pick: u8) -> Option<(PolicyType, lastseen_model::ExternalId)> {
        let keys: BTreeMap<_, _> =
            self.model.keys_of(tenant_of(tenant)).cloned().collect::<BTreeSet<_>>().into_iter().enumerate().collect();
        keys.get(&(usize::from(pick) % keys.len().max(1))).cloned()
    }

    pub(super) fn run(&self, tenant: u8, run: RunId) -> Option<&Run> {
        self.model.run(tenant_of(tenant), run)
    }

    fn pass(&mut self, time: Duration) {
        self.model.now += time;
        if let Some(database) = &self.database {
            database.advance(time);
        }
    }

    /// Does a command in the model and the database, and says what came of it.
    pub(super) async fn send(&mut self, tenant: u8, command: Command) -> Played<Effect> {
        self.touched.insert(tenant);
        if matches!(command, Command::Start(..) | Command::Enqueue(..) | Command::Claim(..) | Command::Reap) {
            // These end what has expired, of every tenant.
            self.touched.extend([0, 1]);
        }
        let tenant = tenant_of(tenant);
        let said = self.model.apply(tenant, &command);
        if let Some(database) = &mut self.database {
            let (done, run_no) = database.apply(tenant, &command).await;
            if let (Command::Start(NewRun { run_id, .. }, _) | Command::Claim(run_id, _), Some(run_no)) = (&command, run_no) {
                let newer = self.model.told_number(tenant, *run_id, run_no);
                proptest::prop_assert!(newer, "run numbers grow with claims: {}", run_no);
            }
            same(&command, &done, &said)?;
        }
        if let (Command::Claim(run, _), Effect::Claimed) = (&command, &said)
            && self.model.run(tenant, *run).is_some_and(|run| run.for_worker)
        {
            self.tally.met(QUEUED_AND_CLAIMED);
        }
        self.tally.effect(&said);
        Ok(said)
    }
}

/// The same for the same move, in whatever history it stands.
fn chance_of(op: &Op) -> usize {
    let mut hasher = DefaultHasher::new();
    format!("{op:?}").hash(&mut hasher);
    usize::try_from(hasher.finish() >> 33).unwrap_or_default()
}

/// The tenant that plays the part.
pub(super) fn tenant_of(part: u8) -> TenantId {
    world::tenant(part + 1)
}

pub(super) fn failure(types: Vec<PolicyType>, code: ErrorCode) -> ListingFailure {
    let context =
        ErrorContext { http_status: Some(418), page: Some(1), attempts: Some(3), retry_after_ms: Some(250), ..ErrorContext::default() };
    ListingFailure { types, code, context }
}

pub(super) fn finish(ending: u8) -> FinishRun {
    let (ending, code) = match ending {
        1 => (Ending::SignInFailed, Some(ErrorCode::AuthFailed)),
        2 => (Ending::Cancelled, Some(ErrorCode::Cancelled)),
        3 => (Ending::Internal, Some(ErrorCode::Internal)),
        _ => (Ending::Finished, None),
    };
    let error = code.map(|code| RunError { code, context: ErrorContext::default() });
    let traffic = Traffic { requests: 7, retries: 2, throttled: 1, bytes_received: 4_096, meta_keys_dropped: 5 };
    FinishRun { ending, error, traffic }
}

/// Run ids that grow, whatever the clock says.
fn numbered(number: u64) -> uuid::Uuid {
    uuid::Builder::from_unix_timestamp_millis(1_800_000_000_000 + number, &[7; 10]).into_uuid()
}
