//! The tenants that Lastseen knows.

mod list;
mod remove;
mod set;
mod show;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), show::endpoint(), set::endpoint(), remove::endpoint()]
}
