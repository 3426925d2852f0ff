//! Schedules: when runs are asked for by themselves.

mod add;
mod list;
mod pause;
mod remove;
mod seen;
mod show;

pub(super) use seen::{covering, seen};

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), add::endpoint(), show::endpoint(), pause::endpoint(), remove::endpoint()]
}
