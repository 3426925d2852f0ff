//! The suite that every store passes.

/// Straight to the server.
mod direct {
    use lastseen_store_conformance::conformance_tests;

    use crate::support::Postgres;

    conformance_tests!(Postgres::Direct);
}

/// Through PgBouncer in transaction mode, whose few server connections the store's many share.
mod pooled {
    use lastseen_store_conformance::conformance_tests;

    use crate::support::Postgres;

    conformance_tests!(Postgres::Pooled);
}
