//! Settings: the command line over the environment over `lastseen.toml` over what the program would do by itself.

mod access;
mod api;
mod contracts;
mod database;
mod file;
mod here;
#[cfg(test)]
mod keys;
mod worker;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use lastseen_contracts::{Overrides, Registry};
use lastseen_engine::{EngineSettings, WorkerSettings};
use lastseen_graph::{GraphSettings, Origin};
use lastseen_model::{Guard, Limits, TenantId};
use lastseen_store_postgres::PoolSettings;

pub(crate) use self::access::{AccessConfig, HOW_TO_SIGN_IN};
pub(crate) use self::database::Database;
use self::file::{ApiConfig, GraphConfig, GuardConfig, Length, LimitsConfig, RunConfig};
pub(crate) use self::file::{FileConfig, parse_length};
#[cfg(test)]
pub(crate) use self::here::not_from_here;
#[cfg(test)]
pub(crate) use self::keys::KEYS;
use crate::args::Global;
use crate::problem::Problem;

/// The file's name.
const FILE: &str = "lastseen.toml";
/// A configuration is small; a file beyond this is another one.
const FILE_CAP: u64 = 1 << 20;

/// Everything a command may need to know, checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) database: Database,
    pub(crate) graph: GraphSettings,
    pub(crate) engine: EngineSettings,
    worker: WorkerSettings,
    pub(crate) names: BTreeMap<TenantId, String>,
    /// The contracts, under this installation's overrides.
    pub(crate) registry: Arc<Registry>,
    /// Those overrides.
    pub(crate) overrides: Overrides,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) access: AccessConfig,
    api: ApiConfig,
}

impl Config {
    /// Reads the file and the environment.
    pub(crate) fn load(global: &Global) -> Result<Self, Problem> {
        let (file, files) = read_files(global.config.as_deref().filter(|name| !name.is_empty()).map(Path::new))?;
        // An empty variable is as good as none.
        let url = global.database.clone().filter(|url| !url.is_empty()).or(file.database_url);
        let pool = PoolSettings {
            connections: between("database_connections", file.database_connections, 1, 500)?.unwrap_or(PoolSettings::default().connections),
            ..PoolSettings::default()
        };
        let database = match url {
            Some(url) => Database::parse(&url, pool)?,
            None => Database::File(default_database()?),
        };
        let (registry, overrides) =
            contracts::registry(variable("LASTSEEN_CONTRACT_OVERRIDES")?.map(PathBuf::from).or(file.graph.contract_overrides.clone()))?;
        Ok(Self {
            database,
            files,
            access: AccessConfig::load(&file.graph)?,
            api: file.api,
            graph: graph_settings(&file.graph)?,
            registry,
            overrides,
            engine: engine_settings(&file.run, &file.limits, &file.guard)?,
            worker: worker::of_file(&file.worker)?,
            names: file.tenants.into_iter().map(|(tenant, config)| (tenant, config.name)).collect(),
        })
    }

    /// The surroundings of the demo: the simulator as Graph, and nothing read from this machine.
    pub(crate) fn for_demo(
        database: &Path,
        origin: &Origin,
        client_id: &str,
        secret: String,
        names: BTreeMap<TenantId, String>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            database: Database::File(database.to_owned()),
            graph: GraphSettings::default(),
            engine: EngineSettings::default(),
            worker: WorkerSettings::default(),
            names,
            registry: Arc::new(Registry::builtin().clone()),
            overrides: Overrides::default(),
            files: Vec::new(),
            access: AccessConfig::for_demo(origin, client_id, secret)?,
            api: ApiConfig::default(),
        })
    }
}

/// The file that is named; else the user's, and what the one in this folder may add to it. And which were read.
fn read_files(given: Option<&Path>) -> Result<(FileConfig, Vec<PathBuf>), Problem> {
    if let Some(path) = given {
        return Ok((config_of(path, read_table(path)?)?, vec![path.to_owned()]));
    }
    let here = Path::new(FILE);
    let users = places().ok().map(|places| places.in_config_dir(FILE)).filter(|path| path.is_file());
    let mut settings = users.as_deref().map(read_table).transpose()?.unwrap_or_default();
    let mut read: Vec<PathBuf> = users.into_iter().collect();
    if here.is_file() {
        let added = read_table(here)?;
        here::allowed(&added)?;
        here::lay_over(&mut settings, added);
        read.push(here.to_owned());
    }
    Ok((config_of(here, settings)?, read))
}

/// The settings of a file, each of them checked.
fn read_table(path: &Path) -> Result<toml::Table, Problem> {
    let text = read_capped(path, FILE_CAP).map_err(|problem| Problem::usage(format!("the configuration file {problem}")))?;
    parse(&text).map_err(|because| unusable(path, because))?;
    text.parse().map_err(|_| unusable(path, "it is no TOML".to_owned()))
}

/// What settings come to that were checked in their files.
fn config_of(path: &Path, settings: toml::Table) -> Result<FileConfig, Problem> {
    settings.try_into().map_err(|_| unusable(path, "its settings do not fit those of the user's own file".to_owned()))
}

fn unusable(path: &Path, because: String) -> Problem {
    Problem::usage(format!("{} can't be used", path.display())).with("because", because).next("docs/configuration.md has every key")
}

/// Reads the file's text. The parser's own message quotes lines and values, and someone may have put a secret there: what is
/// told is the line's number and what is wrong with it.
fn parse(text: &str) -> Result<FileConfig, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let message = error.message();
        let quotes_a_value =
            ["invalid type", "invalid value", "invalid length", "unknown variant"].iter().any(|beginning| message.starts_with(beginning));
        let what = match message {
            message if message.contains("`client_secret`,") => {
                "a client secret does not belong here; use client_secret_file or credential".to_owned()
            }
            // What is expected comes last, and is ours; the value before it is not told.
            message if message.starts_with("unknown variant") && message.contains(", expected ") => {
                let expected = message.rsplit(", expected ").next().unwrap_or_default();
                format!("the value is unknown here: expected {expected}")
            }
            _ if quotes_a_value => "the value is of the wrong kind; docs/configuration.md has the right one".to_owned(),
            message => message.to_owned(),
        };
        format!("line {line}: {what}")
    })
}

/// The text of a regular file that is no longer than that.
pub(crate) fn read_capped(path: &Path, cap: u64) -> Result<String, String> {
    let refused = |error: std::io::Error| format!("{} can't be read: {error}", path.display());
    // Asked before it is opened: opening a pipe waits for a writer.
    if !std::fs::metadata(path).map_err(refused)?.is_file() {
        return Err(format!("{} is not a regular file", path.display()));
    }
    let mut text = String::new();
    std::fs::File::open(path).map_err(refused)?.take(cap + 1).read_to_string(&mut text).map_err(refused)?;
    if text.len() as u64 > cap { Err(format!("{} is larger than {cap} bytes", path.display())) } else { Ok(text) }
}

fn graph_settings(file: &GraphConfig) -> Result<GraphSettings, Problem> {
    let defaults = GraphSettings::default();
    Ok(GraphSettings {
        request_timeout: within("graph.request_timeout", file.request_timeout, 1, 600)?.unwrap_or(defaults.request_timeout),
        max_attempts: between("graph.retry_tries", file.retry_tries, 1, 20)?.unwrap_or(defaults.max_attempts),
        page_budget: within("graph.retry_budget", file.retry_budget, 1, 3_600)?.unwrap_or(defaults.page_budget),
        retry_after_ceiling: within("graph.retry_after_ceiling", file.retry_after_ceiling, 1, 3_600)?
            .unwrap_or(defaults.retry_after_ceiling),
        body_cap: between("graph.body_cap_mib", file.body_cap_mib, 1, 1_024)?.map_or(defaults.body_cap, |mib| mib << 20),
        page_cap: between("graph.page_cap", file.page_cap, 1, 1_000_000)?.unwrap_or(defaults.page_cap),
        tenant_concurrency: between("graph.requests_at_once", file.requests_at_once, 1, 64)?.unwrap_or(defaults.tenant_concurrency),
        share_percent: between("graph.share_percent", file.share_percent, 1, 100)?.unwrap_or(defaults.share_percent),
        ..defaults
    })
}

fn engine_settings(file: &RunConfig, limits: &LimitsConfig, guard: &GuardConfig) -> Result<EngineSettings, Problem> {
    let defaults = EngineSettings::default();
    let settings = EngineSettings {
        lease: within("run.lease", file.lease, 10, 3_600)?.unwrap_or(defaults.lease),
        renew_every: within("run.renew_every", file.renew_every, 1, 1_800)?.unwrap_or(defaults.renew_every),
        pending_for: within("run.pending_for", file.pending_for, 10, 86_400)?.unwrap_or(defaults.pending_for),
        queued_for: within("run.queued_for", file.queued_for, 60, 604_800)?.unwrap_or(defaults.queued_for),
        store_patience: within("run.store_patience", file.store_patience, 1, 3_600)?.unwrap_or(defaults.store_patience),
        paths_at_once: between("run.paths_at_once", file.paths_at_once, 1, 64)?.unwrap_or(defaults.paths_at_once),
        limits: Limits {
            global: between("limits.global", limits.global, 1, 10_000)?.unwrap_or(defaults.limits.global),
            per_tenant: between("limits.per_tenant", limits.per_tenant, 1, 100)?.unwrap_or(defaults.limits.per_tenant),
        },
        guard: Guard {
            min_items: between("guard.min_items", guard.min_items, 1, 1_000_000)?.unwrap_or(defaults.guard.min_items),
            percent: between("guard.percent", guard.percent, 0, 100)?.unwrap_or(defaults.guard.percent),
        },
        ..defaults
    };
    if settings.renew_every + settings.lease_margin >= settings.lease {
        return Err(Problem::usage(
            "run.renew_every must be shorter than run.lease by more than 5 s, or the lease is lost between two renewals",
        ));
    }
    Ok(settings)
}

fn within(key: &str, value: Option<Length>, from: u64, to: u64) -> Result<Option<Duration>, Problem> {
    match value {
        Some(Length(length)) if !(Duration::from_secs(from)..=Duration::from_secs(to)).contains(&length) => {
            Err(Problem::usage(format!("{key} must be between {from}s and {to}s")))
        }
        value => Ok(value.map(|Length(length)| length)),
    }
}

fn between<T: PartialOrd + std::fmt::Display + Copy>(key: &str, value: Option<T>, from: T, to: T) -> Result<Option<T>, Problem> {
    match value {
        Some(value) if value < from || value > to => Err(Problem::usage(format!("{key} must be between {from} and {to}"))),
        value => Ok(value),
    }
}

fn default_database() -> Result<PathBuf, Problem> {
    Ok(places()?.in_data_dir("lastseen.db"))
}

fn places() -> Result<impl AppStrategy, Problem> {
    let app = AppStrategyArgs { top_level_domain: "dev".into(), author: "lastseen".into(), app_name: "lastseen".into() };
    choose_app_strategy(app)
        .map_err(|_| Problem::usage("this user has no home directory").next("name a database with --database sqlite:PATH"))
}

/// The user of this machine, for notes.
pub(crate) fn user_name() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| variable(name).ok().flatten())
}

/// Whether the terminal shows more than ASCII, by what the environment says of it. Where that says nothing it does: every terminal of
/// today does, and containers say nothing.
pub(crate) fn shows_unicode() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).ok().flatten());
    said.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// A variable of the environment; empty is unset.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Result<Option<String>, Problem> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Problem::usage(format!("{name} is not valid UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("15s", 15)]
    #[case("5m", 300)]
    #[case("2h", 7_200)]
    #[case("7d", 604_800)]
    fn a_length_of_time_reads_as_people_write_it(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(parse_length(text), Ok(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case("")]
    #[case("soon")]
    #[case("-5s")]
    #[case("d")]
    #[case("99999999999999999999d")]
    fn what_is_no_length_of_time_is_refused(#[case] text: &str) {
        assert!(parse_length(text).is_err());
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = parse("\n[graph]\nclient_sekret = 'x'").expect_err("refused");
        assert!(error.starts_with("line 3: ") && error.contains("client_sekret"), "{error}");
    }

    #[rstest]
    #[case("[graph]\nclient_secret = 'canary-4711'")]
    #[case("[graph]\nretry_tries = 'canary-4711'")]
    #[case("[graph]\nrequest_timeout = 'canary-4711'")]
    #[case("[tenants.canary-4711]\nname = 'x'")]
    #[case("[limits]\nglobal = canary-4711")]
    #[case("[api]\nlisten = 'canary-4711'")]
    #[case("[api.oidc]\nissuer = 'x'\naudience = 'x'\n[[api.oidc.grants]]\nvalue = 'x'\nrole = 'canary-4711'\ntenants = 'all'")]
    #[case("[api.oidc]\nissuer = 'x'\naudience = 'x'\n[[api.oidc.grants]]\nvalue = 'x'\nrole = 'reader'\ntenants = 'canary-4711'")]
    #[case("canary-4711")]
    fn i17_no_value_of_the_file_is_told_in_an_error(#[case] text: &str) {
        let error = parse(text).expect_err("refused");
        assert!(!error.contains("4711"), "{error}");
    }

    #[rstest]
    #[case("role = 'owner'\ntenants = 'all'", "line 6: the value is unknown here: expected one of `reader`, `operator`, `admin`")]
    #[case("role = 'reader'\ntenants = 'some'", "`tenants` must be \"all\", or a list of tenant GUIDs; docs/operations.md has an example")]
    #[case(
        "role = 'reader'\ntenants = ['contoso.com']",
        "`tenants` must be \"all\", or a list of tenant GUIDs; docs/operations.md has an example"
    )]
    fn what_a_grant_may_say_is_told_by_its_line(#[case] grant: &str, #[case] message: &str) {
        let error =
            parse(&format!("[api.oidc]\nissuer = 'x'\naudience = 'x'\n[[api.oidc.grants]]\nvalue = 'x'\n{grant}")).expect_err("refused");
        assert!(error.starts_with("line ") && error.contains(message), "{error}");
    }

    #[test]
    fn a_lease_that_would_be_lost_between_two_renewals_is_refused() {
        let run = RunConfig {
            lease: Some(Length(Duration::from_secs(20))),
            renew_every: Some(Length(Duration::from_secs(16))),
            ..RunConfig::default()
        };
        let problem = engine_settings(&run, &LimitsConfig::default(), &GuardConfig::default()).expect_err("refused");
        assert!(problem.what.starts_with("run.renew_every"));
    }
}
