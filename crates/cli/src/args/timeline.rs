//! The words of `lastseen timeline`.

use clap::Args;
use lastseen_model::{ExternalId, PolicyType};

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// The policy type
    pub(crate) policy_type: PolicyType,
    /// Graph's id of the item, or a beginning of it that only one of the type has
    pub(crate) external_id: ExternalId,
}
