//! When the next request of a bucket may start. A bucket is what Graph counts by: a tenant and a workload.

use std::collections::VecDeque;
use std::time::Duration;

use lastseen_contracts::Workload;

/// What the way to Graph may take from the time between two requests: they must not arrive closer together than Graph allows.
const NARROWED_ON_THE_WAY: Duration = Duration::from_millis(50);

/// How many requests a bucket takes within how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    requests: usize,
    within: Duration,
}

impl Pace {
    /// A workload's published limit, of which this process may use so many percent.
    ///
    /// Intune allows one app 1,000 requests in 20 s in a tenant. Conditional access allows one a second, all apps together, and sends no
    /// `Retry-After`. Directory objects cost units from a bucket of at least 3,500 in 10 s, a list at most three of them. Of Windows 365
    /// nothing is published; it is asked as Intune is.
    pub(crate) fn of(workload: Workload, share_percent: u32) -> Self {
        let part = |requests: u32| usize::try_from((requests * share_percent / 100).max(1)).unwrap_or(usize::MAX);
        let (requests, within) = match workload {
            Workload::Intune | Workload::CloudPc => (part(1_000), Duration::from_secs(20)),
            Workload::Identity => (part(1_000), Duration::from_secs(10)),
            Workload::ConditionalAccess => (1, Duration::from_secs(1) * 100 / share_percent.max(1)),
        };
        Self { requests, within: within + NARROWED_ON_THE_WAY }
    }
}

/// The gate of one bucket.
#[derive(Debug)]
pub(crate) struct Gate {
    pace: Pace,
    /// Nothing starts before this: Graph said so.
    closed_until: Duration,
    /// When the newest requests started, oldest first: none older than the pace looks back, no more than it allows.
    started: VecDeque<Duration>,
}

/// Whether a request may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Now.
    Now,
    /// Not before this has passed, because Graph throttles the bucket.
    Throttled(Duration),
    /// Not before this has passed, because its budget is spent until then.
    Spent(Duration),
}

impl Gate {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, closed_until: Duration::ZERO, started: VecDeque::new() }
    }

    /// Asks to start a request now; one that may is counted.
    pub(crate) fn pass(&mut self, now: Duration) -> Pass {
        if now < self.closed_until {
            return Pass::Throttled(self.closed_until.saturating_sub(now));
        }
        while self.started.front().is_some_and(|started| *started + self.pace.within <= now) {
            self.started.pop_front();
        }
        match self.started.front() {
            Some(oldest) if self.started.len() >= self.pace.requests => Pass::Spent((*oldest + self.pace.within).saturating_sub(now)),
            _ => {
                self.started.push_back(now);
                Pass::Now
            }
        }
    }

    /// Closes the bucket. A later time than the one it is closed until stays.
    pub(crate) fn close(&mut self, until: Duration) {
        self.closed_until = self.closed_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn gate(workload: Workload) -> Gate {
        Gate::new(Pace::of(workload, 100))
    }

    #[test]
    fn i13_nothing_of_a_closed_bucket_starts_before_its_time() {
        let mut gate = gate(Workload::Intune);
        assert_eq!(gate.pass(s(5)), Pass::Now);
        gate.close(s(15));
        gate.close(s(10));
        assert_eq!(gate.pass(s(6)), Pass::Throttled(s(9)));
        assert_eq!(gate.pass(s(15)), Pass::Now);
    }

    #[test]
    fn conditional_access_is_asked_once_a_second_and_intune_a_thousand_times_in_twenty() {
        let mut slow = gate(Workload::ConditionalAccess);
        assert_eq!(slow.pass(s(5)), Pass::Now);
        assert_eq!(slow.pass(s(5)), Pass::Spent(s(1) + NARROWED_ON_THE_WAY));
        assert_eq!(slow.pass(s(6) + NARROWED_ON_THE_WAY), Pass::Now);
        let mut quick = gate(Workload::Intune);
        assert!((0..1_000).all(|_| quick.pass(s(5)) == Pass::Now));
        assert_eq!(quick.pass(s(6)), Pass::Spent(s(19) + NARROWED_ON_THE_WAY));
        assert_eq!(quick.pass(s(26)), Pass::Now);
    }

    #[test]
    fn a_share_leaves_the_rest_to_other_processes() {
        let mut half = Gate::new(Pace::of(Workload::Intune, 50));
        assert_eq!((0..1_000).filter(|_| half.pass(s(5)) == Pass::Now).count(), 500);
        let mut tenth = Gate::new(Pace::of(Workload::ConditionalAccess, 10));
        assert_eq!(tenth.pass(s(5)), Pass::Now);
        assert_eq!(tenth.pass(s(14)), Pass::Spent(s(1) + NARROWED_ON_THE_WAY));
        assert_eq!(Gate::new(Pace::of(Workload::Identity, 1)).pass(s(1)), Pass::Now, "there is always something left");
    }

    proptest! {
        #[test]
        fn i13_no_window_ever_holds_more_than_its_budget(
            share in 1..=100_u32,
            steps in prop::collection::vec(0..900_u64, 1..3_000),
        ) {
            let pace = Pace::of(Workload::Intune, share);
            let mut gate = Gate::new(pace);
            let (mut now, mut passed) = (Duration::from_secs(1), Vec::new());
            for step in steps {
                now += Duration::from_millis(step / 30);
                match gate.pass(now) {
                    Pass::Now => passed.push(now),
                    Pass::Spent(wait) => {
                        prop_assert!(!wait.is_zero());
                        // Whoever waits as long as it was told gets through.
                        now += wait;
                        prop_assert_eq!(gate.pass(now), Pass::Now);
                        passed.push(now);
                    }
                    Pass::Throttled(_) => prop_assert!(false, "nobody closed it"),
                }
            }
            for (n, first) in passed.iter().enumerate() {
                let beyond = passed.get(n + pace.requests);
                prop_assert!(beyond.is_none_or(|beyond| *beyond >= *first + pace.within));
            }
        }
    }
}
