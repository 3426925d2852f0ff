//! Keeping the schedules: what is due is asked for, once, by whichever process looks first.
//!
//! Any number of processes look, all the time. The database decides: a step is taken only from the time it was seen at, and the run is
//! asked for in the transaction that moves the schedule on. So nothing is asked for twice, and nothing is forgotten by a process that
//! dies. How many times were missed while nobody looked makes no difference: the run is asked for once, and the next time is the first
//! one after now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lastseen_graph::Timer;
use lastseen_model::{OnLimit, ScheduleId, TenantId, Timestamp, Trigger};
use lastseen_store::{Advance, Advanced, DueSchedule, DueSchedules, Enqueued, NewRun, ScheduleRecord, Store, StoreError, TenantScope};
use rand::seq::SliceRandom;
use tokio_util::sync::CancellationToken;

use crate::cadence::{Cadence, CadenceError, offset};
use crate::ids;
use crate::polling;
use crate::run::Engine;
use crate::schedule::cadence;
use crate::settings::EngineSettings;

/// How many tenants of schedules are looked at in one go.
const BATCH: u32 = 200;
/// How many of the schedules that it can't read a process remembers.
const REMEMBERED: usize = 1_000;
/// For how many tenants a schedule may fail for good before the rest of a look goes on without it: what fails for so many is no matter of
/// a tenant, and costs a transaction each.
const FAILURES: usize = 50;

impl Engine {
    /// Keeps the schedules until `drain`, looking `every` so often; see [`keep_schedules`].
    pub async fn keep_schedules(&self, every: Duration, drain: CancellationToken) {
        keep_schedules(&*self.store, &*self.timer, &self.settings, every, drain).await;
    }
}

/// Keeps the schedules of every tenant until `drain`. Looks at least half of `every` apart and with jitter; less and less often while the
/// database is away, which never ends it.
pub async fn keep_schedules(store: &dyn Store, timer: &dyn Timer, settings: &EngineSettings, every: Duration, drain: CancellationToken) {
    let mut keeper = Keeper { store, settings, drain: &drain, unreadable: BTreeSet::new() };
    let mut failures = 0_u32;
    while !drain.is_cancelled() {
        match keeper.look().await {
            Ok(()) => failures = 0,
            Err(error) => {
                tracing::warn!(code = %error.code(), error = %error, "the schedules can't be looked at; trying again");
                failures = failures.saturating_add(1);
            }
        }
        tokio::select! {
            biased;
            () = drain.cancelled() => {}
            () = timer.pause(polling::pause(every, failures)) => {}
        }
    }
}

struct Keeper<'a> {
    store: &'a dyn Store,
    settings: &'a EngineSettings,
    drain: &'a CancellationToken,
    /// Schedules that this program can't read: a newer one wrote them, may run beside this one, and keeps them. Nothing of them is written.
    unreadable: BTreeSet<ScheduleId>,
}

/// What failed for good in one look. The next one tries it again.
#[derive(Default)]
struct Failed(BTreeMap<ScheduleId, BTreeSet<TenantId>>);

impl Failed {
    fn note(&mut self, due: &DueSchedule, error: &StoreError) {
        let schedule = &due.schedule;
        let tenants = self.0.entry(schedule.schedule_id).or_default();
        if tenants.is_empty() {
            tracing::warn!(code = %error.code(), schedule = %schedule.name, tenant = %due.tenant_id, error = %error, "a step of a schedule failed");
        }
        tenants.insert(due.tenant_id);
    }

    fn holds(&self, due: &DueSchedule) -> bool {
        self.0.get(&due.schedule.schedule_id).is_some_and(|tenants| tenants.contains(&due.tenant_id))
    }

    /// The schedules that the look goes on without.
    fn too_often(&self) -> impl Iterator<Item = ScheduleId> {
        self.0.iter().filter(|(_, tenants)| tenants.len() >= FAILURES).map(|(schedule, _)| *schedule)
    }

    /// How many steps there are of the others. They are still due, and shown first again.
    fn in_the_way(&self) -> usize {
        self.0.values().map(BTreeSet::len).filter(|failures| *failures < FAILURES).sum()
    }
}

impl Keeper<'_> {
    /// Takes every step that is due, but for those that fail for good: no other waits for them.
    async fn look(&mut self) -> Result<(), StoreError> {
        let mut failed = Failed::default();
        loop {
            let mut except = self.unreadable.clone();
            except.extend(failed.too_often());
            let at_most = BATCH.saturating_add(u32::try_from(failed.in_the_way()).unwrap_or(u32::MAX));
            let DueSchedules { now, mut due } = self.store.due_schedules(at_most, &except).await?;
            let is_last = due.len() < at_most as usize;
            due.retain(|due| !failed.holds(due));
            // Others see the same: whoever goes another way round meets them less.
            due.shuffle(&mut rand::rng());
            let (mut cadences, mut gets_on) = (BTreeMap::new(), false);
            for due in &due {
                if self.drain.is_cancelled() {
                    return Ok(());
                }
                let schedule = &due.schedule;
                let known = match cadences.entry(schedule.schedule_id).or_insert_with(|| cadence(schedule)) {
                    Ok(cadence) => cadence,
                    Err(error) => {
                        gets_on |= self.leave(schedule, error);
                        continue;
                    }
                };
                match self.step(due, known, now).await {
                    Ok(taken) => gets_on |= taken,
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => {
                        failed.note(due, &error);
                        gets_on = true;
                    }
                }
            }
            // Where nothing of it moved, other processes are at it, and another look would show the same.
            if is_last || !gets_on {
                return Ok(());
            }
        }
    }

    /// Takes one step; whether it was still there to take.
    async fn step(&self, due: &DueSchedule, cadence: &Cadence, now: Timestamp) -> Result<bool, StoreError> {
        let schedule = &due.schedule;
        let later = offset(schedule.schedule_id, due.tenant_id, schedule.jitter_secs);
        let (to, run) = match due.due_at {
            None => (cadence.first_due(later, now), None),
            Some(_) => (cadence.next_due(later, now), Some(self.run_of(schedule))),
        };
        let step = Advance { schedule_id: schedule.schedule_id, from: due.due_at, to, run };
        match self.store.advance_schedule(&scope_of(due), &step, self.settings.guard).await? {
            Advanced::NotDue => return Ok(false),
            Advanced::Reckoned => {}
            Advanced::Asked(Enqueued::Contended(run)) => {
                tracing::info!(schedule = %schedule.name, run = %run.record.run_id, "a scheduled run is skipped: one of its selection is live");
            }
            Advanced::Asked(_) => tracing::info!(schedule = %schedule.name, tenant = %due.tenant_id, "a scheduled run is asked for"),
        }
        Ok(true)
    }

    fn run_of(&self, schedule: &ScheduleRecord) -> NewRun {
        NewRun {
            run_id: ids::new_run_id(),
            correlation_id: ids::new_correlation_id(),
            selection: schedule.selection_payload.clone(),
            trigger: Trigger::Schedule,
            on_limit: OnLimit::Wait,
            pending_for: self.settings.queued_for,
            start_key: None,
        }
    }

    /// Leaves a schedule alone from here on, and says so; whether that could be remembered.
    fn leave(&mut self, schedule: &ScheduleRecord, error: &CadenceError) -> bool {
        if self.unreadable.len() >= REMEMBERED || !self.unreadable.insert(schedule.schedule_id) {
            return false;
        }
        tracing::warn!(schedule = %schedule.name, error = %error, "a schedule that this program can't read is left to a newer one");
        true
    }
}

#[expect(clippy::disallowed_methods, reason = "a schedule acts for the tenant that it is due for")]
fn scope_of(due: &DueSchedule) -> TenantScope {
    TenantScope::assume(due.tenant_id)
}
