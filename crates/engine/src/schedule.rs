//! What holds of every schedule, whether the command line or the API is asked for it.

use std::time::Duration;

use lastseen_model::{Tenants, Timestamp};
use lastseen_store::{SCHEDULE_NAME_MAX_CHARS, ScheduleRecord};
use serde::{Serialize, Serializer};

use crate::cadence::{Cadence, CadenceError};

/// Over how long several tenants spread out, unless said otherwise.
pub const JITTER: Duration = Duration::from_mins(10);
/// Over how long they may.
pub const JITTER_MAX: Duration = Duration::from_hours(24);
/// How many of its next times are told.
pub const TIMES_TOLD: usize = 5;

/// Whether a schedule may have this name: one that is safe in addresses, files and logs.
pub fn is_name(name: &str) -> bool {
    (1..=SCHEDULE_NAME_MAX_CHARS).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Over how long these tenants spread out where nobody says: one alone has nobody to make way for.
pub fn jitter_of(tenants: &Tenants) -> Duration {
    if matches!(tenants, Tenants::Some(some) if some.len() == 1) { Duration::ZERO } else { JITTER }
}

/// A schedule, and when it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleShown {
    /// The schedule.
    #[serde(flatten)]
    pub schedule: ScheduleRecord,
    /// Its next five times, whether it rests or not, and without what a tenant is later by its jitter; none where this program can't read
    /// its cron text.
    #[serde(serialize_with = "texts")]
    pub next_times: Vec<Timestamp>,
}

impl ScheduleShown {
    /// The schedule as of this moment.
    pub fn at(schedule: ScheduleRecord, now: Timestamp) -> Self {
        let next_times = cadence(&schedule).map(|cadence| next_times(&cadence, now)).unwrap_or_default();
        Self { schedule, next_times }
    }
}

/// When a schedule's times come. One that a newer program has written may be beyond this one.
pub fn cadence(schedule: &ScheduleRecord) -> Result<Cadence, CadenceError> {
    Cadence::parse(&schedule.cron, &schedule.time_zone)
}

fn next_times(cadence: &Cadence, now: Timestamp) -> Vec<Timestamp> {
    let times = std::iter::successors(Some(now), |after| Some(cadence.next_due(Duration::ZERO, *after)));
    times.skip(1).take(TIMES_TOLD).collect()
}

fn texts<S: Serializer>(times: &[Timestamp], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(|time| lastseen_model::time::text(*time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_addresses_files_and_logs() {
        for name in ["nightly", "a", "Fleet-1_b.c", &"x".repeat(SCHEDULE_NAME_MAX_CHARS)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a b", "ü", "a/b", "a\n", &"x".repeat(SCHEDULE_NAME_MAX_CHARS + 1)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn one_tenant_alone_makes_way_for_nobody() {
        let tenants = |numbers: &[u8]| {
            let id = |n: &u8| format!("00000000-0000-4000-8000-0000000000{n:02}").parse().expect("an id");
            Tenants::Some(numbers.iter().map(id).collect())
        };
        assert_eq!(jitter_of(&tenants(&[1])), Duration::ZERO);
        assert_eq!((jitter_of(&tenants(&[1, 2])), jitter_of(&Tenants::All)), (JITTER, JITTER));
    }

    #[test]
    fn the_next_times_are_those_of_the_zone() {
        let cadence = Cadence::parse("30 2 * * *", "Europe/Berlin").expect("a cadence");
        let times = next_times(&cadence, "2026-03-28T12:00:00Z".parse().expect("a time"));
        let told: Vec<String> = times.iter().map(|time| cadence.local(*time).strftime("%-d %B %Y %H:%M %Z").to_string()).collect();
        assert_eq!(told[..2], ["29 March 2026 03:00 CEST", "30 March 2026 02:30 CEST"]);
        assert_eq!(told.len(), TIMES_TOLD);
    }
}
