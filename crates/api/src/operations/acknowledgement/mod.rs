//! Notes of people on missing items.

mod set;
mod take_back;

use crate::operation::Endpoint;

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![set::endpoint(), take_back::endpoint()]
}
