//! Leading a run: start, list, finish.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lastseen_contracts::Registry;
use lastseen_graph::{GraphClient, GraphFailure, Session, Timer};
use lastseen_model::{
    CorrelationId, Ending, ErrorCode, ErrorContext, OnLimit, PolicyType, RunId, Selection, SelectionError, Trigger, WorkerId,
};
use lastseen_store::{
    ClaimTerms, ClaimedRun, FinishRun, NewRun, RegistryType, RunDetail, RunError, ScopedType, Store, StoreError, TenantScope, Traffic,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::{Accesses, NoAccess};
use crate::claim::Slot;
use crate::events::{Event, Observer};
use crate::heartbeat::Heartbeat;
use crate::ids;
use crate::path::{PathEnd, PathTask};
use crate::patience::Patience;
use crate::settings::EngineSettings;

/// What leads runs. One a process; runs of several tenants may go on at once.
#[derive(Clone)]
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    graph: GraphClient,
    pub(crate) accesses: Arc<dyn Accesses>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) timer: Arc<dyn Timer>,
    worker: WorkerId,
    pub(crate) settings: EngineSettings,
}

/// A run that someone wants.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    /// What to list.
    pub selection: Selection,
    /// Who asks.
    pub trigger: Trigger,
    /// What to do at a limit.
    pub on_limit: OnLimit,
}

/// Why there is no run to show. What went wrong within a run is in its record.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The selection can't be used; no run was made.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The database failed before there was a run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed while the run went on, and its end could not be recorded: it is reaped when its lease expires.
    #[error("run {run} could not be finished")]
    Unfinished {
        /// The run.
        run: RunId,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Another worker's reaping ended the run.
    #[error(
        "run {0} lost its lease: the database or this machine stood still for too long; the next start records it as failed (worker_lost)"
    )]
    LeaseLost(RunId),
}

impl Engine {
    /// An engine over a store and a client, with the registry that ships with the program. `accesses` says how each tenant is reached.
    pub fn new(
        store: Arc<dyn Store>,
        graph: GraphClient,
        accesses: Arc<dyn Accesses>,
        timer: Arc<dyn Timer>,
        worker: WorkerId,
        settings: EngineSettings,
    ) -> Self {
        Self { store, graph, accesses, registry: Arc::new(Registry::builtin().clone()), timer, worker, settings }
    }

    /// The same engine with another registry: the shipped one under overrides, mostly. Its types must be the shipped ones, because a
    /// queued run was checked against those.
    #[must_use]
    pub fn with_registry(self, registry: Arc<Registry>) -> Self {
        Self { registry, ..self }
    }

    /// Writes the registry where the database's readers see it. To be done once at start.
    pub async fn mirror_registry(&self) -> Result<(), StoreError> {
        let row = |(path, known): (&lastseen_contracts::PathContract, &lastseen_contracts::TypeContract)| RegistryType {
            policy_type: known.policy_type.clone(),
            category: known.category.clone(),
            display_name: known.name.clone(),
            path: path.path.clone(),
            api_version: path.api_version.as_str().to_owned(),
        };
        self.store.mirror_registry(&self.registry.types().map(row).collect::<Vec<_>>()).await
    }

    /// Syncs a tenant, from start to finish. Cancelling `cancel` ends the run in good order, and so does [`Store::cancel_run`] from
    /// elsewhere: its open listings are `incomplete`, and it is recorded with `cancelled`. Answers the run's record, whatever its status.
    pub async fn sync(
        &self,
        scope: &TenantScope,
        request: &SyncRequest,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<RunDetail, SyncError> {
        let types = self.registry.vocabulary().scope(&request.selection)?;
        let terms = self.terms(&types);
        let run = NewRun {
            run_id: ids::new_run_id(),
            correlation_id: ids::new_correlation_id(),
            selection: request.selection.clone(),
            trigger: request.trigger,
            on_limit: request.on_limit,
            pending_for: self.settings.pending_for,
            start_key: None,
        };
        let claimed = match self.start_and_wait(scope, &run, &terms, &observer, &cancel).await? {
            Slot::Claimed(claimed, asked_at) => (claimed, asked_at),
            Slot::Ended(detail) => return Ok(*detail),
            Slot::Waiting(_) | Slot::NoSuchRun => return Err(SyncError::LeaseLost(run.run_id)),
        };
        self.work(scope, claimed, run.correlation_id, &types, observer, cancel).await
    }

    /// What this engine brings to a claim of these types.
    pub(crate) fn terms(&self, types: &[PolicyType]) -> ClaimTerms {
        let scoped = |policy_type: &PolicyType| {
            let (path, known) = self.registry.find(policy_type)?;
            Some(ScopedType {
                policy_type: policy_type.clone(),
                contract_hash: known.contract_hash,
                contract_version: known.contract_version,
                pages_by_offset: path.paging == lastseen_contracts::Paging::Offset,
            })
        };
        ClaimTerms {
            worker: self.worker.clone(),
            lease_for: self.settings.lease,
            pending_for: self.settings.pending_for,
            limits: self.settings.limits,
            guard: self.settings.guard,
            types: types.iter().filter_map(scoped).collect(),
        }
    }

    /// How long a verb is tried again, until the lease is lost.
    pub(crate) fn patience(&self, lost: &CancellationToken) -> Patience {
        Patience { timer: self.timer.clone(), budget: self.settings.store_patience, lost: lost.clone() }
    }

    /// Lists everything under a claimed lease and finishes the run: every run is led by this, whoever started it.
    pub(crate) async fn work(
        &self,
        scope: &TenantScope,
        (claimed, asked_at): (ClaimedRun, Duration),
        correlation: CorrelationId,
        types: &[PolicyType],
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Result<RunDetail, SyncError> {
        let run_id = claimed.lease.run_id;
        observer.on(Event::Claimed { run_id, types: types.to_vec() });
        let (lost, done) = (CancellationToken::new(), CancellationToken::new());
        // Where this future is dropped, the heartbeat must not keep a run alive that nobody leads.
        let _done_when_dropped = done.clone().drop_guard();
        let heartbeat = Heartbeat {
            store: self.store.clone(),
            timer: self.timer.clone(),
            scope: scope.clone(),
            lease: claimed.lease.clone(),
            settings: self.settings.clone(),
            claimed_at: asked_at,
        };
        // Whatever ends the run stops its requests.
        let stop = cancel.child_token();
        let beating = tokio::spawn(heartbeat.beat(done.clone(), lost.clone(), stop.clone()));
        let opened = OnceLock::new();
        let dropped = Arc::new(AtomicU64::new(0));
        let listing = async {
            match self.open_session(scope, correlation, (&lost, &stop)).await {
                Ok(session) => {
                    let session = opened.get_or_init(|| session);
                    self.list_all(scope, &claimed, types, session, &dropped, &observer, (&lost, &stop)).await
                }
                Err(verdict) => verdict,
            }
        };
        let verdict = tokio::select! {
            verdict = listing => verdict,
            () = lost.cancelled() => Verdict::LeaseLost,
        };
        stop.cancel();

        let finish = match verdict {
            Verdict::LeaseLost => Err(StoreError::LeaseLost),
            Verdict::Ended(ending, error) => {
                let finish = FinishRun { ending, error, traffic: traffic(opened.get(), &dropped) };
                self.finish(scope, &claimed.lease, &finish, &lost).await
            }
        };
        done.cancel();
        if beating.await.is_err() {
            tracing::error!(code = "internal", "the heartbeat of a run ended by a bug");
        }
        match finish {
            Ok(detail) => Ok(detail),
            Err(StoreError::LeaseLost) => Err(SyncError::LeaseLost(run_id)),
            Err(source) => Err(SyncError::Unfinished { run: run_id, source }),
        }
    }

    /// A session by the access of the run's tenant, as it is now; or how the run ends without one. Nothing has been asked or written.
    async fn open_session(
        &self,
        scope: &TenantScope,
        correlation: CorrelationId,
        (lost, stop): (&CancellationToken, &CancellationToken),
    ) -> Result<Session, Verdict> {
        let access = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Verdict::ended_by(Ending::Cancelled, ErrorCode::Cancelled)),
            access = self.access(scope, lost) => access.map_err(Verdict::of_no_access)?,
        };
        self.graph.session(scope.tenant(), access, correlation, stop.clone()).map_err(|error| {
            tracing::error!(code = %ErrorCode::GraphConnection, %error, "no client for the tenant's cloud can be made");
            Verdict::ended_by(Ending::SignInFailed, ErrorCode::GraphConnection)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one run, each used once")]
    async fn list_all(
        &self,
        scope: &TenantScope,
        claimed: &ClaimedRun,
        types: &[PolicyType],
        session: &Session,
        dropped: &Arc<AtomicU64>,
        observer: &Arc<dyn Observer>,
        (lost, stop): (&CancellationToken, &CancellationToken),
    ) -> Verdict {
        if let Err(failure) = session.sign_in().await {
            return Verdict::of_sign_in(failure);
        }
        let mut waiting = self.registry.plan(types).into_iter();
        let mut at_work = JoinSet::new();
        let mut verdict = Verdict::Ended(Ending::Finished, None);
        loop {
            while at_work.len() < self.settings.paths_at_once && verdict.goes_on() {
                let Some(plan) = waiting.next() else { break };
                if stop.is_cancelled() {
                    verdict = Verdict::ended_by(Ending::Cancelled, ErrorCode::Cancelled);
                    break;
                }
                let task = PathTask {
                    store: self.store.clone(),
                    timer: self.timer.clone(),
                    patience: self.patience(lost),
                    session: session.clone(),
                    scope: scope.clone(),
                    lease: claimed.lease.clone(),
                    path: plan.path.clone(),
                    wanted: plan.wanted,
                    observer: observer.clone(),
                    dropped: dropped.clone(),
                };
                at_work.spawn(task.list());
            }
            match at_work.join_next().await {
                None => return verdict,
                Some(Ok(end)) => verdict = verdict.after(end),
                Some(Err(_panicked)) => verdict = verdict.after_bug(),
            }
        }
    }
}

/// How the listing of a run went, as a whole.
enum Verdict {
    Ended(Ending, Option<RunError>),
    LeaseLost,
}

impl Verdict {
    fn of_sign_in(failure: GraphFailure) -> Self {
        let ending = if failure.code == ErrorCode::Cancelled { Ending::Cancelled } else { Ending::SignInFailed };
        Self::Ended(ending, Some(RunError { code: failure.code, context: failure.context }))
    }

    fn of_no_access(none: NoAccess) -> Self {
        match none {
            NoAccess::Credential(error) => Self::Ended(Ending::SignInFailed, Some(error)),
            NoAccess::Store(StoreError::LeaseLost) => Self::LeaseLost,
            NoAccess::Store(error) => {
                tracing::error!(code = %error.code(), error = %error, "the tenant's record could not be read");
                Self::ended_by(Ending::Internal, error.code())
            }
        }
    }

    /// Whether another path may be begun.
    fn goes_on(&self) -> bool {
        matches!(self, Self::Ended(Ending::Finished, _))
    }

    fn after(self, end: PathEnd) -> Self {
        match (self, end) {
            (Self::LeaseLost, _) | (_, PathEnd::LeaseLost) => Self::LeaseLost,
            (Self::Ended(Ending::Finished, _), PathEnd::Cancelled) => Self::ended_by(Ending::Cancelled, ErrorCode::Cancelled),
            (Self::Ended(Ending::Finished, _), PathEnd::StoreFailed(error)) => {
                tracing::error!(code = %error.code(), error = %error, "a page could not be stored");
                Self::ended_by(Ending::Internal, error.code())
            }
            // Its listings are settled, or the run was over already.
            (verdict, _) => verdict,
        }
    }

    fn after_bug(self) -> Self {
        match self {
            Self::LeaseLost => self,
            Self::Ended(..) => Self::ended_by(Ending::Internal, ErrorCode::Internal),
        }
    }

    fn ended_by(ending: Ending, code: ErrorCode) -> Self {
        Self::Ended(ending, Some(RunError { code, context: ErrorContext::default() }))
    }
}

fn traffic(session: Option<&Session>, dropped: &AtomicU64) -> Traffic {
    let traffic = session.map(Session::traffic).unwrap_or_default();
    Traffic {
        requests: traffic.requests,
        retries: traffic.retries,
        throttled: traffic.throttled,
        bytes_received: traffic.bytes_received,
        meta_keys_dropped: dropped.load(Ordering::Relaxed),
    }
}
