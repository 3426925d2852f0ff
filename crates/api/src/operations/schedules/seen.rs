//! What a caller sees of a schedule, and whether they may change it.

use lastseen_model::{Role, ScheduleId, Tenants};
use lastseen_store::ScheduleRecord;

use crate::authority::Caller;
use crate::problem::{Code, Problem};
use crate::shared::App;

/// The schedules that cover a tenant of the caller's, as they see them.
pub(super) async fn seen_by(app: &App, caller: &Caller) -> Result<Vec<ScheduleRecord>, Problem> {
    Ok(app.api.store.schedules().await?.into_iter().filter_map(|schedule| seen(caller, schedule)).collect())
}

/// The same, whole: to be judged, and not to be shown.
pub(in crate::operations) async fn covering(app: &App, caller: &Caller) -> Result<Vec<ScheduleRecord>, Problem> {
    let mut schedules = app.api.store.schedules().await?;
    schedules.retain(|schedule| sees(caller, schedule));
    Ok(schedules)
}

/// One schedule, whole, that the caller sees.
pub(super) async fn find(app: &App, caller: &Caller, id: ScheduleId) -> Result<ScheduleRecord, Problem> {
    let found = app.api.store.schedules().await?.into_iter().find(|schedule| schedule.schedule_id == id);
    found.filter(|schedule| sees(caller, schedule)).ok_or_else(|| Problem::new(Code::NotFound))
}

/// Whether it covers a tenant of the caller's. One whose tenants are all purged is seen by who sees all.
fn sees(caller: &Caller, schedule: &ScheduleRecord) -> bool {
    match (caller.authority().tenants(Role::Reader), &schedule.tenants) {
        (Tenants::All, _) => true,
        (Tenants::Some(theirs), Tenants::All) => !theirs.is_empty(),
        (Tenants::Some(theirs), Tenants::Some(covered)) => !theirs.is_disjoint(covered),
    }
}

/// The schedule as the caller sees it: with their own tenants alone. When another tenant is due is theirs alone to know.
pub(in crate::operations) fn seen(caller: &Caller, mut schedule: ScheduleRecord) -> Option<ScheduleRecord> {
    if !sees(caller, &schedule) {
        return None;
    }
    let theirs = caller.authority().tenants(Role::Reader);
    if !theirs.have_all_of(&schedule.tenants)
        && let Tenants::Some(theirs) = theirs
    {
        schedule.tenants = Tenants::Some(theirs.into_iter().filter(|tenant| schedule.tenants.has(*tenant)).collect());
        schedule.next_due_at = None;
    }
    Some(schedule)
}

#[cfg(test)]
mod tests {
    use lastseen_model::{Authority, Grant, Selection, TenantId};

    use super::*;
    use crate::authority::{Authenticated, Who};

    fn tenants(numbers: &[u8]) -> Tenants {
        let id = |n: &u8| format!("00000000-0000-4000-8000-0000000000{n:02}").parse::<TenantId>().expect("an id");
        Tenants::Some(numbers.iter().map(id).collect())
    }

    fn caller(tenants: Tenants) -> Caller {
        let who = Who::Oidc { subject: "somebody".to_owned(), name: None };
        Caller::new(Authenticated { who, authority: Authority::new([Grant { role: Role::Reader, tenants }]) })
    }

    fn schedule(tenants: Tenants) -> ScheduleRecord {
        let time = "2026-01-12T09:14:00Z".parse().expect("a time");
        ScheduleRecord {
            schedule_id: "01234567-0000-7000-8000-0123456789ab".parse().expect("an id"),
            name: "nightly".to_owned(),
            cron: "0 3 * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            jitter_secs: 0,
            selection_hash: Selection::default().hash(),
            selection_payload: Selection::default(),
            tenants,
            created_at: time,
            paused_at: None,
            next_due_at: Some(time),
        }
    }

    #[test]
    fn i21_a_schedule_is_seen_with_the_callers_own_tenants_alone() {
        let see = |caller_has, covers| {
            seen(&caller(caller_has), schedule(covers)).map(|schedule| (schedule.tenants, schedule.next_due_at.is_some()))
        };
        assert_eq!(see(tenants(&[1]), tenants(&[1])), Some((tenants(&[1]), true)));
        assert_eq!(see(tenants(&[1, 2]), tenants(&[1])), Some((tenants(&[1]), true)));
        assert_eq!(see(tenants(&[1]), tenants(&[1, 2])), Some((tenants(&[1]), false)), "when the other is due is not told");
        assert_eq!(see(tenants(&[1]), Tenants::All), Some((tenants(&[1]), false)));
        assert_eq!(see(tenants(&[1]), tenants(&[2])), None);
        assert_eq!(see(Tenants::All, Tenants::All), Some((Tenants::All, true)));
    }

    #[test]
    fn i21_a_schedule_whose_tenants_are_all_purged_is_seen_by_who_sees_all() {
        assert!(seen(&caller(Tenants::All), schedule(tenants(&[]))).is_some());
        assert!(seen(&caller(tenants(&[1])), schedule(tenants(&[]))).is_none());
        assert!(seen(&caller(tenants(&[])), schedule(Tenants::All)).is_none());
    }
}
