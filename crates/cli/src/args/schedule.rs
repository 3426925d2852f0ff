//! The words of `lastseen schedule`.

use std::time::Duration;

use clap::{Args, Subcommand};
use lastseen_model::TenantId;

use super::SelectionArgs;
use crate::config::parse_length;

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Make a schedule; a worker (`lastseen serve`) keeps it
    #[command(after_help = "\
Examples:
  lastseen schedule add everything --cron \"0 */4 * * *\" --all-tenants
  lastseen schedule add nightly --cron \"30 2 * * *\" --time-zone Europe/Berlin --tenants 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 \\
      --categories Compliance
  lastseen schedule add fleet --cron @hourly --all-tenants --jitter 45m

The five fields of a cron text: minute, hour, day of the month, month, day of the week (0 or SUN to 6 or SAT); in each *, lists 1,2,
ranges 1-5, steps */4. Or one of @hourly, @daily, @weekly, @monthly, @yearly. A time that the clock leaves out when it is put forward comes
once then; one that it shows twice comes the first time. What was missed while no worker ran is made up for once.")]
    Add(AddSchedule),
    /// List the schedules, and when each is due next
    #[command(after_help = "Example:\n  lastseen schedule list")]
    List,
    /// Show one schedule, and its next five times
    #[command(after_help = "Example:\n  lastseen schedule show nightly")]
    Show {
        /// Its name
        name: String,
    },
    /// Let a schedule rest; nothing is made up for later
    #[command(after_help = "Example:\n  lastseen schedule pause nightly")]
    Pause {
        /// Its name
        name: String,
    },
    /// Let a schedule go on, from its next time
    #[command(after_help = "Example:\n  lastseen schedule resume nightly")]
    Resume {
        /// Its name
        name: String,
    },
    /// Take a schedule away; the runs that it asked for stay
    #[command(after_help = "Example:\n  lastseen schedule remove nightly")]
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddSchedule {
    /// Its name: letters, digits, `-`, `_` and `.`, at most 64
    pub(crate) name: String,
    /// When: a cron text of five fields, or a word such as @daily
    #[arg(long, value_name = "TEXT")]
    pub(crate) cron: String,
    /// In which time zone, by its IANA name
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) time_zone: String,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// For these tenants, joined by commas
    #[arg(long, value_name = "GUID", value_delimiter = ',', conflicts_with = "all_tenants")]
    pub(crate) tenants: Vec<TenantId>,
    /// For every tenant, those that come later too
    #[arg(long)]
    pub(crate) all_tenants: bool,
    /// Over how long the tenants spread out after each time (0s to 24h); by default not at all for one tenant, else 10m
    #[arg(long, value_name = "TIME", value_parser = parse_length)]
    pub(crate) jitter: Option<Duration>,
}
