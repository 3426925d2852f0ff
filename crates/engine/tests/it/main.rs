//! The engine over a real socket and into a real database.

mod claim;
mod credentials;
mod lease;
mod support;
mod sync;
mod unsteady;
mod worker;
