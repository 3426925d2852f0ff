//! Schedules: when runs are asked for by themselves. What a cron text means the engine knows; here it is text, and a time when each
//! tenant is due next.

use lastseen_model::{ScheduleId, Selection, SelectionHash, TenantId, Tenants, Timestamp};
use serde::Serialize;

use crate::queue::Enqueued;
use crate::run::NewRun;

/// How long the name of a schedule may be, in characters.
pub const SCHEDULE_NAME_MAX_CHARS: usize = 64;

/// A schedule to be.
#[derive(Debug, Clone)]
pub struct NewSchedule {
    /// Its id (UUIDv7), made by the caller.
    pub schedule_id: ScheduleId,
    /// Its name, which no other schedule has: letters, digits, `-`, `_` and `.`, 1 to [`SCHEDULE_NAME_MAX_CHARS`] of them.
    /// [`crate::StoreError::NameTaken`] where another has it.
    pub name: String,
    /// When, as cron text that the caller has checked.
    pub cron: String,
    /// In which time zone, by its IANA name.
    pub time_zone: String,
    /// Over how many seconds the tenants spread out. At most a day.
    pub jitter_secs: u32,
    /// What its runs list.
    pub selection: Selection,
    /// Which tenants. [`crate::StoreError::NoSuchTenant`] where the database does not know one of them. Removed ones are never due.
    pub tenants: Tenants,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleRecord {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// Its name.
    pub name: String,
    /// When, as cron text.
    pub cron: String,
    /// In which time zone.
    pub time_zone: String,
    /// Over how many seconds the tenants spread out.
    pub jitter_secs: u32,
    /// The hash of what its runs list.
    pub selection_hash: SelectionHash,
    /// What its runs list.
    pub selection_payload: Selection,
    /// Which tenants. One that was purged is no longer among them.
    pub tenants: Tenants,
    /// When it was made.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub created_at: Timestamp,
    /// Since when it rests; none while it does not.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub paused_at: Option<Timestamp>,
    /// When its next tenant is due; none where it is paused, has no tenant, or nobody has looked at it yet.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub next_due_at: Option<Timestamp>,
}

/// A tenant that a schedule is due for, or has not been reckoned for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueSchedule {
    /// The schedule.
    pub schedule: ScheduleRecord,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Since when it is due; none where its first time was not reckoned yet.
    pub due_at: Option<Timestamp>,
}

/// What is due, at one moment of the database's clock.
#[derive(Debug, Clone)]
pub struct DueSchedules {
    /// That moment.
    pub now: Timestamp,
    /// The longest due first; those that were not reckoned yet before them.
    pub due: Vec<DueSchedule>,
}

/// A step of a schedule for one tenant.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// What [`DueSchedule::due_at`] was: the step is taken only from there, so that of many processes one takes it.
    pub from: Option<Timestamp>,
    /// When the tenant is due next.
    pub to: Timestamp,
    /// The run that is due; none where the first time was reckoned.
    pub run: Option<NewRun>,
}

/// What came of a step.
#[derive(Debug, Clone)]
pub enum Advanced {
    /// The next time stands, and no run was due.
    Reckoned,
    /// The next time stands and the run was asked for, in one transaction.
    Asked(Enqueued),
    /// Nothing was written: another process took the step, or the schedule was paused, changed or taken away, or the tenant removed.
    NotDue,
}
