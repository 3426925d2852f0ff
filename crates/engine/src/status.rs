//! How a fleet stands: what the runs of each selection come to, and what needs somebody first. Pure judgement over what the store says.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use lastseen_model::{RunStatus, ScheduleId, TenantId, Timestamp};
use lastseen_store::{FleetState, ScheduleRecord, SelectionState, TenantRecord};
use serde::Serialize;

/// How long a success stays fresh, unless said otherwise.
pub const STALE_AFTER: Duration = Duration::from_hours(24);
/// How short and how long a success may stay fresh.
pub const STALE_AFTER_BOUNDS: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24 * 365);
/// A worker that lives looks at the schedules every few seconds. One that is overdue by more than this is looked at by none.
pub const LATE_AFTER: Duration = Duration::from_mins(5);

/// How a fleet stands, at one moment of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FleetStatus {
    /// That moment.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub now: Timestamp,
    /// How long a success stays fresh, in seconds.
    pub stale_after_secs: u64,
    /// How many there are of each.
    pub counts: StatusCounts,
    /// Each selection that a tenant has used; what needs somebody first comes first.
    pub selections: Vec<SelectionStatus>,
    /// Tenants of which nothing was ever asked for.
    pub tenants_without_runs: Vec<TenantLabel>,
    /// The schedules: those that nobody looks at first, then by name.
    pub schedules: Vec<ScheduleStatus>,
}

/// How many selections stand how. The first four add up to `selections`; a live run is beside that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusCounts {
    /// In all.
    pub selections: u64,
    /// The latest completed run is a success, and not too long ago.
    pub fresh: u64,
    /// It is a success, and too long ago.
    pub stale: u64,
    /// It failed or is partial.
    pub failing: u64,
    /// No run has completed.
    pub never: u64,
    /// A run is running.
    pub running: u64,
    /// A run waits for a worker or for a slot.
    pub waiting: u64,
    /// Schedules that nobody looks at.
    pub schedules_late: u64,
    /// Tenants of which nothing was ever asked for.
    pub tenants_without_runs: u64,
}

/// What the completed runs of a selection come to. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The latest completed run failed, or is partial.
    Failing,
    /// It is a success, and too long ago.
    Stale,
    /// No run has completed.
    Never,
    /// It is a success, and not too long ago.
    Fresh,
}

/// A run that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// A worker has it.
    Running,
    /// It waits for a worker or for a slot.
    Waiting,
}

/// A tenant, as people call it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TenantLabel {
    /// Its name, where one was given.
    pub tenant_name: Option<String>,
    /// Its id.
    pub tenant_id: TenantId,
}

/// A selection of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionStatus {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: TenantLabel,
    /// What its completed runs come to.
    pub health: Health,
    /// Whether a run of it is live, and how; a run under way changes nothing of the health until it has ended.
    pub live: Option<Live>,
    /// Its runs.
    #[serde(flatten)]
    pub runs: SelectionState,
}

/// Whether a schedule is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// It is overdue, or was made and never looked at, by more than [`LATE_AFTER`]: no worker looks at the schedules.
    Late,
    /// No worker has looked at it since it was made, which is not long ago, or it has no tenant.
    NotReckoned,
    /// Its next time is known.
    OnTime,
    /// It rests.
    Paused,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleStatus {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// Its name.
    pub name: String,
    /// Whether it is kept.
    pub state: ScheduleState,
    /// When its next tenant is due.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub next_due_at: Option<Timestamp>,
}

/// Judges how a fleet stands. `tenants` and `schedules` are those that the asker may see; of the state, selections of other tenants are
/// left out. The schedules must be whole: one whose next time is hidden would read as one that nobody has looked at.
pub fn judge(state: FleetState, tenants: &[TenantRecord], schedules: &[ScheduleRecord], stale_after: Duration) -> FleetStatus {
    let now = state.now;
    let by_id: BTreeMap<TenantId, &TenantRecord> = tenants.iter().map(|tenant| (tenant.tenant_id, tenant)).collect();
    let label = |tenant: &TenantRecord| TenantLabel { tenant_id: tenant.tenant_id, tenant_name: tenant.name.clone() };
    let mut selections: Vec<SelectionStatus> = state
        .selections
        .into_iter()
        .filter_map(|runs| {
            let tenant = by_id.get(&runs.newest.tenant_id)?;
            Some(SelectionStatus { tenant: label(tenant), health: health(&runs, now, stale_after), live: live(&runs), runs })
        })
        .collect();
    selections.sort_by_cached_key(urgency);
    let used: BTreeSet<TenantId> = selections.iter().map(|selection| selection.tenant.tenant_id).collect();
    let mut unused: Vec<TenantLabel> =
        tenants.iter().filter(|tenant| !tenant.is_removed() && !used.contains(&tenant.tenant_id)).map(label).collect();
    unused.sort();
    let mut schedules: Vec<ScheduleStatus> = schedules.iter().map(|schedule| of_schedule(schedule, tenants, now)).collect();
    schedules.sort_by(|one, other| (one.state != ScheduleState::Late, &one.name).cmp(&(other.state != ScheduleState::Late, &other.name)));
    FleetStatus {
        now,
        stale_after_secs: stale_after.as_secs(),
        counts: count(&selections, &unused, &schedules),
        selections,
        tenants_without_runs: unused,
        schedules,
    }
}

impl FleetStatus {
    /// Whether anything needs somebody: what monitors ask.
    pub fn needs_attention(&self) -> bool {
        let unsynced = !self.tenants_without_runs.is_empty();
        unsynced
            || self.selections.iter().any(SelectionStatus::needs_attention)
            || self.schedules.iter().any(ScheduleStatus::needs_attention)
    }

    /// Leaves what needs nobody out of the lists; it is counted on.
    pub fn only_what_needs_attention(&mut self) {
        self.selections.retain(SelectionStatus::needs_attention);
        self.schedules.retain(ScheduleStatus::needs_attention);
    }
}

impl SelectionStatus {
    /// Whether it needs somebody.
    pub fn needs_attention(&self) -> bool {
        self.health != Health::Fresh
    }
}

impl ScheduleStatus {
    /// Whether it needs somebody.
    pub fn needs_attention(&self) -> bool {
        self.state == ScheduleState::Late
    }
}

/// Whether a schedule is kept, as of this moment of the database's clock. `tenants` are those that the database knows: a schedule of which
/// none is left has no next time, and is not late.
pub fn schedule_state(schedule: &ScheduleRecord, tenants: &[TenantRecord], now: Timestamp) -> ScheduleState {
    let has_tenant = || tenants.iter().any(|tenant| !tenant.is_removed() && schedule.tenants.has(tenant.tenant_id));
    match schedule.next_due_at {
        _ if schedule.paused_at.is_some() => ScheduleState::Paused,
        None if is_older(schedule.created_at, now, LATE_AFTER) && has_tenant() => ScheduleState::Late,
        None => ScheduleState::NotReckoned,
        Some(due) if is_older(due, now, LATE_AFTER) => ScheduleState::Late,
        Some(_) => ScheduleState::OnTime,
    }
}

fn of_schedule(schedule: &ScheduleRecord, tenants: &[TenantRecord], now: Timestamp) -> ScheduleStatus {
    ScheduleStatus {
        schedule_id: schedule.schedule_id,
        name: schedule.name.clone(),
        state: schedule_state(schedule, tenants, now),
        next_due_at: schedule.next_due_at,
    }
}

fn health(runs: &SelectionState, now: Timestamp, stale_after: Duration) -> Health {
    match &runs.latest_completed {
        None => Health::Never,
        Some(run) if run.status != RunStatus::Success => Health::Failing,
        Some(run) if run.finished_at.is_none_or(|ended| is_older(ended, now, stale_after)) => Health::Stale,
        Some(_) => Health::Fresh,
    }
}

fn live(runs: &SelectionState) -> Option<Live> {
    match runs.live_run.as_ref()?.status {
        RunStatus::Running => Some(Live::Running),
        RunStatus::Pending => Some(Live::Waiting),
        RunStatus::Skipped | RunStatus::Failed | RunStatus::Partial | RunStatus::Success => None,
    }
}

/// The worst first; of those, the one that has been without a success for longest.
fn urgency(selection: &SelectionStatus) -> impl Ord + use<> {
    (
        selection.health,
        selection.runs.latest_success_at,
        selection.tenant.tenant_name.clone(),
        selection.tenant.tenant_id,
        selection.runs.newest.selection_hash,
    )
}

fn is_older(time: Timestamp, now: Timestamp, limit: Duration) -> bool {
    // Than a time before the first there is nothing older.
    now.checked_sub(limit).is_ok_and(|oldest| time < oldest)
}

fn count(selections: &[SelectionStatus], unused: &[TenantLabel], schedules: &[ScheduleStatus]) -> StatusCounts {
    let of = |wanted: Health| selections.iter().filter(|selection| selection.health == wanted).count() as u64;
    let live = |wanted: Live| selections.iter().filter(|selection| selection.live == Some(wanted)).count() as u64;
    StatusCounts {
        selections: selections.len() as u64,
        fresh: of(Health::Fresh),
        stale: of(Health::Stale),
        failing: of(Health::Failing),
        never: of(Health::Never),
        running: live(Live::Running),
        waiting: live(Live::Waiting),
        schedules_late: schedules.iter().filter(|schedule| schedule.state == ScheduleState::Late).count() as u64,
        tenants_without_runs: unused.len() as u64,
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
