//! How many requests of a bucket are under way at once: a few at first, half as many after a 429, and slowly more up to what the setting
//! says.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::budget::locked;

/// How many a bucket begins with. Several tools that asked one tenant for more at once were slower for it (behaviour.md, section 1).
const AT_FIRST: usize = 4;

/// After so many answers in a row without a 429 one more request may be under way.
const CALM_ANSWERS: u32 = 50;

/// The slots of one bucket.
#[derive(Debug)]
pub(crate) struct Slots {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    most: usize,
    limit: usize,
    taken: usize,
    calm: u32,
    /// Grows with every halving, so that requests sent before it halve nothing again.
    era: u64,
}

/// A slot, free again when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    era: u64,
}

impl Slots {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { most, limit: most.min(AT_FIRST), taken: 0, calm: 0, era: 0 }), freed: Notify::new() })
    }

    /// Sets how many requests may be under way at most, from now on. What a 429 has taken away comes back as slowly as ever.
    pub(crate) fn set_most(&self, most: usize) {
        let mut state = locked(&self.state);
        let at_rest = if state.era == 0 { state.limit.max(AT_FIRST) } else { state.limit };
        state.limit = at_rest.min(most);
        state.most = most;
        drop(state);
        self.freed.notify_waiters();
    }

    /// Waits for a slot.
    pub(crate) async fn take(self: &Arc<Self>) -> Slot {
        loop {
            // Registered before looking, so that a slot that is freed in between wakes this one.
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(slot) = self.try_take() {
                return slot;
            }
            freed.await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let mut state = locked(&self.state);
        if state.taken >= state.limit {
            return None;
        }
        state.taken += 1;
        Some(Slot { slots: Arc::clone(self), era: state.era })
    }
}

impl Slot {
    /// The request of this slot was answered with 429.
    pub(crate) fn throttled(&self) {
        let mut state = locked(&self.slots.state);
        state.calm = 0;
        if state.era == self.era {
            state.era += 1;
            state.limit = (state.limit / 2).max(1);
        }
    }

    /// The request of this slot was answered otherwise.
    pub(crate) fn answered(&self) {
        let mut state = locked(&self.slots.state);
        // A bucket at its most may stay calm for as long as the process lives.
        state.calm = state.calm.saturating_add(1);
        if state.calm >= CALM_ANSWERS && state.limit < state.most {
            state.calm = 0;
            state.limit += 1;
            self.slots.freed.notify_one();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        locked(&self.slots.state).taken -= 1;
        self.slots.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who waits for a slot.
    fn waiter(slots: &Arc<Slots>) -> tokio::task::JoinHandle<Slot> {
        let slots = Arc::clone(slots);
        tokio::spawn(async move { slots.take().await })
    }

    fn taken(slots: &Arc<Slots>) -> Vec<Slot> {
        std::iter::from_fn(|| slots.try_take()).collect()
    }

    #[test]
    fn i13_a_429_halves_what_is_under_way_once_and_calm_brings_it_back() {
        let slots = Slots::new(4);
        let first = taken(&slots);
        assert_eq!(first.len(), 4);
        first.iter().for_each(Slot::throttled);
        drop(first);
        let second = taken(&slots);
        assert_eq!(second.len(), 2, "four answers of the same storm halve once");
        second[0].throttled();
        drop(second);
        let third = taken(&slots);
        assert_eq!(third.len(), 1);
        third[0].throttled();
        assert!(taken(&slots).is_empty(), "one is always left, and it is in use");
        for _ in 0..CALM_ANSWERS {
            third[0].answered();
        }
        drop(third);
        let fourth = taken(&slots);
        assert_eq!(fourth.len(), 2);
        for _ in 0..CALM_ANSWERS * 10 {
            fourth[0].answered();
        }
        drop(fourth);
        assert_eq!(taken(&slots).len(), 4, "never more than the setting");
    }

    #[test]
    fn a_bucket_begins_with_four_and_grows_to_the_setting_while_all_is_calm() {
        let slots = Slots::new(6);
        let first = taken(&slots);
        assert_eq!(first.len(), AT_FIRST);
        for _ in 0..CALM_ANSWERS * 10 {
            first[0].answered();
        }
        drop(first);
        assert_eq!(taken(&slots).len(), 6);
    }

    #[test]
    fn i13_another_setting_holds_at_once_and_gives_nothing_back_that_a_429_took() {
        let slots = Slots::new(4);
        let all = taken(&slots);
        slots.set_most(2);
        drop(all);
        let two = taken(&slots);
        assert_eq!(two.len(), 2);
        two[0].throttled();
        drop(two);
        slots.set_most(8);
        let one = taken(&slots);
        assert_eq!(one.len(), 1, "still as few as after the 429");
        for _ in 0..CALM_ANSWERS * 20 {
            one[0].answered();
        }
        drop(one);
        assert_eq!(taken(&slots).len(), 8);
    }

    #[tokio::test]
    async fn a_setting_that_is_raised_wakes_those_who_wait() {
        let slots = Slots::new(1);
        let _held = slots.take().await;
        let waiting = waiter(&slots);
        tokio::task::yield_now().await;
        slots.set_most(2);
        drop(waiting.await.expect("a slot"));
    }

    #[tokio::test]
    async fn a_freed_slot_wakes_one_that_waits() {
        let slots = Slots::new(1);
        let slot = slots.take().await;
        let waiting = waiter(&slots);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(slot);
        drop(waiting.await.expect("the waiting task"));
        assert_eq!(taken(&slots).len(), 1);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_does_not_take_the_wake_up_along() {
        let slots = Slots::new(1);
        let slot = slots.take().await;
        let one = waiter(&slots);
        let other = waiter(&slots);
        tokio::task::yield_now().await;
        drop(slot);
        one.abort();
        drop(one.await);
        drop(other.await.expect("the other one gets the slot"));
    }
}
