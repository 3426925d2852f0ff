//! Tokens of the API.

mod create;
mod list;
mod revoke;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), create::endpoint(), revoke::endpoint()]
}
