//! What all requests of one tenant to one workload share, whoever of this process sends them: the moments at which one may start, and
//! how many are under way at once.
//!
//! Other processes, and other programs of the customer, are not known here. Their part is left by a configured share, and by heeding the
//! 429 that tells of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lastseen_contracts::Workload;

use crate::gate::{Gate, Pace, Pass};
use crate::settings::GraphSettings;
use crate::slots::{Slot, Slots};

/// Locks, whatever became of the last holder: what is locked here is whole after every statement.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The budgets of one tenant, one a workload.
#[derive(Debug)]
pub(crate) struct Budgets {
    share_percent: u32,
    at_once: AtomicUsize,
    of: Mutex<BTreeMap<Workload, Arc<Budget>>>,
}

/// One budget.
#[derive(Debug)]
pub(crate) struct Budget {
    gate: Mutex<Gate>,
    slots: Arc<Slots>,
}

impl Budgets {
    pub(crate) fn new(settings: &GraphSettings) -> Self {
        Self { share_percent: settings.share_percent, at_once: settings.tenant_concurrency.into(), of: Mutex::default() }
    }

    /// The budget of a workload.
    pub(crate) fn of(&self, workload: Workload) -> Arc<Budget> {
        let make = || {
            Arc::new(Budget {
                gate: Mutex::new(Gate::new(Pace::of(workload, self.share_percent))),
                slots: Slots::new(self.at_once.load(Ordering::Relaxed)),
            })
        };
        Arc::clone(locked(&self.of).entry(workload).or_insert_with(make))
    }

    /// Sets how many requests of each workload may be under way at most, from now on.
    pub(crate) fn set_at_once(&self, most: usize) {
        let budgets = locked(&self.of);
        self.at_once.store(most, Ordering::Relaxed);
        budgets.values().for_each(|budget| budget.slots.set_most(most));
    }
}

impl Budget {
    /// Waits for one of the slots.
    pub(crate) async fn slot(&self) -> Slot {
        self.slots.take().await
    }

    /// Asks to start a request now; one that may is counted.
    pub(crate) fn pass(&self, now: Duration) -> Pass {
        locked(&self.gate).pass(now)
    }

    /// Lets nothing start before this.
    pub(crate) fn close(&self, until: Duration) {
        locked(&self.gate).close(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_have_budgets_of_their_own_and_each_has_one() {
        let budgets = Budgets::new(&GraphSettings::default());
        budgets.of(Workload::Intune).close(Duration::from_secs(10));
        assert_eq!(budgets.of(Workload::Intune).pass(Duration::from_secs(4)), Pass::Throttled(Duration::from_secs(6)));
        assert_eq!(budgets.of(Workload::Identity).pass(Duration::from_secs(4)), Pass::Now);
    }
}
