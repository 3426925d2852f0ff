//! Every test here needs the servers of `cargo xtask test`; they are left out by this module's name where there are none.

mod conformance;
mod differential;
mod plans;
mod purge;
mod reaping;
mod reports;
mod schema;
mod walls;
