//! When the next request of a bucket may start. A bucket is what Graph counts by: a tenant and a workload.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lastseen_contracts::Workload;

/// Between two requests to conditional access, for the whole tenant: its limit is one a second, and it sends no `Retry-After`.
const CONDITIONAL_ACCESS_SPACING: Duration = Duration::from_secs(1);

/// Locks, whatever became of the last holder: what is locked here is whole after every statement.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gates of one tenant, one a workload.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<BTreeMap<Workload, Gate>>);

#[derive(Debug, Default)]
struct Gate {
    /// Nothing starts before this: Graph said so.
    closed_until: Duration,
    /// The next request's turn, where requests are spaced.
    next_turn: Duration,
}

/// Whether a request may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Now.
    Now,
    /// Not before this has passed, because Graph throttles the bucket.
    Throttled(Duration),
    /// Not before this has passed, because requests are spaced.
    Spaced(Duration),
}

impl Gates {
    /// Asks to start a request now.
    pub(crate) fn pass(&self, workload: Workload, now: Duration) -> Pass {
        let mut gates = locked(&self.0);
        let gate = gates.entry(workload).or_default();
        if now < gate.closed_until {
            return Pass::Throttled(gate.closed_until.saturating_sub(now));
        }
        if now < gate.next_turn {
            return Pass::Spaced(gate.next_turn.saturating_sub(now));
        }
        if workload == Workload::ConditionalAccess {
            gate.next_turn = now + CONDITIONAL_ACCESS_SPACING;
        }
        Pass::Now
    }

    /// Closes a bucket. A later time than the one it is closed until stays.
    pub(crate) fn close(&self, workload: Workload, until: Duration) {
        let mut gates = locked(&self.0);
        let gate = gates.entry(workload).or_default();
        gate.closed_until = gate.closed_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn i13_nothing_of_a_closed_bucket_starts_before_its_time() {
        let gates = Gates::default();
        assert_eq!(gates.pass(Workload::Intune, s(5)), Pass::Now);
        gates.close(Workload::Intune, s(15));
        gates.close(Workload::Intune, s(10));
        assert_eq!(gates.pass(Workload::Intune, s(6)), Pass::Throttled(s(9)));
        assert_eq!(gates.pass(Workload::Identity, s(6)), Pass::Now, "another bucket is open");
        assert_eq!(gates.pass(Workload::Intune, s(15)), Pass::Now);
    }

    #[test]
    fn conditional_access_is_asked_once_a_second_and_the_others_at_once() {
        let gates = Gates::default();
        assert_eq!(gates.pass(Workload::ConditionalAccess, s(5)), Pass::Now);
        assert_eq!(gates.pass(Workload::ConditionalAccess, s(5)), Pass::Spaced(s(1)));
        assert_eq!(gates.pass(Workload::ConditionalAccess, s(6)), Pass::Now);
        assert_eq!(gates.pass(Workload::Intune, s(6)), Pass::Now);
        assert_eq!(gates.pass(Workload::Intune, s(6)), Pass::Now);
    }
}
