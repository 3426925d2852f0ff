//! The words of `lastseen runs`.

use clap::{Args, Subcommand};
use lastseen_model::{RunStatus, SelectionHash};

use super::words;

#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// Only runs of this selection
    #[arg(long, value_name = "HASH")]
    pub(crate) selection: Option<SelectionHash>,
    /// Only runs with this status: pending, running, skipped, failed, partial or success
    #[arg(long, value_name = "STATUS", value_parser = words::<RunStatus, _>(RunStatus::ALL.iter().map(|status| status.as_str())))]
    pub(crate) status: Option<RunStatus>,
    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Show one run: its counts, the outcome of every listing, its errors
    Show {
        /// The run's id, or any beginning or end of it that only one run has
        id: String,
    },
    /// Cancel one run: a pending one ends now, a running one when its worker next renews its lease (15s by default); what it has listed stays
    #[command(
        after_help = "Example:\n  lastseen runs cancel 0192f3c1\n\nExit code 0: it has ended, or its worker is told. 1: it had ended before."
    )]
    Cancel {
        /// The run's id, or any beginning or end of it that only one run has
        id: String,
    },
}
