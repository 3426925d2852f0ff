//! The real binary as processes that are killed, frozen and cut off, on a real PostgreSQL that is killed and replaced under them. What must
//! hold after all of it stands in `on_postgres/invariants.rs`.

mod on_postgres;
