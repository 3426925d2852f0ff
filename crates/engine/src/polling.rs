//! How long whoever looks at the database again and again waits between two looks.

use std::time::Duration;

use rand::RngExt;

/// The longest pause between two looks while the database is away.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The pause after a look, when so many in a row failed: at least half of what it is at most, which is `every` and doubles with each
/// failure. With jitter, because processes that were started together must not look together for ever.
pub(crate) fn pause(every: Duration, failures: u32) -> Duration {
    let longest = every.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE.max(every));
    rand::rng().random_range(longest / 2..=longest)
}
