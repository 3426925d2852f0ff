//! What is missing.

mod asked;
mod counts;
mod coverage;
mod list;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), coverage::endpoint(), counts::endpoint()]
}
