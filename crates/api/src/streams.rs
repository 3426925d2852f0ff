//! How many event streams are open at once, in all and of one caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::authority::Who;
use crate::problem::{Code, Problem};

/// How many are open at once.
const IN_ALL: usize = 64;
/// How many of them one caller may have: nobody is to take every place.
const OF_ONE: usize = 16;

/// The open streams, by caller.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<String, usize>>);

/// The right to have a stream open, for as long as it is held.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    streams: Arc<Streams>,
    caller: String,
}

impl Streams {
    /// A place for one more stream of this caller, or the refusal: nobody waits for one.
    pub(crate) fn place(self: &Arc<Self>, who: &Who) -> Result<StreamPlace, Problem> {
        let caller = match who {
            Who::Token { token_id, .. } => format!("token {token_id}"),
            Who::Oidc { subject, .. } => format!("subject {subject}"),
        };
        let refusal = |detail: String| Problem::new(Code::Busy).detail(detail).next("ask for the run instead");
        // Nothing in here panics half way.
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= IN_ALL {
            return Err(refusal("as many event streams as allowed are open".to_owned()));
        }
        let theirs = open.entry(caller.clone()).or_default();
        if *theirs >= OF_ONE {
            return Err(refusal(format!("one caller has at most {OF_ONE} event streams open")));
        }
        *theirs += 1;
        Ok(StreamPlace { streams: self.clone(), caller })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(theirs) = open.get_mut(&self.caller) {
            *theirs -= 1;
            if *theirs == 0 {
                open.remove(&self.caller);
            }
        }
    }
}
