//! Two times that hyper knows as one.
//!
//! hyper has a single time-out for what comes before a request: the wait for its first byte and the reading of its head. A connection may
//! well wait for its next request for a minute, but a head that takes longer than some seconds is meant to be slow. So hyper is given the
//! longer time, and this timer, which is asked whenever more of a head was waited for in vain, ends the shorter one, from the first byte on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;

/// The timer of one connection.
pub(super) struct HeadTimer {
    clock: TokioTimer,
    head: Duration,
    /// How many bytes the connection has brought.
    received: Arc<AtomicU64>,
    /// Whether the wait for the first request has begun, which has no idle time: whoever connects has something to say.
    begun: AtomicBool,
}

impl HeadTimer {
    pub(super) fn new(head: Duration, received: Arc<AtomicU64>) -> Self {
        Self { clock: TokioTimer::new(), head, received, begun: AtomicBool::new(false) }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.clock.sleep(duration)
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The wait for a request, head and all.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let first = !self.begun.swap(true, Ordering::Relaxed);
        Box::pin(HeadSleep {
            clock: self.clock.clone(),
            idle: self.clock.sleep_until(deadline),
            head: first.then(|| self.clock.sleep(self.head)),
            head_timeout: self.head,
            received_before: self.received.load(Ordering::Relaxed),
            received: Arc::clone(&self.received),
        })
    }
}

struct HeadSleep {
    clock: TokioTimer,
    idle: Pin<Box<dyn Sleep>>,
    /// Set from the first byte on.
    head: Option<Pin<Box<dyn Sleep>>>,
    head_timeout: Duration,
    received_before: u64,
    received: Arc<AtomicU64>,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.head.is_none() && self.received.load(Ordering::Relaxed) > self.received_before {
            self.head = Some(self.clock.sleep(self.head_timeout));
        }
        if let Some(head) = &mut self.head
            && head.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(());
        }
        self.idle.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    async fn waited(timer: &HeadTimer) -> Duration {
        let began = tokio::time::Instant::now();
        timer.sleep_until(timer.now() + IDLE).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_be_idle_but_not_at_first_and_not_within_a_head() {
        let received = Arc::new(AtomicU64::new(0));
        let timer = HeadTimer::new(HEAD, Arc::clone(&received));
        assert_eq!(waited(&timer).await.as_secs(), HEAD.as_secs(), "the first request");
        received.fetch_add(100, Ordering::Relaxed);
        // What came before counts for nothing.
        assert_eq!(waited(&timer).await.as_secs(), IDLE.as_secs(), "the next");

        // A byte that comes after a minute: its task is woken by the socket, and polls again.
        let mut sleep = timer.sleep_until(timer.now() + IDLE);
        assert!(futures_util::poll!(&mut sleep).is_pending());
        tokio::time::advance(Duration::from_mins(1)).await;
        received.fetch_add(1, Ordering::Relaxed);
        assert!(futures_util::poll!(&mut sleep).is_pending());
        tokio::time::advance(Duration::from_secs(9)).await;
        // One more does not make it longer.
        received.fetch_add(1, Ordering::Relaxed);
        assert!(futures_util::poll!(&mut sleep).is_pending());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(futures_util::poll!(&mut sleep).is_ready());
    }
}
