//! The items that were seen.

mod explain;
mod list;
mod timeline;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), explain::endpoint(), timeline::endpoint()]
}
