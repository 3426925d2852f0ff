//! What the commands share: settings, the database, the tenant meant.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use lastseen_contracts::Registry;
use lastseen_engine::{Engine, TenantAccess};
use lastseen_graph::{Endpoints, GraphClient, TokioTimer};
use lastseen_model::{CredentialRef, Selection, TenantId, Tenants};
use lastseen_store::{Store, TenantRecord, TenantScope};

use crate::args::{Global, SelectionArgs};
use crate::config::{Config, Database, parse_length};
use crate::output::first_few;
use crate::problem::Problem;

/// A command's surroundings.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) tenant: Option<TenantId>,
    /// The database once it is open, to be closed in the end.
    opened: OnceLock<Arc<dyn Store>>,
    /// The same for connections beside those.
    beside: OnceLock<Arc<dyn Store>>,
}

/// The tenant that is meant, as a right and as a name.
pub(crate) struct Tenant {
    pub(crate) scope: TenantScope,
    pub(crate) name: Option<String>,
    /// How it is reached, where that is not as the configuration says.
    pub(crate) access: TenantAccess,
    /// Where the credential is kept that signs in to it.
    pub(crate) credential: Option<CredentialRef>,
    /// Where it is asked.
    pub(crate) endpoints: Endpoints,
}

impl Tenant {
    /// Its name, or the beginning of its id where it has none.
    pub(crate) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.scope.tenant().to_string())
    }
}

impl App {
    pub(crate) fn new(global: &Global) -> Result<Self, Problem> {
        Ok(Self::with(Config::load(global)?, global.tenant))
    }

    /// These surroundings.
    pub(crate) fn with(config: Config, tenant: Option<TenantId>) -> Self {
        Self { config, tenant, opened: OnceLock::new(), beside: OnceLock::new() }
    }

    /// The database, made where there is none.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, Problem> {
        let store = self.config.database.open().await?;
        // A command opens its database once.
        Ok(Arc::clone(self.opened.get_or_init(|| store)))
    }

    /// The database for work beside that of `store`, which must not wait for it: with as many connections again. A file has one writer, whom
    /// all wait for in turn, and readers that a writer never waits for: there it is the same store.
    pub(crate) async fn open_beside(&self, store: &Arc<dyn Store>) -> Result<Arc<dyn Store>, Problem> {
        let beside = match self.config.database {
            Database::File(_) => Arc::clone(store),
            Database::Server(..) => self.config.database.open().await?,
        };
        Ok(Arc::clone(self.beside.get_or_init(|| beside)))
    }

    /// Closes the database, if it was opened: a server that is left without a word notes it as an error.
    pub(crate) async fn close(&self) {
        for store in [&self.beside, &self.opened].into_iter().filter_map(OnceLock::get) {
            store.close().await;
        }
    }

    /// The database, which must be there: a question makes no database.
    pub(crate) async fn open_existing(&self) -> Result<Arc<dyn Store>, Problem> {
        if let Some(path) = self.config.database.missing_file() {
            return Err(Problem::usage(format!("there is no database at {} yet", path.display()))
                .next("make one by syncing a tenant: lastseen sync --tenant <GUID>\nor name another with --database"));
        }
        self.open().await
    }

    /// The tenant of a question: the one named, else the only one the database knows. A removed tenant must be named: what was seen of
    /// it can still be asked for, but it is never meant by saying nothing.
    pub(crate) async fn known_tenant(&self, store: &dyn Store) -> Result<Tenant, Problem> {
        let known = store.tenants().await?;
        let active: Vec<&TenantRecord> = active(&known).collect();
        match (self.tenant, active.as_slice()) {
            (Some(tenant), _) => match known.iter().find(|known| known.tenant_id == tenant) {
                Some(record) => Ok(self.tenant_of(record.tenant_id, &known)),
                None => Err(Problem::usage(format!("this database does not know the tenant {tenant}")).next(match active.as_slice() {
                    [] => "sync it first: lastseen sync --tenant <GUID>".to_owned(),
                    active => format!("name one of these with --tenant:\n{}", names(active, &self.config.names)),
                })),
            },
            (None, [only]) => Ok(self.tenant_of(only.tenant_id, &known)),
            (None, []) if !known.is_empty() => Err(Problem::usage("every tenant that this database knows was removed").next(format!(
                "name one with --tenant to see what was seen of it:\n{}",
                names(&known.iter().collect::<Vec<_>>(), &self.config.names)
            ))),
            (None, []) => Err(Problem::usage("this database knows no tenant yet").next("sync one: lastseen sync --tenant <GUID>")),
            (None, several) => Err(Problem::usage("this database knows several tenants")
                .next(format!("name one of these with --tenant:\n{}", names(several, &self.config.names)))),
        }
    }

    /// Tenants in a few words: `every tenant`, or their names.
    pub(crate) fn tenants_words(&self, tenants: &Tenants, known: &[TenantRecord]) -> String {
        match tenants {
            Tenants::All => "every tenant".to_owned(),
            Tenants::Some(some) if some.is_empty() => "no tenant".to_owned(),
            Tenants::Some(some) => {
                let labels: Vec<String> = some.iter().map(|tenant| self.tenant_of(*tenant, known).label()).collect();
                first_few(&labels.iter().map(String::as_str).collect::<Vec<_>>())
            }
        }
    }

    /// A tenant by what the configuration, else the database, says of it.
    #[expect(clippy::disallowed_methods, reason = "the command line is one of the places that may open the door to a tenant")]
    pub(crate) fn tenant_of(&self, tenant: TenantId, known: &[TenantRecord]) -> Tenant {
        let record = known.iter().find(|record| record.tenant_id == tenant);
        let access = record.map_or_else(|| TenantAccess::of(tenant), |record| TenantAccess::from(record.clone()));
        Tenant {
            scope: TenantScope::assume(tenant),
            name: name_of(&self.config.names, tenant, record).map(str::to_owned),
            credential: access.credential.clone().or_else(|| self.config.access.credential().cloned()),
            endpoints: self.config.access.endpoints_of(access.cloud),
            access,
        }
    }

    /// The engine. Each run's credential is read when the run begins.
    pub(crate) fn engine(&self, store: Arc<dyn Store>) -> Result<Engine, Problem> {
        let timer = Arc::new(TokioTimer::default());
        let cannot = |error| Problem::usage(format!("the client for Microsoft Graph can't be set up: {error}"));
        let graph = GraphClient::new(self.config.graph.clone(), timer.clone()).map_err(cannot)?;
        graph.prepare(&self.config.access.endpoints()).map_err(cannot)?;
        let accesses = self.config.access.accesses(timer.clone());
        let engine = Engine::new(store, graph, accesses, timer, lastseen_engine::new_worker_id(), self.config.engine.clone());
        Ok(engine.with_registry(self.config.registry.clone()))
    }

    /// Finds out whether a credential can be read, before there is a run that would fail for it: those of these tenants, or the configured
    /// one where there are none yet. One that can be is enough: what is wrong with the others, their own runs say.
    pub(crate) async fn check_credentials(&self, tenants: &[&TenantAccess]) -> Result<(), Problem> {
        let timer = TokioTimer::default();
        let Some((first, others)) = tenants.split_first() else { return self.config.access.check(None, &timer).await };
        let Err(problem) = self.config.access.check(Some(first), &timer).await else { return Ok(()) };
        for other in others {
            if self.config.access.check(Some(other), &timer).await.is_ok() {
                return Ok(());
            }
        }
        Err(problem)
    }
}

/// The tenants that were not removed.
pub(crate) fn active(known: &[TenantRecord]) -> impl Iterator<Item = &TenantRecord> {
    known.iter().filter(|record| !record.is_removed())
}

/// The name that the configuration, else the database, has for a tenant.
pub(crate) fn name_of<'a>(names: &'a BTreeMap<TenantId, String>, tenant: TenantId, record: Option<&'a TenantRecord>) -> Option<&'a str> {
    names.get(&tenant).or_else(|| record?.name.as_ref()).map(String::as_str)
}

fn names(known: &[&TenantRecord], names: &BTreeMap<TenantId, String>) -> String {
    let line = |record: &&TenantRecord| {
        let name = name_of(names, record.tenant_id, Some(record)).map(|name| format!("  {name}")).unwrap_or_default();
        format!("{}{name}", record.tenant_id)
    };
    known.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A selection as it was typed.
pub(crate) fn selection(args: &SelectionArgs) -> Result<Selection, Problem> {
    let text = |names: &'_ [String]| names.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    let (categories, types) = (text(&args.categories), text(&args.types));
    let vocabulary = Registry::builtin().vocabulary();
    Ok(Selection::from_names(&vocabulary, categories.iter().map(String::as_str), types.iter().map(String::as_str))?)
}

/// A time as people write it: a date, a time stamp, or how long ago.
pub(crate) fn moment(flag: &str, text: &str, now: lastseen_model::Timestamp) -> Result<lastseen_model::Timestamp, Problem> {
    if let Ok(time) = text.parse::<lastseen_model::Timestamp>() {
        return Ok(time);
    }
    if let Some(midnight) = text.parse::<jiff::civil::Date>().ok().and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok()) {
        return Ok(midnight.timestamp());
    }
    let ago = parse_length(text).ok().and_then(|length| now.checked_sub(length).ok());
    ago.ok_or_else(|| {
        Problem::usage(format!("{flag} takes a time, and `{text}` is none"))
            .next("write 2026-01-31, 2026-01-31T06:00:00Z, or how long ago: 7d, 12h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_a_stamp_or_so_long_ago() {
        let now = "2026-01-12T09:14:00Z".parse().expect("a time");
        let at = |text: &str| moment("--since", text, now).map(|time| time.to_string()).map_err(|problem| problem.what);
        assert_eq!(at("2026-01-01").as_deref(), Ok("2026-01-01T00:00:00Z"));
        assert_eq!(at("2026-01-01T06:00:00+01:00").as_deref(), Ok("2026-01-01T05:00:00Z"));
        assert_eq!(at("2d").as_deref(), Ok("2026-01-10T09:14:00Z"));
        assert_eq!(at("yesterday").expect_err("refused"), "--since takes a time, and `yesterday` is none");
    }
}
