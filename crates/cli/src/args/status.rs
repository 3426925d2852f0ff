//! The words of `lastseen status`.

use std::time::Duration;

use clap::Args;
use lastseen_model::SelectionHash;

use crate::config::parse_length;

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Show it anew every two seconds until Ctrl-C; on a terminal
    #[arg(long, conflicts_with = "check")]
    pub(crate) watch: bool,
    /// Only this selection, by its hash; may be repeated. For a monitor: a selection that was synced once and never again is stale for good
    #[arg(long = "selection", value_name = "HASH")]
    pub(crate) selections: Vec<SelectionHash>,
    /// How long a success stays fresh (1m to 365d)
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_length)]
    pub(crate) stale_after: Duration,
    /// Exit with 1 when something needs somebody
    #[arg(long)]
    pub(crate) check: bool,
}
