//! The words of `lastseen token`.

use std::time::Duration;

use clap::{Args, Subcommand};
use lastseen_model::{Role, TenantId};

use super::words;
use crate::config::parse_length;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown once, on standard output
    #[command(after_help = "\
Examples:
  lastseen token create --name dashboard --role reader --all-tenants
  lastseen token create --name ci --role operator --tenants 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 --expires-in 30d > token

What each role may do, and no less than the one before it: reader asks; operator starts and cancels runs, notes on missing items, keeps
schedules; admin adds, changes and removes tenants, and gives tokens. Kept of a token is a hash: who loses it makes another.")]
    Create(CreateToken),
    /// List the tokens: what each may do, until when, and when it was last used
    #[command(after_help = "Example:\n  lastseen token list")]
    List,
    /// Take a token back; from now on it is good for nothing
    #[command(after_help = "Example:\n  lastseen token revoke 0192f3c1")]
    Revoke {
        /// The token's id, or any beginning or end of it that only one token has; or its name, if only one has it
        token: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    /// What it is for, in your words (1 to 100 characters); what is done with it is noted under this name
    #[arg(long)]
    pub(crate) name: String,
    /// What its holder may do: reader, operator or admin
    #[arg(long, value_name = "ROLE", value_parser = words::<Role, _>(Role::ALL.iter().map(|role| role.as_str())))]
    pub(crate) role: Role,
    /// To these tenants, joined by commas
    #[arg(long, value_name = "GUID", value_delimiter = ',', conflicts_with = "all_tenants")]
    pub(crate) tenants: Vec<TenantId>,
    /// To every tenant, those that come later too
    #[arg(long)]
    pub(crate) all_tenants: bool,
    /// How long it is good for (1m to 730d)
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_length)]
    pub(crate) expires_in: Duration,
}
