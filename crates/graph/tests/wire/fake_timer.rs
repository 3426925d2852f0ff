//! A clock that a test moves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_graph::Timer;
use tokio::sync::watch;

/// A clock that moves by what is waited for, or only when the test moves it.
pub(crate) struct FakeTimer {
    now: watch::Sender<Duration>,
    by_hand: bool,
    pauses: watch::Sender<Vec<Duration>>,
}

impl FakeTimer {
    /// Every wait is over at once, and moves the clock on.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(Duration::ZERO), by_hand: false, pauses: watch::Sender::default() })
    }
    /// Waits end when the test says so.
    pub(crate) fn by_hand() -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::new(Duration::ZERO), by_hand: true, pauses: watch::Sender::default() })
    }
    pub(crate) fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }
    /// Every wait that was asked for until now.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.pauses.borrow().clone()
    }
    /// Returns when so many waits were asked for in all.
    pub(crate) async fn until_paused(&self, times: usize) {
        self.pauses.subscribe().wait_for(|pauses| pauses.len() >= times).await.expect("the clock is here");
    }
}

#[async_trait]
impl Timer for FakeTimer {
    async fn pause(&self, duration: Duration) {
        let mut now = self.now.subscribe();
        let until = *now.borrow() + duration;
        self.pauses.send_modify(|pauses| pauses.push(duration));
        if self.by_hand {
            now.wait_for(|now| *now >= until).await.expect("the clock is here");
        } else {
            self.advance(duration);
            tokio::task::yield_now().await;
        }
    }
    fn now(&self) -> Duration {
        *self.now.borrow()
    }
}
