//! The store against a real PostgreSQL, which `cargo xtask test` starts; a single test is run by
//! `cargo xtask postgres cargo test -p lastseen-store-postgres <name>`.

mod on_postgres;
mod sqlite;
mod support;
