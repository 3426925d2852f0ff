//! Who asks, and what they may.

mod authenticated;
mod caller;

pub use authenticated::{Authenticated, Who};
pub(crate) use caller::Caller;
