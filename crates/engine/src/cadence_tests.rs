use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn cadence(cron: &str, zone: &str) -> Cadence {
    Cadence::parse(cron, zone).expect("a cadence")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The next times after one, as the zone's clocks show them.
fn comes(cron: &str, zone: &str, after: &str, times: usize) -> Vec<String> {
    let cadence = cadence(cron, zone);
    let due = std::iter::successors(Some(time(after)), |after| Some(cadence.next_due(Duration::ZERO, *after)));
    due.skip(1).take(times).map(|due| due.to_zoned(cadence.zone.clone()).strftime("%m-%d %H:%M%:z").to_string()).collect()
}

#[test]
fn the_next_time_is_strictly_after_and_passes_over_what_was_missed() {
    let cadence = cadence("0 */4 * * *", "UTC");
    let next = |after| cadence.next_due(Duration::ZERO, time(after)).to_string();
    assert_eq!(next("2026-01-12T03:59:59.999999Z"), "2026-01-12T04:00:00Z");
    assert_eq!(next("2026-01-12T04:00:00Z"), "2026-01-12T08:00:00Z", "strictly after");
    assert_eq!(next("2026-01-13T09:14:00Z"), "2026-01-13T12:00:00Z", "one time, not the seven that were missed");
}

#[test]
fn a_text_is_kept_with_its_fields_one_space_apart() {
    assert_eq!(cadence("  0\t*/4  * * *\n", "UTC").text(), "0 */4 * * *");
    assert_eq!(cadence(" @daily ", "UTC").text(), "@daily");
}

#[test]
fn whoever_is_later_is_due_that_much_after_each_time() {
    let cadence = cadence("0 * * * *", "UTC");
    let later = Duration::from_mins(10);
    assert_eq!(cadence.next_due(later, time("2026-01-12T09:05:00Z")).to_string(), "2026-01-12T09:10:00Z");
    assert_eq!(cadence.next_due(later, time("2026-01-12T09:10:00Z")).to_string(), "2026-01-12T10:10:00Z");
}

#[rstest]
// 2026: Berlin goes to summer time on 29 March at 2, and back on 25 October at 3.
#[case::left_out("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["03-29 03:00+02:00", "03-30 02:30+02:00"])]
#[case::left_out_of_several("30 2,14 * * *", "Europe/Berlin", "2026-03-28T14:00:00Z", &["03-29 03:00+02:00", "03-29 14:30+02:00"])]
#[case::left_out_many_times("*/10 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["03-29 03:00+02:00", "03-30 02:00+02:00"])]
#[case::just_when_put_forward("0,30 2-3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["03-29 03:00+02:00", "03-29 03:30+02:00", "03-30 02:00+02:00"])]
#[case::shown_twice("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["10-25 02:30+02:00", "10-26 02:30+01:00"])]
#[case::asked_while_shown_again("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", &["10-26 02:30+01:00"])]
#[case::shown_twice_of_several("0,30 2-3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["10-25 02:00+02:00", "10-25 02:30+02:00", "10-25 03:00+01:00"])]
#[case::hourly_forward("@hourly", "Europe/Berlin", "2026-03-29T00:00:00Z", &["03-29 03:00+02:00", "03-29 04:00+02:00"])]
#[case::hourly_back("30 * * * *", "Europe/Berlin", "2026-10-24T23:31:00Z", &["10-25 02:30+02:00", "10-25 02:30+01:00", "10-25 03:30+01:00"])]
#[case::minutes_back("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", &["10-25 02:00+01:00", "10-25 02:30+01:00", "10-25 03:00+01:00"])]
#[case::elsewhere("15 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", &["03-08 03:00-04:00", "03-09 02:15-04:00"])]
#[case::elsewhere_twice("15 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", &["11-01 01:15-04:00", "11-02 01:15-05:00"])]
// Lord Howe changes its clocks by half an hour: to summer on 4 October at 2:00, and back on 5 April at 2:00.
#[case::half_an_hour("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", &["10-04 02:30+11:00", "10-05 02:15+11:00"])]
#[case::half_an_hour_twice("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", &["04-05 01:45+11:00", "04-06 01:45+10:30"])]
#[case::half_an_hour_hourly("0 * * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z", &["10-04 01:00+10:30", "10-04 03:00+11:00"])]
// In Beirut midnight itself is left out; the day has its time all the same.
#[case::midnight_left_out("@daily", "Asia/Beirut", "2026-03-28T12:00:00Z", &["03-29 01:00+03:00", "03-30 00:00+03:00"])]
fn a_time_the_clock_leaves_out_comes_once_and_one_it_shows_twice_comes_once(
    #[case] cron: &str,
    #[case] zone: &str,
    #[case] after: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(comes(cron, zone, after, expected.len()), expected);
}

#[test]
fn hourly_stays_hourly_across_both_changes_of_the_clock() {
    for zone in ["Europe/Berlin", "America/New_York", "UTC"] {
        let cadence = cadence("7 * * * *", zone);
        let mut at = time("2026-01-01T00:00:00Z");
        let mut last = cadence.next_due(Duration::ZERO, at);
        for _ in 0..366 * 24 {
            at = cadence.next_due(Duration::ZERO, last);
            assert_eq!(at.duration_since(last).as_secs(), 3_600, "{zone} at {at}");
            last = at;
        }
    }
}

#[rstest]
#[case("0 0 * * MON-FRI")]
#[case("*/15 8-18 * * 1-5")]
#[case("0 4 1,15 * *")]
#[case("0 0 L * *")]
#[case("0 0 29 2 *")]
#[case("@daily")]
#[case("@hourly")]
#[case("@weekly")]
#[case("  5  4  *  *  sun ")]
fn what_people_write_is_read(#[case] cron: &str) {
    cadence(cron, "UTC");
}

#[rstest]
#[case("", "`` has 0 of the five fields: minute, hour, day of the month, month, day of the week")]
#[case("0 4 * *", "`0 4 * *` has 4 of the five fields: minute, hour, day of the month, month, day of the week")]
#[case("30 0 4 * * *", "`30 0 4 * * *` has 6 of the five fields: minute, hour, day of the month, month, day of the week")]
#[case("0 25 * * *", "`0 25 * * *` is no cron text: `25` can't stand for the hour")]
#[case("0 4 * FEBRUARY *", "`0 4 * FEBRUARY *` is no cron text: `FEBRUARY` can't stand for the month")]
#[case("0 4 * * XYZ", "`0 4 * * XYZ` is no cron text: `XYZ` can't stand for the day of the week")]
#[case("*/0 * * * *", "`*/0 * * * *` is no cron text: `*/0` can't stand for the minute")]
#[case("@reboot", "`@reboot` is none of @hourly, @daily, @weekly, @monthly and @yearly")]
#[case("0 0 30 2 *", "`0 0 30 2 *` never comes: no year has that day")]
#[case("0 0 31 4,6 *", "`0 0 31 4,6 *` never comes: no year has that day")]
fn what_makes_no_cadence_is_refused_with_what_is_wrong(#[case] cron: &str, #[case] said: &str) {
    assert_eq!(Cadence::parse(cron, "UTC").expect_err("refused").to_string(), said);
}

#[test]
fn a_cron_text_is_bounded() {
    let longest = (0..60).map(|minute| minute.to_string()).collect::<Vec<_>>().join(",") + " 4 * * *";
    assert!(Cadence::parse(&longest, "UTC").is_ok(), "all minutes one by one");
    assert_eq!(Cadence::parse(&"*".repeat(CRON_MAX_BYTES + 1), "UTC").expect_err("refused"), CadenceError::TooLong);
}

#[rstest]
#[case("Europe/Berln", "`Europe/Berln` is no time zone; is Europe/Berlin meant?")]
#[case("berlin", "`berlin` is no time zone; is Europe/Berlin meant?")]
#[case("New York", "`New York` is no time zone; is America/New_York meant?")]
#[case("Middle Earth", "`Middle Earth` is no time zone")]
fn an_unknown_zone_is_refused_with_the_one_that_may_be_meant(#[case] zone: &str, #[case] said: &str) {
    assert_eq!(Cadence::parse("0 4 * * *", zone).expect_err("refused").to_string(), said);
}

#[test]
fn a_zone_is_known_by_its_own_name_however_it_was_written() {
    assert_eq!(cadence("0 4 * * *", "europe/berlin").zone(), "Europe/Berlin");
    assert_eq!(cadence("0 4 * * *", "utc").zone(), "UTC");
}

fn tenant(number: u32) -> TenantId {
    format!("8c2f0c1e-5a54-4c0e-9d6b-{number:012x}").parse().expect("an id")
}

#[test]
fn a_fleet_of_a_thousand_spreads_over_the_window_and_keeps_its_places() {
    let schedule: ScheduleId = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
    let other: ScheduleId = "01900000-0000-7000-8000-000000000002".parse().expect("an id");
    let window = 3_600;
    let offsets: Vec<u64> = (1..=1_000).map(|number| offset(schedule, tenant(number), window).as_secs()).collect();
    assert!(offsets.iter().all(|offset| *offset < u64::from(window)));
    let mut minutes = [0_u32; 60];
    for offset in &offsets {
        minutes[usize::try_from(offset / 60).expect("small")] += 1;
    }
    // 17 a minute, and none far from it: a minute that had none or thrice as many would be no spread.
    assert!(minutes.iter().all(|minute| (4..=35).contains(minute)), "{minutes:?}");
    assert_eq!(offsets, (1..=1_000).map(|number| offset(schedule, tenant(number), window).as_secs()).collect::<Vec<_>>());
    assert_ne!(offset(schedule, tenant(1), window), offset(other, tenant(1), window), "another schedule, other places");
    assert_eq!(offset(schedule, tenant(1), 0), Duration::ZERO);
}

proptest! {
    /// Whatever is written is read or refused; and what was read always goes on.
    #[test]
    fn no_text_breaks_it(cron in "[0-9*/,#LW+? @a-zA-Z\\-]{0,24}|\\PC{0,24}", zone in "\\PC{0,12}") {
        drop(Cadence::parse(&cron, &zone));
        if let Ok(cadence) = Cadence::parse(&cron, "Europe/Berlin") {
            let after = time("2026-03-28T12:00:00Z");
            prop_assert!(cadence.next_due(Duration::ZERO, after) > after);
        }
    }

    #[test]
    fn each_time_is_after_the_one_before(
        minute in prop_oneof![Just("0".to_owned()), Just("*/7".to_owned()), (0..60_u8).prop_map(|minute| minute.to_string())],
        hour in prop_oneof![Just("*".to_owned()), Just("1-3".to_owned()), Just("*/2".to_owned()), (0..24_u8).prop_map(|hour| hour.to_string())],
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"]),
        start in 1_767_225_600_i64..1_798_761_600,
        later in 0..3_600_u64,
    ) {
        let cadence = cadence(&format!("{minute} {hour} * * *"), zone);
        let mut at = Timestamp::from_second(start).expect("a time");
        for _ in 0..50 {
            let next = cadence.next_due(Duration::from_secs(later), at);
            prop_assert!(next > at && next.duration_since(at).as_hours() <= 49, "{} after {}", next, at);
            at = next;
        }
    }
}

#[test]
fn the_first_time_of_whoever_is_later_is_the_rest_of_none_that_was_before() {
    let daily = Cadence::parse("50 21 * * *", "UTC").expect("a cadence");
    let made: Timestamp = "2026-01-12T21:52:00Z".parse().expect("a time");
    let later = Duration::from_mins(5);
    // Had it been there before, 21:55 of today would be its turn.
    assert_eq!(daily.next_due(later, made).to_string(), "2026-01-12T21:55:00Z");
    let first = daily.first_due(later, made);
    assert_eq!(first.to_string(), "2026-01-13T21:55:00Z");
    assert_eq!(daily.next_due(later, first).to_string(), "2026-01-14T21:55:00Z");
}
