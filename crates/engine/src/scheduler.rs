//! Keeping the schedules: what is due is asked for, once, by whichever process looks first.
//!
//! Any number of processes look, all the time. The database decides: a step is taken only from the time it was seen at, and the run is
//! asked for in the transaction that moves the schedule on. So nothing is asked for twice, and nothing is forgotten by a process that
//! dies. How many times were missed while nobody looked makes no difference: the run is asked for once, and the next time is the first
//! one after now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lastseen_graph::Timer;
use lastseen_model::{OnLimit, ScheduleId, Timestamp, Trigger};
use lastseen_store::{Advance, Advanced, DueSchedule, DueSchedules, Enqueued, NewRun, ScheduleRecord, Store, StoreError, TenantScope};
use rand::RngExt;
use rand::seq::SliceRandom;
use tokio_util::sync::CancellationToken;

use crate::cadence::{Cadence, CadenceError, offset};
use crate::ids;
use crate::run::Engine;
use crate::settings::EngineSettings;

/// How many tenants of schedules are looked at in one go.
const BATCH: u32 = 200;
/// The longest pause between two looks while the database is away.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// When a schedule that this program can't read is looked at again: a newer program may have written it, and may run beside this one.
const LOOK_AGAIN_IN: Duration = Duration::from_mins(10);
/// How many of those a process remembers, so that it says so once.
const REMEMBERED: usize = 1_000;

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
        let longest = match keeper.look().await {
            Ok(()) => {
                failures = 0;
                every
            }
            Err(error) => {
                tracing::warn!(code = %error.code(), error = %error, "the schedules can't be looked at; trying again");
                failures = failures.saturating_add(1);
                every.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE.max(every))
            }
        };
        // Processes that were started together must not look together for ever.
        let pause = rand::rng().random_range(longest / 2..=longest);
        tokio::select! {
            biased;
            () = drain.cancelled() => {}
            () = timer.pause(pause) => {}
        }
    }
}

struct Keeper<'a> {
    store: &'a dyn Store,
    settings: &'a EngineSettings,
    drain: &'a CancellationToken,
    /// Schedules that this program can't read.
    unreadable: BTreeSet<ScheduleId>,
}

impl Keeper<'_> {
    /// Takes every step that is due.
    async fn look(&mut self) -> Result<(), StoreError> {
        loop {
            let DueSchedules { now, mut due } = self.store.due_schedules(BATCH).await?;
            let is_last = due.len() < BATCH as usize;
            // Others see the same: whoever goes another way round meets them less.
            due.shuffle(&mut rand::rng());
            let (mut cadences, mut moved, mut failed) = (BTreeMap::new(), false, None);
            for due in &due {
                if self.drain.is_cancelled() {
                    return Ok(());
                }
                let schedule = &due.schedule;
                let cadence = cadences.entry(schedule.schedule_id).or_insert_with(|| Cadence::parse(&schedule.cron, &schedule.time_zone));
                match self.step(due, cadence, now).await {
                    Ok(taken) => moved |= taken,
                    Err(error) if error.is_transient() => return Err(error),
                    // The others must not wait for it.
                    Err(error) => failed = Some(error),
                }
            }
            match failed {
                Some(error) => return Err(error),
                // Where nothing of it moved, other processes are at it, and another look would show the same.
                None if is_last || !moved => return Ok(()),
                None => {}
            }
        }
    }

    /// Takes one step; whether it was still there to take.
    async fn step(&mut self, due: &DueSchedule, cadence: &Result<Cadence, CadenceError>, now: Timestamp) -> Result<bool, StoreError> {
        let schedule = &due.schedule;
        let (to, run) = match cadence {
            Ok(cadence) => {
                let later = offset(schedule.schedule_id, due.tenant_id, schedule.jitter_secs);
                match due.due_at {
                    None => (cadence.first_due(later, now), None),
                    Some(_) => (cadence.next_due(later, now), Some(self.run_of(schedule))),
                }
            }
            Err(error) => {
                self.left(schedule, error);
                (now.checked_add(LOOK_AGAIN_IN).unwrap_or(Timestamp::MAX), None)
            }
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

    /// Says once that a schedule is left alone.
    fn left(&mut self, schedule: &ScheduleRecord, error: &CadenceError) {
        if self.unreadable.len() > REMEMBERED {
            self.unreadable.clear();
        }
        if self.unreadable.insert(schedule.schedule_id) {
            tracing::warn!(schedule = %schedule.name, error = %error, "a schedule that this program can't read is left to a newer one");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a schedule acts for the tenant that it is due for")]
fn scope_of(due: &DueSchedule) -> TenantScope {
    TenantScope::assume(due.tenant_id)
}
