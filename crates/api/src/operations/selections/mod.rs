//! What was synced, and what a selection comes to.

mod list;
mod preview;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), preview::endpoint()]
}
