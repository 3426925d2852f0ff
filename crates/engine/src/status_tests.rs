use lastseen_model::{ErrorCode, Guard, Selection, Tenants, Trigger};
use lastseen_store::{RunCounts, RunRecord};

use super::*;

const NOW: &str = "2026-01-12T09:00:00Z";

fn ago(hours: u64) -> Timestamp {
    let now: Timestamp = NOW.parse().expect("a time");
    now.checked_sub(Duration::from_hours(hours)).expect("a time")
}

fn tenant(number: u8) -> TenantRecord {
    TenantRecord {
        tenant_id: format!("8c2f0c1e-5a54-4c0e-9d6b-0000000000{number:02}").parse().expect("an id"),
        name: Some(format!("tenant {number}")),
        cloud: None,
        client_id: None,
        credential: None,
        runs_at_once: None,
        requests_at_once: None,
        registered_at: ago(1_000),
        removed_at: None,
    }
}

/// A run of a tenant's one selection that was asked for, and ended if it has, so many hours ago.
fn run(tenant: u8, status: RunStatus, hours: u64) -> RunRecord {
    let selection = Selection::default();
    RunRecord {
        tenant_id: self::tenant(tenant).tenant_id,
        run_id: format!("01900000-0000-7000-8000-{tenant:06}{hours:06}").parse().expect("an id"),
        run_no: None,
        selection_hash: selection.hash(),
        selection_payload: selection,
        status,
        had_errors: status != RunStatus::Success,
        correlation_id: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
        trigger: Trigger::Manual,
        created_at: ago(hours),
        started_at: None,
        finished_at: (!status.is_live()).then(|| ago(hours)),
        worker: None,
        guard: Guard::default(),
        counts: RunCounts::default(),
        error_codes: if status == RunStatus::Success { Vec::new() } else { vec![ErrorCode::GraphForbidden] },
    }
}

/// Where a selection stands after these runs, the newest first.
fn after(runs: &[RunRecord]) -> SelectionState {
    let success = runs.iter().find(|run| run.status == RunStatus::Success);
    SelectionState {
        newest: runs[0].clone(),
        live_run: runs.iter().find(|run| run.status.is_live()).cloned(),
        latest_completed: runs.iter().find(|run| run.status.is_completed()).cloned(),
        latest_success_run_id: success.map(|run| run.run_id),
        latest_success_at: success.and_then(|run| run.finished_at),
    }
}

fn judged(selections: Vec<SelectionState>, tenants: &[TenantRecord], schedules: &[ScheduleRecord]) -> FleetStatus {
    judge(FleetState { now: NOW.parse().expect("a time"), selections }, tenants, schedules, STALE_AFTER)
}

fn health_after(runs: &[RunRecord]) -> (Health, Option<Live>) {
    let status = judged(vec![after(runs)], &[tenant(1)], &[]);
    (status.selections[0].health, status.selections[0].live)
}

#[test]
fn a_selection_is_judged_by_its_latest_completed_run() {
    use RunStatus::{Failed, Partial, Pending, Running, Skipped, Success};
    assert_eq!(health_after(&[run(1, Success, 23)]), (Health::Fresh, None));
    assert_eq!(health_after(&[run(1, Success, 25)]), (Health::Stale, None));
    assert_eq!(health_after(&[run(1, Partial, 1), run(1, Success, 2)]), (Health::Failing, None));
    assert_eq!(health_after(&[run(1, Failed, 30)]), (Health::Failing, None));
    // A run that was never claimed says nothing of the tenant.
    assert_eq!(health_after(&[run(1, Skipped, 1), run(1, Success, 2)]), (Health::Fresh, None));
    assert_eq!(health_after(&[run(1, Skipped, 1)]), (Health::Never, None));
    // Nor does one that has not ended: what failed is failing until a run says otherwise.
    assert_eq!(health_after(&[run(1, Running, 0), run(1, Failed, 2)]), (Health::Failing, Some(Live::Running)));
    assert_eq!(health_after(&[run(1, Pending, 0), run(1, Success, 2)]), (Health::Fresh, Some(Live::Waiting)));
    assert_eq!(health_after(&[run(1, Running, 0)]), (Health::Never, Some(Live::Running)));
    // A start that was refused because a run is live is newer than that run, and does not hide it.
    assert_eq!(health_after(&[run(1, Skipped, 0), run(1, Running, 1), run(1, Failed, 2)]), (Health::Failing, Some(Live::Running)));
    assert_eq!(health_after(&[run(1, Skipped, 0), run(1, Pending, 1), run(1, Success, 2)]), (Health::Fresh, Some(Live::Waiting)));
}

#[test]
fn a_success_is_fresh_for_just_as_long_as_was_said() {
    let status = |stale_after| {
        let state = FleetState { now: NOW.parse().expect("a time"), selections: vec![after(&[run(1, RunStatus::Success, 2)])] };
        judge(state, &[tenant(1)], &[], stale_after).selections[0].health
    };
    assert_eq!(status(Duration::from_hours(2)), Health::Fresh);
    assert_eq!(status(Duration::from_secs(7_199)), Health::Stale);
    assert_eq!(status(Duration::MAX), Health::Fresh);
}

#[test]
fn what_needs_somebody_first_comes_first_and_the_counts_add_up() {
    let selections = vec![
        after(&[run(1, RunStatus::Success, 1)]),
        after(&[run(2, RunStatus::Success, 30)]),
        after(&[run(3, RunStatus::Success, 50)]),
        after(&[run(4, RunStatus::Partial, 1), run(4, RunStatus::Success, 3)]),
        after(&[run(5, RunStatus::Running, 0), run(5, RunStatus::Failed, 9)]),
        after(&[run(6, RunStatus::Pending, 0)]),
    ];
    let tenants: Vec<_> = (1..=8).map(tenant).collect();
    let status = judged(selections, &tenants, &[]);
    let order: Vec<_> = status.selections.iter().filter_map(|selection| selection.tenant.tenant_name.as_deref()).collect();
    assert_eq!(order, ["tenant 5", "tenant 4", "tenant 3", "tenant 2", "tenant 6", "tenant 1"]);
    let counts = status.counts;
    assert_eq!((counts.selections, counts.failing, counts.stale, counts.never, counts.fresh), (6, 2, 2, 1, 1));
    assert_eq!((counts.running, counts.waiting, counts.tenants_without_runs), (1, 1, 2));
    assert!(status.needs_attention());
}

#[test]
fn i21_selections_of_tenants_that_the_asker_does_not_see_are_not_there() {
    let selections = vec![after(&[run(1, RunStatus::Success, 1)]), after(&[run(2, RunStatus::Failed, 1)])];
    let status = judged(selections, &[tenant(1)], &[]);
    assert_eq!((status.selections.len(), status.counts.failing), (1, 0));
    assert!(!status.needs_attention());
}

#[test]
fn a_removed_tenant_is_not_one_that_nobody_synced() {
    let removed = TenantRecord { removed_at: Some(ago(1)), ..tenant(2) };
    let status = judged(Vec::new(), &[tenant(1), removed], &[]);
    assert_eq!(status.tenants_without_runs, [TenantLabel { tenant_id: tenant(1).tenant_id, tenant_name: Some("tenant 1".to_owned()) }]);
}

fn schedule(name: &str, next_due_at: Option<Timestamp>, paused_at: Option<Timestamp>) -> ScheduleRecord {
    let selection = Selection::default();
    ScheduleRecord {
        schedule_id: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
        name: name.to_owned(),
        cron: "@daily".to_owned(),
        time_zone: "UTC".to_owned(),
        jitter_secs: 0,
        selection_hash: selection.hash(),
        selection_payload: selection,
        tenants: Tenants::All,
        created_at: ago(100),
        paused_at,
        next_due_at,
    }
}

#[test]
fn a_schedule_that_nobody_looks_at_is_late_and_comes_first() {
    let now: Timestamp = NOW.parse().expect("a time");
    let past = |length| now.checked_sub(length).ok();
    let schedules = [
        schedule("a paused one", past(Duration::from_hours(5)), Some(ago(1))),
        schedule("b just due", past(LATE_AFTER), None),
        ScheduleRecord { created_at: now, ..schedule("c new", None, None) },
        schedule("e never looked at", None, None),
        schedule("d late", past(LATE_AFTER + Duration::from_secs(1)), None),
    ];
    let status = judged(Vec::new(), &[tenant(1)], &schedules);
    let said: Vec<_> = status.schedules.iter().map(|schedule| (schedule.name.as_str(), schedule.state)).collect();
    assert_eq!(
        said,
        [
            ("d late", ScheduleState::Late),
            ("e never looked at", ScheduleState::Late),
            ("a paused one", ScheduleState::Paused),
            ("b just due", ScheduleState::OnTime),
            ("c new", ScheduleState::NotReckoned)
        ]
    );
    assert!(status.needs_attention());
}

#[test]
fn a_schedule_without_a_tenant_is_never_late() {
    let removed = TenantRecord { removed_at: Some(ago(1)), ..tenant(1) };
    let status = judged(Vec::new(), &[removed], &[schedule("nobody's", None, None)]);
    assert_eq!((status.schedules[0].state, status.needs_attention()), (ScheduleState::NotReckoned, false));
}

#[test]
fn a_tenant_of_which_nothing_was_ever_asked_for_needs_somebody() {
    let status = judged(vec![after(&[run(1, RunStatus::Success, 1)])], &[tenant(1), tenant(2)], &[]);
    assert_eq!((status.counts.fresh, status.counts.tenants_without_runs, status.needs_attention()), (1, 1, true));
}

#[test]
fn what_needs_attention_is_what_a_monitor_is_called_for() {
    let selections = || vec![after(&[run(1, RunStatus::Success, 1)]), after(&[run(2, RunStatus::Failed, 1)])];
    let schedules = [schedule("kept", Some(ago(0)), None), schedule("late", Some(ago(1)), None)];
    let all = judged(selections(), &[tenant(1), tenant(2), tenant(3)], &schedules);
    let mut status = all.clone();
    status.only_what_needs_attention();
    assert_eq!((status.selections.len(), status.schedules.len(), status.tenants_without_runs.len()), (1, 1, 1));
    assert!(status.needs_attention() && status.counts == all.counts);
    // A monitor is not called for what this leaves out.
    let mut rest = all;
    rest.selections.retain(|selection| !status.selections.contains(selection));
    rest.tenants_without_runs.clear();
    rest.schedules.retain(|schedule| !status.schedules.contains(schedule));
    assert!(!rest.needs_attention() && !rest.selections.is_empty() && !rest.schedules.is_empty());
}

#[test]
fn programs_read_one_shape() {
    let status = judged(vec![after(&[run(1, RunStatus::Running, 0), run(1, RunStatus::Success, 1)])], &[tenant(1)], &[]);
    let document = serde_json::to_value(&status).expect("JSON");
    let selection = &document["selections"][0];
    assert_eq!(selection["tenant_name"], "tenant 1");
    assert_eq!((&selection["health"], &selection["live"]), (&"fresh".into(), &"running".into()));
    assert_eq!((&selection["newest"]["status"], &document["now"]), (&"running".into(), &"2026-01-12T09:00:00.000000Z".into()));
}
