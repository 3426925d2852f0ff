//! How things stand.

mod show;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![show::endpoint()]
}
