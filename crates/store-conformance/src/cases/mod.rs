//! The cases, by what they are about. Each takes a fresh database and is named in the list of [`crate::conformance_tests`]; one
//! that is not named there is dead code, which the lints refuse.

pub(crate) mod about;
pub(crate) mod answers;
pub(crate) mod cancel;
pub(crate) mod diff;
pub(crate) mod doubts;
pub(crate) mod guardrails;
pub(crate) mod isolation;
pub(crate) mod leases;
pub(crate) mod lifecycle;
pub(crate) mod missing;
pub(crate) mod pages;
pub(crate) mod purge;
pub(crate) mod queue;
pub(crate) mod retention;
pub(crate) mod schedules;
pub(crate) mod standing;
pub(crate) mod starts;
pub(crate) mod successors;
pub(crate) mod tenants;
pub(crate) mod tokens;
