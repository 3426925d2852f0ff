//! Runs: asked for, watched, and ended early.

mod cancel;
mod events;
mod list;
mod show;
mod start;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![start::endpoint(), list::endpoint(), show::endpoint(), cancel::endpoint(), events::endpoint()]
}
