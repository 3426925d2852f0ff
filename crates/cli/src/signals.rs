//! What a process does when it is asked to end: each time something more urgent.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::output::say;

/// One answer to being asked to end.
pub(crate) struct Step {
    /// What is cancelled.
    pub(crate) cancels: CancellationToken,
    /// What a person is told.
    pub(crate) says: &'static str,
}

/// Takes one step each time the process is asked to end: Ctrl-C, or a signal by which a machine or a terminal says that it goes. Past the
/// last step the process ends at once. The signals are heard from this call on.
pub(crate) fn heed(steps: Vec<Step>) -> JoinHandle<()> {
    let signals = Signals::listen();
    if signals.is_err() {
        tracing::warn!("signals can't be heard; nothing can be ended in good order by one");
    }
    tokio::spawn(async move {
        if let Ok(signals) = signals {
            take(steps, signals).await;
        }
    })
}

async fn take(steps: Vec<Step>, mut signals: Signals) {
    for step in steps {
        if !signals.next().await {
            return;
        }
        step.cancels.cancel();
        say(step.says);
    }
    if signals.next().await {
        stop_at_once();
    }
}

/// The signals, heard all the time: none is lost between two steps.
#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    /// Waits for the next one; whether there was one.
    async fn next(&mut self) -> bool {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            heard = interrupt.recv() => heard.is_some(),
            heard = terminate.recv() => heard.is_some(),
            heard = hang_up.recv() => heard.is_some(),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one; whether there was one.
    async fn next(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "a person insisted; the lease expires and the run is recorded as failed")]
fn stop_at_once() {
    std::process::exit(130);
}
