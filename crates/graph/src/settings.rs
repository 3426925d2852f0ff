//! The limits a client keeps to.

use std::time::Duration;

/// What was closed by a `Retry-After` stays so for no longer than so many times the ceiling.
const LONGEST_CLOSURE: u32 = 10;

/// Every limit of the client. A limit that stops a listing ends it with a code; none makes it look complete.
#[derive(Debug, Clone)]
pub struct GraphSettings {
    /// How long one request may take, from connecting to the last byte of its answer.
    pub request_timeout: Duration,
    /// How often one page is asked for before it fails.
    pub max_attempts: u32,
    /// How long one page may take with all its retries, from its first request.
    pub page_budget: Duration,
    /// The longest `Retry-After` that is waited for; a longer one ends the page at once.
    pub retry_after_ceiling: Duration,
    /// The largest body in bytes, as it comes over the wire and unpacked.
    pub body_cap: u64,
    /// How deep an answer may nest.
    pub depth_cap: usize,
    /// How many pages a listing may have.
    pub page_cap: u32,
    /// How often a listing begins again at page one when its page token has expired.
    pub restarts: u32,
    /// How many requests of one tenant and workload are under way at once, at most, where its access says nothing else. It begins with 4, has fewer after a 429, and slowly
    /// more again.
    pub tenant_concurrency: usize,
    /// How much of what Graph allows one app in a tenant this process may use, in percent, 1 to 100. Where several processes work on one
    /// tenant at the same time, their shares should not add up to more.
    pub share_percent: u32,
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_mins(1),
            max_attempts: 6,
            page_budget: Duration::from_mins(5),
            retry_after_ceiling: Duration::from_mins(2),
            body_cap: 64 * 1024 * 1024,
            depth_cap: 64,
            page_cap: 10_000,
            restarts: 2,
            tenant_concurrency: 8,
            share_percent: 90,
        }
    }
}

impl GraphSettings {
    /// The longest that a `Retry-After` keeps anything shut, whatever it says: one hostile answer must not shut a tenant out for good.
    pub(crate) fn longest_closure(&self) -> Duration {
        self.retry_after_ceiling.saturating_mul(LONGEST_CLOSURE)
    }

    /// Refuses a limit of nothing, under which nothing could ever be listed.
    pub(crate) fn check(&self) -> Result<(), GraphSetupError> {
        let nothing = [
            ("request_timeout", self.request_timeout.is_zero()),
            ("max_attempts", self.max_attempts == 0),
            ("body_cap", self.body_cap == 0),
            ("depth_cap", self.depth_cap == 0),
            ("page_cap", self.page_cap == 0),
            ("tenant_concurrency", self.tenant_concurrency == 0),
            ("share_percent", self.share_percent == 0),
        ];
        match nothing.into_iter().find(|(_, zero)| *zero) {
            Some((setting, _)) => Err(GraphSetupError::Zero { setting }),
            None => Ok(()),
        }
    }
}

/// A client that can't be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GraphSetupError {
    /// A limit is zero.
    #[error("the limit `{setting}` must not be zero")]
    Zero {
        /// The field of [`GraphSettings`].
        setting: &'static str,
    },
    /// TLS could not be set up.
    #[error("TLS could not be set up: this system has no usable CA certificates")]
    Tls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_is_refused_by_name() {
        assert_eq!(GraphSettings::default().check(), Ok(()));
        let settings = GraphSettings { page_cap: 0, ..GraphSettings::default() };
        assert_eq!(settings.check(), Err(GraphSetupError::Zero { setting: "page_cap" }));
    }
}
