//! Runs: asked for, watched, and ended early.

mod events;
mod list;
mod show;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), show::endpoint(), events::endpoint()]
}
