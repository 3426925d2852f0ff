//! Waiting for a program to get somewhere.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a server may take to start, stop or follow. Generous: it is reached only where something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `reached` says so.
///
/// # Errors
/// Of `reached`, or when [`PATIENCE`] ends; `what` says what was waited for.
pub(crate) fn until(what: &str, mut reached: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !reached()? {
        if Instant::now() > deadline {
            bail!("waited {} seconds in vain for {what}", PATIENCE.as_secs());
        }
        pause();
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "other programs tell nobody when they are ready: one has to look")]
fn pause() {
    std::thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_until_it_is_reached() {
        let mut looks = 0;
        until("the third look", || {
            looks += 1;
            Ok(looks == 3)
        })
        .expect("reached");
        assert_eq!(looks, 3);
    }

    #[test]
    fn an_error_ends_the_wait() {
        assert!(until("never", || bail!("it is gone")).is_err());
    }
}
