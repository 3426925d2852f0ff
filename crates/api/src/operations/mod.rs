//! The operations, one file each. A file says everything about its operation; a folder holds what is about one thing.

mod acknowledgement;
mod common;
mod diff;
mod items;
mod missing;
mod runs;
mod schedules;
mod selections;
mod service;
mod status;
mod tenants;
mod tokens;
mod types;
mod whoami;

use crate::operation::Endpoint;

/// Every operation there is.
pub(crate) fn all() -> Vec<Endpoint> {
    [
        service::endpoints(),
        whoami::endpoints(),
        types::endpoints(),
        tenants::endpoints(),
        selections::endpoints(),
        runs::endpoints(),
        items::endpoints(),
        acknowledgement::endpoints(),
        missing::endpoints(),
        diff::endpoints(),
        status::endpoints(),
        schedules::endpoints(),
        tokens::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
