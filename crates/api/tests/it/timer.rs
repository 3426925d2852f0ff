//! A timer that a test moves by hand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::Timer;
use tokio::sync::watch;

/// Time stands still until it is told to pass.
pub(crate) struct HandTimer {
    now: watch::Sender<Duration>,
    waiting: AtomicUsize,
}

impl HandTimer {
    pub(crate) fn new() -> Self {
        Self { now: watch::Sender::new(Duration::ZERO), waiting: AtomicUsize::new(0) }
    }

    /// Lets time pass, as soon as somebody waits for it.
    pub(crate) async fn pass(&self, time: Duration) {
        self.pass_for(1, time).await;
    }

    /// Lets time pass, as soon as so many wait for it.
    pub(crate) async fn pass_for(&self, waiting: usize, time: Duration) {
        while self.waiting() < waiting {
            tokio::task::yield_now().await;
        }
        self.now.send_modify(|now| *now += time);
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

/// One who waits; also one who gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Timer for HandTimer {
    async fn pause(&self, duration: Duration) {
        let until = *self.now.borrow() + duration;
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.waiting);
        // The sender lives as long as the timer, so the wait ends by its time alone.
        self.now.subscribe().wait_for(|now| *now >= until).await.expect("the timer lives");
    }

    fn now(&self) -> Duration {
        *self.now.borrow()
    }
}
