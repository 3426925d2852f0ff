//! One suite for every store: semantics, isolation, leases, crash points and random histories against a reference model.
