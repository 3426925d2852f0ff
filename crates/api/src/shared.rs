//! What the requests of one router share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lastseen_model::TokenId;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::Api;
use crate::problem::{Code, Problem};
use crate::streams::Streams;

/// How many requests are at work at once. More would only queue up before the database.
pub(crate) const AT_WORK: usize = 256;

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
    /// One place: of the uses of tokens one is noted at a time.
    notes: Arc<Semaphore>,
    /// The event streams that are open.
    pub(crate) streams: Arc<Streams>,
    /// When the database was last looked at, and whether it was there.
    looked: Mutex<Option<(Duration, bool)>>,
    /// The description of the API, written once.
    pub(crate) description: Bytes,
}

/// The right to take part, for as long as it is held.
pub(crate) type Place = OwnedSemaphorePermit;

impl Shared {
    pub(crate) fn new(api: Api, description: String) -> App {
        Arc::new(Self {
            api,
            at_work: Arc::new(Semaphore::new(AT_WORK)),
            notes: Arc::new(Semaphore::new(1)),
            streams: Arc::default(),
            looked: Mutex::new(None),
            description: description.into(),
        })
    }

    /// A place among the requests at work, or the refusal: nobody waits for one.
    pub(crate) fn place_at_work(&self) -> Result<Place, Problem> {
        self.at_work.clone().try_acquire_owned().map_err(|_| Problem::new(Code::Busy))
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
