//! Schedules: when runs are asked for by themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use lastseen_model::{ErrorCode, Guard, Limits, OnLimit, RunStatus, ScheduleId, TenantId, Tenants, Timestamp, Trigger};
use lastseen_store::{
    Advance, Advanced, DueSchedule, DueSchedules, Enqueued, NewRun, NewSchedule, RunDetail, RunQuery, ScheduleRecord, StoreError,
};

use crate::fixture::{Desk, LEASE, Lab, MICRO, for_queue, tenants_of, terms};
use crate::world::{APP, CONFIG, Chosen};

const HOUR: Duration = Duration::from_hours(1);

fn one_type() -> Chosen {
    Chosen::types(&[CONFIG])
}

fn schedule(number: u8, tenants: Tenants) -> NewSchedule {
    NewSchedule {
        schedule_id: id(number),
        name: format!("nightly-{number}"),
        cron: "0 2 * * *".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        jitter_secs: 3_600,
        selection: one_type().selection,
        tenants,
    }
}

fn id(number: u8) -> ScheduleId {
    uuid::Uuid::from_bytes([number; 16]).try_into().expect("not the GUID of zeroes")
}

/// A tenant that the database knows.
async fn known(lab: &Lab, tenant: u8) -> Desk {
    let desk = lab.desk(tenant);
    desk.store.register_tenant(&desk.scope, None).await.expect("known");
    desk
}

async fn add(desk: &Desk, schedule: &NewSchedule) -> ScheduleRecord {
    desk.store.add_schedule(schedule).await.expect("a schedule")
}

async fn look(desk: &Desk) -> DueSchedules {
    desk.store.due_schedules(1_000, &BTreeSet::new()).await.expect("an answer")
}

/// What is due: schedule, tenant, since when.
async fn due(desk: &Desk) -> Vec<(ScheduleId, TenantId, Option<Timestamp>)> {
    let row = |due: DueSchedule| (due.schedule.schedule_id, due.tenant_id, due.due_at);
    look(desk).await.due.into_iter().map(row).collect()
}

async fn the_schedule(desk: &Desk) -> ScheduleRecord {
    let mut known = desk.store.schedules().await.expect("schedules");
    assert_eq!(known.len(), 1);
    known.remove(0)
}

fn step(number: u8, from: Option<Timestamp>, to: Timestamp) -> Advance {
    Advance { schedule_id: id(number), from, to, run: None }
}

async fn advance(desk: &Desk, step: &Advance) -> Advanced {
    desk.store.advance_schedule(&desk.scope, step, Guard::default()).await.expect("an answer")
}

/// The first time of a tenant is reckoned.
async fn reckon(desk: &Desk, number: u8, to: Timestamp) {
    let reckoned = advance(desk, &step(number, None, to)).await;
    assert!(matches!(reckoned, Advanced::Reckoned), "{reckoned:?}");
}

/// The step that asks for a run.
fn asking(desk: &Desk, number: u8, from: Timestamp, to: Timestamp) -> Advance {
    let run = NewRun { trigger: Trigger::Schedule, ..desk.new_run(&one_type(), OnLimit::Wait) };
    Advance { run: Some(run), ..step(number, Some(from), to) }
}

async fn asked(desk: &Desk, step: &Advance) -> RunDetail {
    match advance(desk, step).await {
        Advanced::Asked(Enqueued::Queued(run)) => *run,
        other => panic!("a run is asked for: {other:?}"),
    }
}

async fn runs(desk: &Desk) -> usize {
    desk.store.runs(&desk.scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs").len()
}

fn is_not_due(answer: &Advanced) -> bool {
    matches!(answer, Advanced::NotDue)
}

pub(crate) async fn a_schedule_is_kept_as_it_was_made_and_listed_by_name(lab: Lab) {
    let (one, two) = (known(&lab, 1).await, known(&lab, 2).await);
    let new = NewSchedule { name: "b.Nightly_2-x".to_owned(), ..schedule(1, tenants_of([&two, &one])) };
    let made = add(&one, &new).await;
    let expected = ScheduleRecord {
        schedule_id: id(1),
        name: new.name.clone(),
        cron: new.cron.clone(),
        time_zone: new.time_zone.clone(),
        jitter_secs: 3_600,
        selection_hash: one_type().selection.hash(),
        selection_payload: one_type().selection,
        tenants: tenants_of([&one, &two]),
        created_at: lab.now(),
        paused_at: None,
        next_due_at: None,
    };
    assert_eq!(made, expected);
    let capital = add(&one, &NewSchedule { name: "Z".to_owned(), ..schedule(2, Tenants::All) }).await;
    let first = add(&one, &NewSchedule { name: "a".to_owned(), jitter_secs: 86_400, ..schedule(3, tenants_of([])) }).await;
    assert_eq!((&capital.tenants, &first.tenants), (&Tenants::All, &tenants_of([])));
    assert_eq!(lab.elsewhere(1).await.store.schedules().await.expect("schedules"), [capital, first, made]);
}

pub(crate) async fn a_name_that_is_taken_or_a_tenant_that_is_not_known_makes_no_schedule(lab: Lab) {
    let (desk, stranger) = (known(&lab, 1).await, lab.desk(2));
    let first = add(&desk, &schedule(1, Tenants::All)).await;
    let twin = NewSchedule { name: first.name.clone(), cron: "1 1 * * *".to_owned(), ..schedule(2, Tenants::All) };
    let refused = desk.store.add_schedule(&twin).await.expect_err("refused");
    assert!(matches!(refused, StoreError::NameTaken), "{refused:?}");
    let refused = desk.store.add_schedule(&schedule(3, tenants_of([&desk, &stranger]))).await.expect_err("refused");
    assert!(matches!(refused, StoreError::NoSuchTenant(tenant) if tenant == stranger.scope.tenant()), "{refused:?}");
    assert_eq!(desk.store.schedules().await.expect("schedules"), [first], "nothing was written");
}

pub(crate) async fn what_no_schedule_can_have_is_refused(lab: Lab) {
    let desk = known(&lab, 1).await;
    let good = schedule(1, Tenants::All);
    let named = |name: &str| NewSchedule { name: name.to_owned(), ..good.clone() };
    let long = "x".repeat(65);
    let mut wrong: Vec<NewSchedule> = ["", "a b", "a/b", "é", "a\n", &long].into_iter().map(named).collect();
    wrong.extend([
        NewSchedule { jitter_secs: 86_401, ..good.clone() },
        NewSchedule { jitter_secs: u32::MAX, ..good.clone() },
        NewSchedule { cron: String::new(), ..good.clone() },
        NewSchedule { cron: "*".repeat(257), ..good.clone() },
        NewSchedule { time_zone: "x".repeat(65), ..good.clone() },
    ]);
    for wrong in wrong {
        let refused = desk.store.add_schedule(&wrong).await.expect_err("refused");
        assert!(matches!(refused, StoreError::Refused(_)), "{wrong:?}: {refused:?}");
    }
    add(&desk, &named(&"x".repeat(64))).await;
}

pub(crate) async fn what_is_due_comes_first_what_was_not_reckoned_and_then_the_longest_due(lab: Lab) {
    let (one, two) = (known(&lab, 1).await, known(&lab, 2).await);
    add(&one, &schedule(1, tenants_of([&one, &two]))).await;
    add(&one, &schedule(2, tenants_of([&one]))).await;
    let (tenant_one, tenant_two) = (one.scope.tenant(), two.scope.tenant());
    let looked = look(&one).await;
    assert_eq!(looked.now, lab.now());
    assert_eq!(looked.due[0].schedule, the_first(&one).await, "with all that is known of the schedule");
    assert_eq!(due(&one).await, [(id(1), tenant_one, None), (id(1), tenant_two, None), (id(2), tenant_one, None)]);

    let (soon, later) = (lab.now() + HOUR, lab.now() + 2 * HOUR);
    reckon(&one, 1, later).await;
    reckon(&two, 1, soon).await;
    assert_eq!(the_first(&one).await.next_due_at, Some(soon), "the first of its tenants");
    assert_eq!(due(&one).await, [(id(2), tenant_one, None)]);
    lab.pass(HOUR.saturating_sub(MICRO));
    assert_eq!(due(&one).await.len(), 1, "not yet");
    lab.pass(MICRO);
    assert_eq!(due(&one).await, [(id(2), tenant_one, None), (id(1), tenant_two, Some(soon))]);
    lab.pass(HOUR);
    let all = [(id(2), tenant_one, None), (id(1), tenant_two, Some(soon)), (id(1), tenant_one, Some(later))];
    assert_eq!(due(&lab.elsewhere(2).await).await, all);
    assert_eq!(one.store.due_schedules(2, &BTreeSet::new()).await.expect("an answer").due.len(), 2);
    let others = one.store.due_schedules(1, &[id(2), id(9)].into()).await.expect("an answer").due;
    assert_eq!(others.iter().map(|due| due.schedule.schedule_id).collect::<Vec<_>>(), [id(1)], "what is left out takes no place");
}

async fn the_first(desk: &Desk) -> ScheduleRecord {
    desk.store.schedules().await.expect("schedules").remove(0)
}

pub(crate) async fn a_step_that_is_due_asks_for_a_run_and_sets_the_next_time_at_once(lab: Lab) {
    let desk = known(&lab, 1).await;
    add(&desk, &schedule(1, tenants_of([&desk]))).await;
    let (first, second) = (lab.now() + HOUR, lab.now() + 2 * HOUR);
    reckon(&desk, 1, first).await;
    assert_eq!(runs(&desk).await, 0, "to reckon asks for nothing");
    lab.pass(HOUR);
    let step = asking(&desk, 1, first, second);
    let guard = Guard { min_items: 7, percent: 30 };
    let advanced = desk.store.advance_schedule(&desk.scope, &step, guard).await.expect("an answer");
    let Advanced::Asked(Enqueued::Queued(run)) = advanced else { panic!("nothing stands in its way: {advanced:?}") };
    assert_eq!((run.record.status, run.record.trigger, run.record.guard), (RunStatus::Pending, Trigger::Schedule, guard));
    assert_eq!((run.record.created_at, run.record.selection_hash), (lab.now(), one_type().selection.hash()));
    assert_eq!(desk.run(run.record.run_id).await, *run);
    assert_eq!(the_schedule(&desk).await.next_due_at, Some(second));
    let queued = desk.store.queued_runs(for_queue().limits, 10).await.expect("an answer");
    assert_eq!(queued.iter().map(|queued| queued.run_id).collect::<Vec<_>>(), [run.record.run_id], "for any worker");

    // The step was taken: it is not there to be taken again, however often somebody tries.
    let again = asking(&desk, 1, first, second);
    assert!(is_not_due(&advance(&desk, &again).await));
    assert_eq!(runs(&desk).await, 1);
}

pub(crate) async fn a_scheduled_run_waits_at_a_limit_and_is_skipped_where_one_is_live(lab: Lab) {
    let desk = known(&lab, 1).await;
    add(&desk, &schedule(1, tenants_of([&desk]))).await;
    let times = [0, 1, 2, 3].map(|hours| lab.now() + hours * HOUR);
    reckon(&desk, 1, times[0]).await;
    desk.start(&Chosen::types(&[APP])).await;
    // Whatever the run says of limits: a schedule waits.
    let mut step = asking(&desk, 1, times[0], times[1]);
    step.run.as_mut().expect("a run").on_limit = OnLimit::Skip;
    let waiting = asked(&desk, &step).await;
    let none = Limits { global: 0, per_tenant: 0 };
    assert_eq!(desk.store.queued_runs(none, 10).await.expect("an answer"), []);
    let advanced = advance(&desk, &asking(&desk, 1, times[1], times[2])).await;
    let Advanced::Asked(Enqueued::Contended(skipped)) = advanced else { panic!("the last one waits still: {advanced:?}") };
    assert_eq!((skipped.record.status, skipped.record.error_codes.as_slice()), (RunStatus::Skipped, &[ErrorCode::LockContended][..]));
    assert_eq!(the_schedule(&desk).await.next_due_at, Some(times[2]), "the schedule goes on all the same");
    // Whose lease is over holds no lock: a step reaps first, as every start does.
    let claimed = desk.store.claim_run(&desk.scope, waiting.record.run_id, &terms(&one_type())).await.expect("a claim");
    assert!(matches!(claimed, lastseen_store::Claim::Claimed(_)), "{claimed:?}");
    lab.pass(LEASE);
    asked(&desk, &asking(&desk, 1, times[2], times[3])).await;
}

pub(crate) async fn a_schedule_for_every_tenant_takes_in_those_that_come_later(lab: Lab) {
    let one = known(&lab, 1).await;
    let made = add(&one, &schedule(1, Tenants::All)).await;
    assert_eq!(due(&one).await, [(id(1), one.scope.tenant(), None)]);
    let at = lab.now() + HOUR;
    reckon(&one, 1, at).await;
    assert_eq!(due(&one).await, []);
    let two = known(&lab, 2).await;
    assert_eq!(due(&one).await, [(id(1), two.scope.tenant(), None)]);
    reckon(&two, 1, at).await;
    assert!(is_not_due(&advance(&two, &step(1, None, at)).await), "reckoned already");
    assert!(is_not_due(&advance(&lab.desk(3), &step(1, None, at)).await), "a tenant that nobody knows");
    assert_eq!(one.store.tenants().await.expect("tenants").len(), 2, "nor does it become known by that");
    assert_eq!(the_schedule(&one).await, ScheduleRecord { next_due_at: Some(at), ..made });
}

pub(crate) async fn a_step_of_a_schedule_that_does_not_cover_the_tenant_is_not_there(lab: Lab) {
    let (one, two) = (known(&lab, 1).await, known(&lab, 2).await);
    add(&one, &schedule(1, tenants_of([&one]))).await;
    add(&one, &schedule(2, tenants_of([&two]))).await;
    let (first, second) = (lab.now(), lab.now() + HOUR);
    reckon(&one, 1, first).await;
    for from in [None, Some(first)] {
        let run = Some(NewRun { trigger: Trigger::Schedule, ..two.new_run(&one_type(), OnLimit::Wait) });
        let step = Advance { run, ..step(1, from, second) };
        assert!(is_not_due(&advance(&two, &step).await));
        assert!(is_not_due(&advance(&two, &Advance { schedule_id: id(9), ..step }).await), "nor of one that nobody made");
    }
    assert_eq!((runs(&one).await, runs(&two).await), (0, 0));
    assert_eq!(due(&one).await, [(id(2), two.scope.tenant(), None), (id(1), one.scope.tenant(), Some(first))], "nothing has changed");
}

pub(crate) async fn a_removed_tenant_is_never_due_and_reckoned_anew_once_it_is_brought_back(lab: Lab) {
    let (one, two) = (known(&lab, 1).await, known(&lab, 2).await);
    add(&one, &schedule(1, Tenants::All)).await;
    let (first, second) = (lab.now(), lab.now() + HOUR);
    reckon(&one, 1, first).await;
    two.store.remove_tenant(&two.scope).await.expect("an answer").expect("known");
    assert_eq!(due(&one).await, [(id(1), one.scope.tenant(), Some(first))]);
    one.store.remove_tenant(&one.scope).await.expect("an answer").expect("known");
    assert_eq!(due(&one).await, []);
    assert_eq!(the_schedule(&one).await.next_due_at, None, "it has no tenant that is due");
    assert!(is_not_due(&advance(&one, &asking(&one, 1, first, second)).await));
    assert_eq!(runs(&one).await, 0);
    let back =
        async |desk: &Desk| drop(desk.store.set_tenant(&desk.scope, &lastseen_store::TenantChange::default()).await.expect("a tenant"));
    lab.pass(90 * 24 * HOUR);
    back(&one).await;
    assert_eq!(due(&one).await, [(id(1), one.scope.tenant(), None)], "not for what it missed");
    assert!(is_not_due(&advance(&one, &asking(&one, 1, first, second)).await), "what was seen before it was removed is worth nothing");
    assert_eq!(runs(&one).await, 0);
    let next = lab.now() + HOUR;
    reckon(&one, 1, next).await;
    back(&one).await;
    assert_eq!(the_schedule(&one).await.next_due_at, Some(next), "one that is there goes on as it was");
    asked(&one, &asking(&one, 1, next, next + HOUR)).await;
    // One that was never reckoned comes in like a new one.
    back(&two).await;
    assert_eq!(due(&one).await, [(id(1), two.scope.tenant(), None)]);
}

pub(crate) async fn a_schedule_that_rests_is_not_due_and_makes_up_for_nothing(lab: Lab) {
    let desk = known(&lab, 1).await;
    let made = add(&desk, &schedule(1, tenants_of([&desk]))).await;
    let (first, second) = (lab.now() + HOUR, lab.now() + 2 * HOUR);
    reckon(&desk, 1, first).await;
    let since = lab.now();
    let paused = desk.store.pause_schedule(id(1), true).await.expect("an answer").expect("known");
    assert_eq!(paused, ScheduleRecord { paused_at: Some(since), next_due_at: None, ..made.clone() });
    lab.pass(HOUR);
    assert_eq!(desk.store.pause_schedule(id(1), true).await.expect("an answer"), Some(paused), "again: unchanged");
    assert_eq!(due(&desk).await, []);
    assert!(is_not_due(&advance(&desk, &asking(&desk, 1, first, second)).await));
    assert_eq!(runs(&desk).await, 0);

    assert_eq!(desk.store.pause_schedule(id(1), false).await.expect("an answer"), Some(made.clone()));
    assert_eq!(due(&desk).await, [(id(1), desk.scope.tenant(), None)], "reckoned anew");
    assert!(is_not_due(&advance(&desk, &asking(&desk, 1, first, second)).await), "what was seen before it rested is worth nothing");
    reckon(&desk, 1, second).await;
    let going = desk.store.pause_schedule(id(1), false).await.expect("an answer");
    assert_eq!(going, Some(ScheduleRecord { next_due_at: Some(second), ..made }), "one that does not rest goes on as it was");
    assert_eq!(desk.store.pause_schedule(id(9), true).await.expect("an answer"), None);
}

pub(crate) async fn a_schedule_that_was_taken_away_is_gone_and_its_runs_stay(lab: Lab) {
    let desk = known(&lab, 1).await;
    add(&desk, &schedule(1, Tenants::All)).await;
    add(&desk, &schedule(2, tenants_of([&desk]))).await;
    let (first, second) = (lab.now(), lab.now() + HOUR);
    reckon(&desk, 1, first).await;
    let run = asked(&desk, &asking(&desk, 1, first, second)).await;
    assert!(desk.store.remove_schedule(id(1)).await.expect("an answer"));
    assert!(!desk.store.remove_schedule(id(1)).await.expect("an answer"));
    assert_eq!(the_schedule(&desk).await.schedule_id, id(2));
    assert_eq!(due(&desk).await, [(id(2), desk.scope.tenant(), None)]);
    for from in [None, Some(second)] {
        assert!(is_not_due(&advance(&desk, &step(1, from, second + HOUR)).await));
    }
    assert_eq!(desk.run(run.record.run_id).await, run);
    add(&desk, &schedule(1, Tenants::All)).await;
    assert_eq!(due(&desk).await.len(), 2, "its name and its tenants are free again");
}

pub(crate) async fn a_purged_tenant_is_in_no_schedule_any_more(lab: Lab) {
    let (one, two) = (known(&lab, 1).await, known(&lab, 2).await);
    add(&one, &schedule(1, tenants_of([&one]))).await;
    add(&one, &schedule(2, Tenants::All)).await;
    reckon(&one, 2, lab.now()).await;
    lab.database.purge(&one.scope).await.expect("nothing runs");
    assert_eq!(the_first(&two).await.tenants, tenants_of([]), "and never for all");
    assert_eq!(due(&two).await, [(id(2), two.scope.tenant(), None)]);
    // One that begins anew comes into what is for every tenant, and into nothing else.
    known(&lab, 1).await;
    assert_eq!(due(&two).await, [(id(2), one.scope.tenant(), None), (id(2), two.scope.tenant(), None)]);
}

pub(crate) async fn a_schedule_that_only_a_newer_program_can_read_stops_nobody(lab: Lab) {
    let desk = known(&lab, 1).await;
    for number in 1..=3 {
        add(&desk, &schedule(number, Tenants::All)).await;
    }
    let payload = r#"{"categories":[],"platforms":["windows"],"policy_types":[]}"#;
    let sql = format!("UPDATE schedules SET selection_payload = '{payload}' WHERE schedule_id IN ('{}', '{}')", id(1), id(2));
    lab.database.execute(&sql).await.expect("a statement that both databases understand");
    let due = desk.store.due_schedules(1, &BTreeSet::new()).await.expect("an answer").due;
    assert_eq!(due.iter().map(|due| due.schedule.schedule_id).collect::<Vec<_>>(), [id(3)]);
    let listed = desk.store.schedules().await.expect("an answer");
    assert_eq!(listed.iter().map(|schedule| schedule.schedule_id).collect::<Vec<_>>(), [id(3)], "nor does it hide the others");
}

pub(crate) async fn i10_of_16_steps_at_once_from_the_same_time_one_asks(lab: Lab) {
    let desks = [known(&lab, 1).await, lab.elsewhere(1).await];
    add(&desks[0], &schedule(1, Tenants::All)).await;
    let mut from = None;
    for round in 1..=5 {
        let to = lab.now() + round * HOUR;
        let steps = (0..16_usize).map(|number| {
            let desk = desks[number % 2].clone();
            let run = from.map(|_| NewRun { trigger: Trigger::Schedule, ..desk.new_run(&one_type(), OnLimit::Wait) });
            let step = Advance { run, ..step(1, from, to) };
            tokio::spawn(async move { advance(&desk, &step).await })
        });
        let (mut taken, mut run) = (0, None);
        for step in steps.collect::<Vec<_>>() {
            match step.await.expect("no step panics") {
                Advanced::NotDue => {}
                Advanced::Reckoned => taken += 1,
                Advanced::Asked(Enqueued::Queued(queued)) => {
                    taken += 1;
                    run = Some(queued.record.run_id);
                }
                other @ Advanced::Asked(_) => panic!("nothing stands in its way: {other:?}"),
            }
        }
        assert_eq!((taken, run.is_some()), (1, from.is_some()));
        if let Some(run) = run {
            desks[0].cancel(run).await;
        }
        assert_eq!(the_schedule(&desks[0]).await.next_due_at, Some(to));
        from = Some(to);
    }
    assert_eq!(runs(&desks[0]).await, 4);
}

pub(crate) async fn of_a_step_and_a_removal_that_race_no_run_comes_after_the_removal(lab: Lab) {
    let (desk, other) = (known(&lab, 1).await, lab.elsewhere(1).await);
    for number in 1..=10 {
        add(&desk, &schedule(number, tenants_of([&desk]))).await;
        let (first, second) = (lab.now(), lab.now() + HOUR);
        reckon(&desk, number, first).await;
        let step = asking(&other, number, first, second);
        let stepping = {
            let other = other.clone();
            tokio::spawn(async move { advance(&other, &step).await })
        };
        assert!(desk.store.remove_schedule(id(number)).await.expect("an answer"));
        let before = runs(&desk).await;
        let stepped = stepping.await.expect("no step panics");
        assert_eq!(runs(&desk).await, before, "a run that is asked for was there before the schedule was gone: {stepped:?}");
        match stepped {
            Advanced::NotDue => {}
            Advanced::Asked(Enqueued::Queued(run)) => drop(desk.cancel(run.record.run_id).await),
            other => panic!("taken or not there: {other:?}"),
        }
        assert!(desk.store.schedules().await.expect("schedules").is_empty());
    }
}
