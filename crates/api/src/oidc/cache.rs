//! The issuer's keys as they were fetched last.
//!
//! After an hour they are fetched again, so that a key which the issuer took back does not go on counting. A key that is not among them may
//! be new, so they are fetched again, but not for every token that makes one up. While the issuer is away the last ones count, for a day.
//! However many tokens come, one fetch is under way at a time, and few wait for it: a token that nobody signed can make up a key, and must
//! not take the place of one whose key is known.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use lastseen_engine::Timer;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::key_set::KeySet;
use super::keys::{FetchFault, Source};
use super::refusal::OidcRefusal;
use super::token::Wanted;

/// How long keys are taken as they are.
const FRESH: Duration = Duration::from_hours(1);
/// How long they count where no others can be had.
const USABLE: Duration = Duration::from_hours(24);
/// How soon after a fetch the next may follow.
const AGAIN: Duration = Duration::from_mins(1);
/// How soon after one that failed while no keys are known: nobody gets in until one succeeds.
const AGAIN_WITHOUT_KEYS: Duration = Duration::from_secs(10);
/// How long a fetch may take in all. Tokens wait for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How many tokens wait for a fetch. Each of them is a request at work, of which there is a bounded number; the others are told to try
/// again.
const WAITING: usize = 16;

pub(super) struct KeyCache(Arc<Inner>);

struct Inner {
    source: Source,
    timer: Arc<dyn Timer>,
    known: RwLock<Known>,
    /// Held by whoever fetches.
    fetching: Mutex<()>,
    /// The places of those who wait for it.
    waiting: Semaphore,
}

#[derive(Default)]
struct Known {
    /// The keys, and when they came.
    keys: Option<(Arc<KeySet>, Duration)>,
    /// When the next fetch may begin.
    again_at: Duration,
}

impl KeyCache {
    pub(super) fn new(source: Source, timer: Arc<dyn Timer>) -> Self {
        Self(Arc::new(Inner { source, timer, known: RwLock::default(), fetching: Mutex::default(), waiting: Semaphore::new(WAITING) }))
    }

    /// The key that a token wants.
    pub(super) async fn key(&self, wanted: &Wanted) -> Result<DecodingKey, OidcRefusal> {
        if let Some((keys, age)) = self.0.keys()
            && age < FRESH
        {
            match keys.find(wanted) {
                // Only a key that is not there may be a new one.
                Err(OidcRefusal::UnknownKey) => {}
                found => return found.cloned(),
            }
        }
        if self.0.is_time() {
            match self.0.waiting.try_acquire() {
                Ok(_place) => self.refresh().await,
                // Others wait for the issuer already. Until it answers it is away, and its last keys count.
                Err(_) => return self.0.last(wanted).filter(Result::is_ok).unwrap_or(Err(OidcRefusal::KeysUnavailable)),
            }
        }
        self.0.last(wanted).unwrap_or(Err(OidcRefusal::KeysUnavailable))
    }

    /// Fetches if it is time to, and waits for it, and for whoever is fetching.
    async fn refresh(&self) {
        let inner = Arc::clone(&self.0);
        // A task of its own: the request may go away, and must not take a fetch along that all others wait for.
        let fetching = tokio::spawn(async move { inner.fetch().await });
        if fetching.await.is_err() {
            tracing::error!(code = "oidc_fetch_ended", "fetching the issuer's keys ended before its time");
        }
    }
}

impl Inner {
    /// The keys that count, and how old they are.
    fn keys(&self) -> Option<(Arc<KeySet>, Duration)> {
        let now = self.timer.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (keys, since) = known.keys.as_ref()?;
        let age = now.saturating_sub(*since);
        (age < USABLE).then(|| (Arc::clone(keys), age))
    }

    /// What the keys that count say of a key; none where no keys count.
    fn last(&self, wanted: &Wanted) -> Option<Result<DecodingKey, OidcRefusal>> {
        self.keys().map(|(keys, _)| keys.find(wanted).cloned())
    }

    /// Whether the next fetch may begin, or is under way.
    fn is_time(&self) -> bool {
        self.timer.now() >= self.known.read().unwrap_or_else(PoisonError::into_inner).again_at
    }

    /// Those who waited for another's fetch find that it was done.
    async fn fetch(&self) {
        let _alone = self.fetching.lock().await;
        if !self.is_time() {
            return;
        }
        let fetched = timeout(FETCH_TIMEOUT, self.source.fetch()).await.unwrap_or(Err(FetchFault::NoAnswer));
        let others = self.keys().is_some();
        let now = self.timer.now();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(keys) => *known = Known { keys: Some((Arc::new(keys), now)), again_at: now + AGAIN },
            Err(fault) => {
                known.again_at = now + if others { AGAIN } else { AGAIN_WITHOUT_KEYS };
                tracing::warn!(code = fault.code(), "the issuer's keys could not be fetched");
            }
        }
    }
}
