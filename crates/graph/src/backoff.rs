//! How long to wait before asking again, and when to give up.

use std::time::Duration;

use crate::classify::Again;
use crate::settings::GraphSettings;

/// The most that is made of an answer which asking again seldom cures.
const FEW_ATTEMPTS: u32 = 3;

/// The shortest wait before asking again.
const FLOOR: Duration = Duration::from_millis(250);

/// The first backoff's upper bound; it doubles with every attempt.
const BASE: Duration = Duration::from_secs(1);

/// The last backoff's upper bound.
const CAP: Duration = Duration::from_mins(1);

/// A random part of a duration, evenly from nothing to all of it.
pub(crate) fn up_to(most: Duration) -> Duration {
    most.mul_f64(rand::random_range(0.0..=1.0))
}

/// What `Retry-After` asks for is a minimum: a random quarter more keeps those who heard the same from coming at once.
pub(crate) fn jittered(minimum: Duration) -> Duration {
    minimum + up_to(minimum / 4)
}

/// The tries of one page.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    made: u32,
    few: u32,
    started: Option<Duration>,
}

impl Attempts {
    /// Counts a request that is about to be sent. The time runs from the first one: waiting for a turn is nobody's failure.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.made += 1;
        self.started.get_or_insert(now);
    }

    /// How many requests were sent.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// Whether the time of a page that was asked for before is over.
    pub(crate) fn overdue(&self, settings: &GraphSettings, now: Duration) -> bool {
        self.started.is_some_and(|started| now.saturating_sub(started) > settings.page_budget)
    }

    /// How long to wait before the next request, or nothing where there is to be none: too many made, `Retry-After` above the
    /// ceiling, or the wait would outlast the budget.
    pub(crate) fn next(
        &mut self,
        again: Again,
        retry_after: Option<Duration>,
        settings: &GraphSettings,
        now: Duration,
    ) -> Option<Duration> {
        self.few += u32::from(again.few);
        let spent = self.made >= settings.max_attempts || self.few >= FEW_ATTEMPTS;
        if spent || retry_after.is_some_and(|wait| wait > settings.retry_after_ceiling) {
            return None;
        }
        let wait = retry_after.map_or_else(|| self.backoff(), jittered);
        let ends = now.saturating_sub(self.started.unwrap_or(now)).saturating_add(wait);
        (ends <= settings.page_budget).then_some(wait)
    }

    /// The wait where Graph names none: exponential with full jitter, above the floor.
    pub(crate) fn backoff(&self) -> Duration {
        let doublings = self.made.saturating_sub(1).min(16);
        FLOOR + up_to(BASE.saturating_mul(1 << doublings).min(CAP))
    }
}

#[cfg(test)]
mod tests {
    use lastseen_model::ErrorCode;
    use proptest::prelude::*;

    use super::*;
    use crate::transport::Route;

    const OFTEN: Again = Again { code: ErrorCode::GraphThrottled, few: false, route: Route::Pooled };
    const SELDOM: Again = Again { code: ErrorCode::GraphUnavailable, few: true, route: Route::Pooled };

    fn waits(again: Again, retry_after: Option<Duration>, settings: &GraphSettings) -> Vec<Duration> {
        let mut attempts = Attempts::default();
        let mut now = Duration::from_secs(1000);
        let mut waits = Vec::new();
        loop {
            attempts.begin(now);
            match attempts.next(again, retry_after, settings, now) {
                Some(wait) => {
                    now += wait;
                    waits.push(wait);
                }
                None => return waits,
            }
        }
    }

    #[test]
    fn i13_tries_are_bounded_in_number() {
        let settings = GraphSettings::default();
        assert_eq!(waits(OFTEN, None, &settings).len(), 5);
        assert_eq!(waits(SELDOM, None, &settings).len(), 2);
        assert_eq!(waits(OFTEN, None, &GraphSettings { max_attempts: 1, ..settings }).len(), 0);
    }

    #[test]
    fn i13_tries_are_bounded_in_time() {
        let settings = GraphSettings { max_attempts: 1000, ..GraphSettings::default() };
        let waits = waits(OFTEN, Some(Duration::from_mins(2)), &settings);
        assert_eq!(waits.len(), 2, "a third wait of two minutes would end after five");
        let mut attempts = Attempts::default();
        attempts.begin(Duration::ZERO);
        assert!(!attempts.overdue(&settings, settings.page_budget));
        assert!(attempts.overdue(&settings, settings.page_budget + Duration::from_nanos(1)));
        assert!(!Attempts::default().overdue(&settings, Duration::from_hours(1)), "a page not yet asked for has no time running");
    }

    #[test]
    fn i14_above_the_ceiling_there_is_no_next_try() {
        let settings = GraphSettings::default();
        assert_eq!(waits(OFTEN, Some(settings.retry_after_ceiling + Duration::from_secs(1)), &settings).len(), 0);
        assert!(!waits(OFTEN, Some(settings.retry_after_ceiling), &settings).is_empty());
    }

    #[test]
    fn i13_waits_of_the_same_retry_after_differ() {
        let wait = Duration::from_secs(100);
        let mut seen: Vec<_> = (0..20).map(|_| jittered(wait)).collect();
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 15);
    }

    proptest! {
        #[test]
        fn i14_a_wait_is_never_below_what_was_asked_nor_a_quarter_above(seconds in 1..=120_u64) {
            let asked = Duration::from_secs(seconds);
            for wait in waits(OFTEN, Some(asked), &GraphSettings::default()) {
                prop_assert!(wait >= asked && wait <= asked + asked / 4);
            }
        }

        #[test]
        fn i13_a_backoff_is_within_its_floor_and_its_doubling_bound(tries in 1..=40_u32) {
            let settings = GraphSettings { max_attempts: tries, page_budget: Duration::from_hours(10), ..GraphSettings::default() };
            let waits = waits(OFTEN, None, &settings);
            prop_assert_eq!(u32::try_from(waits.len()), Ok(tries - 1));
            for (n, wait) in waits.into_iter().enumerate() {
                let bound = BASE.saturating_mul(1 << n.min(16)).min(CAP);
                prop_assert!(wait >= FLOOR && wait <= FLOOR + bound, "{n}: {wait:?}");
            }
        }
    }
}
