//! The command line's words.

mod diff;
mod doctor;
mod runs;
mod schedule;
mod serve;
mod status;
mod tenant;
mod timeline;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use lastseen_model::listing::UnknownWord;
use lastseen_model::{Confidence, ExternalId, PolicyType, Reference, SelectionHash, TenantId};

pub(crate) use self::diff::Diff;
pub(crate) use self::doctor::Doctor;
pub(crate) use self::runs::{Runs, RunsCommand};
pub(crate) use self::schedule::{AddSchedule, ScheduleCommand};
pub(crate) use self::serve::{Role, Serve};
pub(crate) use self::status::Status;
pub(crate) use self::tenant::{AddTenant, TenantCommand, Unset};
pub(crate) use self::timeline::Timeline;
pub(crate) use self::token::{CreateToken, TokenCommand};

/// What was last seen in every Intune tenant, what is missing since, and how far to trust that.
#[derive(Debug, Parser)]
#[command(
    name = "lastseen",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  lastseen demo                                   see it work, without a tenant
  lastseen sync --tenant 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10
  lastseen missing                                what is gone, and how sure that is
  lastseen explain deviceConfiguration <id>       why one item counts as it does

Exit codes: 0 success; 1 failed; 2 usage, configuration, or anything that stopped before a run existed;
3 the run was partial; 4 the run was skipped."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// What to log. Nobody waits for a process that serves, so its log is where it says what went wrong and was mended.
    pub(crate) fn log_filter(&self) -> &str {
        let by_default = if matches!(self.command, Command::Serve(_)) { "warn" } else { "error" };
        self.global.log.as_deref().filter(|filter| !filter.is_empty()).unwrap_or(by_default)
    }
}

/// One word of a closed set, with the set in the help and in the refusal.
fn words<T, W>(words: W) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = UnknownWord> + Clone + Send + std::marker::Sync + 'static,
    W: IntoIterator<Item = &'static str>,
{
    PossibleValuesParser::new(words).try_map(|word| word.parse::<T>())
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The tenant, by its Entra GUID; by default the only one the database knows
    #[arg(long, global = true, value_name = "GUID", help_heading = "Everywhere")]
    pub(crate) tenant: Option<TenantId>,
    /// The database: sqlite:PATH, a path, or postgres://user@host/database; by default a file in the user's data directory
    #[arg(long, global = true, value_name = "URL", env = "LASTSEEN_DATABASE_URL", hide_env_values = true, help_heading = "Everywhere")]
    pub(crate) database: Option<String>,
    /// How to print: tables for people, JSON for programs (on standard output alone)
    #[arg(long, global = true, value_enum, default_value_t = Output::Table, help_heading = "Everywhere")]
    pub(crate) output: Output,
    /// Print ids and names whole, however wide that is
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) wide: bool,
    /// The configuration file; by default lastseen.toml here, else in the user's configuration directory
    #[arg(long, global = true, value_name = "FILE", env = "LASTSEEN_CONFIG", hide_env_values = true, help_heading = "Everywhere")]
    pub(crate) config: Option<OsString>,
    /// What to log to standard error: error, warn, info, debug or trace, or a filter such as lastseen_graph=debug; by default error,
    /// and warn of `serve`
    #[arg(long, global = true, value_name = "FILTER", env = "LASTSEEN_LOG", hide_env_values = true, help_heading = "Everywhere")]
    pub(crate) log: Option<String>,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it all on made-up tenants: no configuration, no network but this machine
    Demo(Demo),
    /// Read policies from Microsoft Graph and note what was seen
    #[command(after_help = "\
Examples:
  lastseen sync --tenant 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10
  lastseen sync --types deviceConfiguration,deviceCompliancePolicy
  lastseen sync --all-tenants --categories \"Conditional access\" --on-limit wait
  lastseen sync --all-tenants --queue             leave it to the workers (see `lastseen serve`)

Reads LASTSEEN_CLIENT_ID and LASTSEEN_CLIENT_SECRET, or LASTSEEN_CLIENT_SECRET_FILE, or LASTSEEN_CREDENTIAL for a certificate
(certificate:/path), a workload identity (federated:$AZURE_FEDERATED_TOKEN_FILE) or managed-identity; LASTSEEN_CLOUD names another
cloud than the global one. With --queue it needs none of them.
Exit code 0: success, or queued, 1: failed, 2: no run was made, 3: partial, 4: skipped.")]
    Sync(Sync),
    /// Stay: answer the API, work on queued runs, and keep the schedules, for every tenant
    #[command(after_help = "\
Examples:
  lastseen serve
  lastseen serve --role worker --runs-at-once 8 --drain-for 2m
  lastseen serve --role api --listen 0.0.0.0:8480 --tls-certificate cert.pem --tls-key key.pem
  lastseen serve --listen 10.0.0.7:8480 --plain-http   behind a proxy that speaks TLS

Start as many as you like, on as many machines as reach the database: the limits hold for all of them together, and each run and each
time of a schedule is taken by one. `--role api` needs no credential for Microsoft Graph. Whoever asks the API shows a token
(`lastseen token create`). Beyond this machine it listens only with TLS, or with --plain-http.
Ctrl-C or SIGTERM: listens no more, answers what it was asked, takes no more runs and lets those it has end; what still runs after
--drain-for is cancelled. A second time: cancels at once. Either way it ends with exit code 0.")]
    Serve(Serve),
    /// Make the schema of a PostgreSQL database, or bring it to the newest version
    #[command(after_help = "\
Example:
  lastseen migrate --database postgres://lastseen_owner@db.example/lastseen --app-role lastseen_app

To be run with the owner's address, before a newer Lastseen is started; as often as you like. The roles and the database must exist:
docs/operations.md says how to make them. A SQLite file is migrated by whoever opens it.")]
    Migrate(Migrate),
    /// Say whether a sync would succeed, and what is in its way
    #[command(after_help = "\
Examples:
  lastseen doctor --tenant 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10
  lastseen doctor --types deviceManagementScript
  lastseen doctor --probe --save overrides.toml    see what each path takes, and keep what is better than what is shipped

Looks at the configuration, the database, the sign-in, the permissions in the token against those that the selection needs, and asks
Graph a few small questions. Nothing is written to Graph, nor recorded. Exit code 0: a sync would succeed, 1: it would not.")]
    Doctor(Doctor),
    /// Make tenants known, change how they are reached, take them out
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Give out the API's tokens, list them, take them back
    #[command(subcommand)]
    Token(TokenCommand),
    /// Let runs come by themselves: cron text, time zone, tenants
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// How it all stands: what runs, what waits, what is stale, what failed and why
    #[command(after_help = "\
Examples:
  lastseen status
  lastseen status --watch
  lastseen status --stale-after 6h --check        for a monitor: exit code 1 when something needs somebody

Over all tenants, or one with --tenant. A selection is failing when its latest completed run failed or is partial, and stale when that was
a success too long ago. Exit code 0; with --check 1 when something is failing, stale or was never synced, or when no worker looks at a
schedule that is due.")]
    Status(Status),
    /// List sync runs, show one, or cancel one
    #[command(args_conflicts_with_subcommands = true)]
    Runs(Runs),
    /// List what is known, with when it was last seen
    #[command(after_help = "\
Examples:
  lastseen items --category Compliance --platform windows
  lastseen items --search baseline
  lastseen items --not-seen-since 7d")]
    Items(Items),
    /// List the selections that were synced: their hashes, what they select, their last run
    Selections,
    /// What is missing against the last completed run, and how sure that is
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "\
Examples:
  lastseen missing
  lastseen missing --confidence high
  lastseen missing --reference latest-complete    only what each type's last complete listing says
  lastseen missing --since 7d --output json"
    )]
    Missing(Missing),
    /// Show every listing that bears on one item, and why it counts as it does
    #[command(after_help = "Example:\n  lastseen explain deviceCompliancePolicy 5f1c7e0a-9a75-4f52-8e55-0c3a4a3f9b11")]
    Explain(Explain),
    /// One item over the runs, as a strip: when it was seen, when not, and since when it is gone
    #[command(after_help = "Example:\n  lastseen timeline deviceCompliancePolicy 5f1c7e0a-9a75-4f52-8e55-0c3a4a3f9b11")]
    Timeline(Timeline),
    /// What became of the items between two runs of one selection: appeared, gone, reappeared, changed
    #[command(after_help = "\
Examples:
  lastseen diff 018d2f40 0192f3c1
  lastseen diff 018d2f40 0192f3c1 --kind gone --confidence high
  lastseen diff 018d2f40 0192f3c1 --all           each one with low confidence too, instead of how many there are

The runs in any order: the older is the one that was claimed first. Exit code 0, whatever the difference.")]
    Diff(Diff),
    /// List the policy types: category, path, permission, and which are off unless named
    Types,
    /// Print the canonical text and the hash of a selection
    #[command(after_help = "Example:\n  lastseen hash --types deviceConfiguration --categories Compliance")]
    Hash(SelectionArgs),
    /// Serve a made-up Microsoft Graph on this machine, to try things against
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to keep the demo's database; by default a new file in the system's temporary directory
    #[arg(long, value_name = "FILE")]
    pub(crate) keep: Option<PathBuf>,
}

/// A selection, in names.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionArgs {
    /// These policy types, by key (see `lastseen types`): several joined by commas, or the flag repeated
    #[arg(long, alias = "type", value_name = "TYPE", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// All listed types of these categories, beside those of --types
    #[arg(long, alias = "category", value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Every tenant the database knows, one after another
    #[arg(long, conflicts_with = "tenant")]
    pub(crate) all_tenants: bool,
    /// What to do when as many runs as allowed are running
    #[arg(long, value_enum, default_value_t = OnLimit::Skip)]
    pub(crate) on_limit: OnLimit,
    /// Put the runs into the queue for a worker, and do not wait for them
    #[arg(long, conflicts_with = "on_limit")]
    pub(crate) queue: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnLimit {
    /// Record a skipped run
    Skip,
    /// Wait for a slot
    Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The role that Lastseen works with; it gets the rights that it needs, and no others
    #[arg(long, value_name = "ROLE")]
    pub(crate) app_role: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Items {
    /// Only these types
    #[arg(long = "type", alias = "types", value_name = "TYPE", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// Only these categories
    #[arg(long = "category", alias = "categories", value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) categories: Vec<String>,
    /// Only this platform: android, ios, macos, windows, linux, ...
    #[arg(long)]
    pub(crate) platform: Option<String>,
    /// Only whose name or id holds this text, whatever the case
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only those last seen before this time: 2026-01-31, 2026-01-31T06:00:00Z, or so long ago: 7d, 12h
    #[arg(long, value_name = "TIME")]
    pub(crate) not_seen_since: Option<String>,
    #[command(flatten)]
    pub(crate) page: Page,
}

#[derive(Debug, Args)]
pub(crate) struct Page {
    /// At most this many
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Go on where an earlier answer's `next_cursor` says
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Missing {
    #[command(subcommand)]
    pub(crate) command: Option<MissingCommand>,
    #[command(flatten)]
    pub(crate) names: SelectionArgs,
    /// The selection by its hash, instead of names
    #[arg(long, value_name = "HASH", conflicts_with_all = ["types", "categories"])]
    pub(crate) selection: Option<SelectionHash>,
    /// Only with this confidence: high or low
    #[arg(long, value_name = "CONFIDENCE", value_parser = words::<Confidence, _>(["high", "low"]))]
    pub(crate) confidence: Option<Confidence>,
    /// Which run the answer refers to
    #[arg(long, value_enum, default_value_t = ReferenceArg::LatestCompleted)]
    pub(crate) reference: ReferenceArg,
    /// Only those missing since this time or later: 2026-01-31, 2026-01-31T06:00:00Z, or so long ago: 7d, 12h
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Also those that were acknowledged
    #[arg(long)]
    pub(crate) acknowledged: bool,
    #[command(flatten)]
    pub(crate) page: Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(clippy::enum_variant_names, reason = "the references are called so")]
pub(crate) enum ReferenceArg {
    /// The latest run that ended, however it ended
    #[value(alias = "latest_completed")]
    LatestCompleted,
    /// The latest run that succeeded
    #[value(alias = "latest_success")]
    LatestSuccess,
    /// For each type the newest run that listed it completely
    #[value(alias = "latest_complete")]
    LatestComplete,
}

impl From<ReferenceArg> for Reference {
    fn from(arg: ReferenceArg) -> Self {
        match arg {
            ReferenceArg::LatestCompleted => Self::LatestCompleted,
            ReferenceArg::LatestSuccess => Self::LatestSuccess,
            ReferenceArg::LatestComplete => Self::LatestComplete,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum MissingCommand {
    /// Note on a missing item; it stays out of the list until it is seen again
    Ack {
        /// The policy type
        policy_type: PolicyType,
        /// Graph's id of the item
        external_id: ExternalId,
        /// What you know about it
        #[arg(long, default_value = "")]
        note: String,
        /// Who says so; by default the user of this machine
        #[arg(long)]
        author: Option<String>,
    },
    /// Take a note back
    Unack {
        /// The policy type
        policy_type: PolicyType,
        /// Graph's id of the item
        external_id: ExternalId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The policy type
    pub(crate) policy_type: PolicyType,
    /// Graph's id of the item
    pub(crate) external_id: ExternalId,
}

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 8490)]
    pub(crate) port: u16,
    /// How many tenants to make up
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) tenants: u32,
    /// Objects of each type
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) size: u32,
    /// Objects of one type, as type=number; may be repeated
    #[arg(long, value_name = "TYPE=N")]
    pub(crate) size_of: Vec<String>,
    /// What the world is made from: the same number makes the same world
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How long each answer takes, e.g. 100ms
    #[arg(long, value_name = "TIME")]
    pub(crate) latency: Option<String>,
    /// Throttle as Intune does: 1,000 requests in 20 s for each tenant
    #[arg(long)]
    pub(crate) throttle: bool,
    /// A fault script (TOML or JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
}

#[cfg(test)]
mod bounds_tests;
