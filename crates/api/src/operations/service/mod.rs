//! What is about the service itself, and open to everyone.

mod alive;
mod describe;
mod ready;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![alive::endpoint(), ready::endpoint(), describe::endpoint()]
}
