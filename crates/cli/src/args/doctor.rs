//! The words of `lastseen doctor`.

use std::path::PathBuf;

use clap::Args;

use super::SelectionArgs;

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Every tenant the database knows, one after another
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) all_tenants: bool,
    /// Ask each path what it takes: whether it answers, page size, $select, assignments, how long it takes (up to a dozen requests for the first page of each)
    #[arg(long)]
    pub(crate) probe: bool,
    /// Write what the probe suggests to a new file of contract overrides
    #[arg(long, value_name = "FILE", requires = "probe", conflicts_with = "all_tenants")]
    pub(crate) save: Option<PathBuf>,
}
