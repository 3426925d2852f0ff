//! Everything here needs PostgreSQL: `cargo xtask test` leaves this module out where it is not installed.

mod cluster;
mod pooler;
mod proxy;
mod replica;
