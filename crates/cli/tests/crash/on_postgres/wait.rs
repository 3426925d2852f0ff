//! Waiting for another process to get somewhere.

use std::time::{Duration, Instant};

/// Generous: it is reached only where something is broken.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `reached` says so.
pub(crate) fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "waited {} seconds in vain for {what}", PATIENCE.as_secs());
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "another process tells nobody when it is there: one has to look")]
fn pause() {
    std::thread::sleep(PAUSE);
}
