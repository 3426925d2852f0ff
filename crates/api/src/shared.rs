//! What the requests of one router share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lastseen_model::TokenId;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::Api;
use crate::problem::{Code, Problem};

/// How many requests are at work at once. More would only queue up before the database.
pub(crate) const AT_WORK: usize = 256;
/// How many event streams are open at once.
pub(crate) const STREAMS: usize = 64;

/// How often the database is looked at, to see whether it is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it has to answer.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// The state of the router.
pub(crate) type App = Arc<Shared>;

/// What the requests of one router share.
pub(crate) struct Shared {
    pub(crate) api: Api,
    at_work: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    /// One place: of the uses of tokens one is noted at a time.
    notes: Arc<Semaphore>,
    /// When the database was last looked at, and whether it was there.
    looked: Mutex<Option<(Duration, bool)>>,
    /// The description of the API, written once.
    pub(crate) description: Bytes,
}

/// The right to take part, for as long as it is held.
pub(crate) type Place = OwnedSemaphorePermit;

impl Shared {
    pub(crate) fn new(api: Api, description: String) -> App {
        let places = |number| Arc::new(Semaphore::new(number));
        Arc::new(Self {
            api,
            at_work: places(AT_WORK),
            streams: places(STREAMS),
            notes: places(1),
            looked: Mutex::new(None),
            description: description.into(),
        })
    }

    /// A place among the requests at work, or the refusal: nobody waits for one.
    pub(crate) fn place_at_work(&self) -> Result<Place, Problem> {
        self.at_work.clone().try_acquire_owned().map_err(|_| Problem::new(Code::Busy))
    }

    /// A place among the event streams, or the refusal.
    pub(crate) fn place_for_stream(&self) -> Result<Place, Problem> {
        let refusal = |_| Problem::new(Code::Busy).detail("as many event streams as allowed are open").next("ask for the run instead");
        self.streams.clone().try_acquire_owned().map_err(refusal)
    }

    /// Notes beside the request that a token was used, and not at all while another use is being noted: the next request sees to it.
    /// No request waits for this or fails with it, for it may be that nobody can write just now.
    pub(crate) fn note_use(&self, token: TokenId) {
        let Ok(place) = self.notes.clone().try_acquire_owned() else { return };
        let store = self.api.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.note_token_use(token).await {
                // Every request comes by here until it can be noted, so this is no line for every day.
                tracing::debug!(token = %token, %error, "the use of a token can't be noted");
            }
            drop(place);
        });
    }

    /// Whether the database answers. It is asked once a second at most, whoever wants to know: no token is needed to ask.
    pub(crate) async fn reaches_the_database(&self) -> bool {
        let mut looked = self.looked.lock().await;
        let now = self.api.timer.now();
        if let Some((at, there)) = *looked
            && now.saturating_sub(at) < LOOK_EVERY
        {
            return there;
        }
        let there = tokio::select! {
            biased;
            about = self.api.store.about() => about.is_ok(),
            () = self.api.timer.pause(LOOK_WITHIN) => false,
        };
        *looked = Some((self.api.timer.now(), there));
        there
    }
}
