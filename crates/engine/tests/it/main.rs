//! The engine over a real socket and into a real database.

mod asking;
mod claim;
mod credentials;
mod lease;
mod scheduler;
mod short_waits;
mod support;
mod sync;
mod throttled;
mod unsteady;
mod worker;
