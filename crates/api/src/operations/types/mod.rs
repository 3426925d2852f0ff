//! The policy types there are.

mod list;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint()]
}
