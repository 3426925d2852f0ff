//! What the servers do that are started for tests.

mod on_postgres;
