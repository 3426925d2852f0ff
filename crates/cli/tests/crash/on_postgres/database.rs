//! A migrated database: of the shared cluster, or of a cluster that a test may kill.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use lastseen_model::TenantId;
use lastseen_test_postgres::{APP_ROLE, Cluster, OWNER_ROLE, SUPERUSER, Shared, psql};

use crate::on_postgres::process::Process;
use crate::on_postgres::wait;
use crate::on_postgres::world::World;

/// Every table with rows of tenants.
pub(crate) const TABLES: [&str; 10] = [
    "tenants",
    "selections",
    "sync_runs",
    "run_errors",
    "listings",
    "ordinals",
    "catalogue",
    "acknowledgements",
    "api_token_tenants",
    "schedule_tenants",
];

/// A database, as its superuser has it: no wall holds the one who checks. It stays until its cluster goes, so that one whose test failed can
/// be looked at.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) server: SocketAddr,
}

impl Database {
    /// A new one in the shared cluster.
    pub(crate) fn shared(world: &World) -> Self {
        Self::migrated(world, servers().address())
    }

    /// A new one in a cluster of the test's own.
    pub(crate) fn within(world: &World, cluster: &Cluster) -> Self {
        Self::migrated(world, cluster.address())
    }

    fn migrated(world: &World, server: SocketAddr) -> Self {
        let database = Self::empty(server);
        database.migrate(world);
        database
    }

    /// A new one without a schema.
    pub(crate) fn empty(server: SocketAddr) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("crash_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        psql(&url(server, SUPERUSER, "postgres"), &format!("CREATE DATABASE {name} OWNER {OWNER_ROLE}")).expect("a database");
        Self { name, server }
    }

    /// Makes its schema.
    pub(crate) fn migrate(&self, world: &World) {
        let migrated = Process::run(world.migrate(&url(self.server, OWNER_ROLE, &self.name)));
        assert_eq!(migrated.code, Some(0), "{migrated:?}");
    }

    /// Its address, for the program.
    pub(crate) fn url(&self) -> String {
        url(self.server, APP_ROLE, &self.name)
    }

    /// The same database as another server has it, which followed the first.
    pub(crate) fn on(&self, cluster: &Cluster) -> Self {
        Self { name: self.name.clone(), server: cluster.address() }
    }

    /// Rows as the superuser sees them: fields between `|`, rows on lines.
    pub(crate) fn ask(&self, sql: &str) -> String {
        psql(&url(self.server, SUPERUSER, &self.name), sql).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Like [`Database::ask`], several questions in one go: a `psql` for each would take longer than what it asks.
    pub(crate) fn ask_each<const N: usize>(&self, questions: [&str; N]) -> [String; N] {
        const NEXT: &str = "=== the next answer";
        let answers = self.ask(&questions.map(|question| format!("{question};\n\\echo '{NEXT}'\n")).concat());
        let mut answers = answers.split(NEXT).map(|answer| answer.trim_matches('\n').to_owned());
        questions.map(|_| answers.next().expect("an answer to each"))
    }

    /// Lets an hour pass for every lease and expiry of a tenant.
    pub(crate) fn age(&self, tenant: TenantId) {
        self.ask(&format!(
            "UPDATE sync_runs SET lease_until = lease_until - interval '1 hour', pending_until = pending_until - interval '1 hour'
             WHERE tenant_id = '{tenant}'"
        ));
    }

    /// Waits until the server is done with every connection of the program: it may take a moment to see that a client is gone, and what was
    /// sent before that counts.
    pub(crate) fn wait_until_left(&self) {
        let left = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND application_name = 'lastseen'", self.name);
        wait::until("the server to see that its client is gone", || self.ask(&left) == "0");
    }

    /// How a tenant's runs stand, oldest first, as status and codes of their errors; and how many pages all of them have stored. Types that
    /// share a path share its pages.
    pub(crate) fn state(&self, tenant: TenantId) -> (Vec<String>, u32) {
        let [runs, pages] = self.ask_each([
            &format!(
                "SELECT status || ' ' || array_to_string(error_codes, ',') FROM sync_runs WHERE tenant_id = '{tenant}' ORDER BY created_no"
            ),
            &format!(
                "SELECT coalesce(sum(pages), 0) FROM (
                     SELECT max(l.pages) AS pages FROM listings l JOIN policy_types p USING (policy_type)
                     WHERE l.tenant_id = '{tenant}' GROUP BY l.run_id, p.path) AS paths"
            ),
        ]);
        (runs.lines().map(|line| line.trim_end().to_owned()).collect(), pages.parse().expect("a number"))
    }

    /// The runs of [`Database::state`].
    pub(crate) fn runs(&self, tenant: TenantId) -> Vec<String> {
        self.state(tenant).0
    }

    /// The pages of [`Database::state`].
    pub(crate) fn pages(&self, tenant: TenantId) -> u32 {
        self.state(tenant).1
    }

    /// Everything that is kept, in an order of its own.
    pub(crate) fn dump(&self) -> String {
        let table = |name: &str| self.ask(&format!("SELECT '{name} ' || to_jsonb(t)::text FROM {name} t ORDER BY 1"));
        TABLES.map(table).join("\n")
    }
}

/// The servers of `cargo xtask test`.
pub(crate) fn servers() -> Shared {
    Shared::from_environment().unwrap_or_else(|why| panic!("{why}"))
}

fn url(server: SocketAddr, role: &str, database: &str) -> String {
    format!("postgres://{role}@{server}/{database}")
}
