//! Two runs, held against each other.

mod compare;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![compare::endpoint()]
}
