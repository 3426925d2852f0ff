//! Who asks, and what they may.

mod authenticated;

pub use authenticated::{Authenticated, Who};
