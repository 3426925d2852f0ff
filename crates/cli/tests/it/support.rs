//! The real binary against the simulator on a socket and a database of its own: a file, or one in the PostgreSQL of
//! `cargo xtask test`.

use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering};

use assert_cmd::Command;
use lastseen_model::{PolicyType, TenantId};
use lastseen_simulator::{Simulator, SimulatorConfig, SizePlan, TenantPlan, Watched};
use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, Shared};
use serde_json::Value;

pub(crate) const CONFIGURATION: &str = "deviceConfiguration";
pub(crate) const COMPLIANCE: &str = "deviceCompliancePolicy";

pub(crate) struct World {
    pub(crate) simulator: Watched,
    pub(crate) config: SimulatorConfig,
    pub(crate) folder: tempfile::TempDir,
    /// Where the database is; a file in the folder unless said otherwise.
    database_url: String,
    /// What the simulator lives on.
    _runtime: tokio::runtime::Runtime,
}

impl World {
    /// Tenants with `size` objects of each type.
    pub(crate) fn new(tenants: u32, size: u32) -> Self {
        let tenants = (1..=tenants).map(|number| TenantPlan { sizes: SizePlan::each(size), ..TenantPlan::numbered(number) }).collect();
        Self::of(SimulatorConfig { tenants, record: true, ..SimulatorConfig::default() })
    }

    /// A world whose simulator is made so.
    pub(crate) fn of(config: SimulatorConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let simulator: Watched = runtime.block_on(Simulator::start(config.clone())).expect("the simulator starts").into();
        let folder = tempfile::tempdir().expect("a folder");
        let database_url = format!("sqlite:{}", folder.path().join("lastseen.db").display());
        Self { simulator, config, folder, database_url, _runtime: runtime }
    }

    /// The same with a PostgreSQL database of its own, migrated by its owner as the documentation says.
    pub(crate) fn on_postgres(tenants: u32, size: u32) -> Self {
        let database = PostgresDatabase::new();
        let world = Self { database_url: database.url(APP_ROLE), ..Self::new(tenants, size) };
        let migrated = world.run(&["migrate", "--database", &database.url(OWNER_ROLE), "--app-role", APP_ROLE]);
        assert_eq!(code(&migrated), 0, "{}", text(&migrated.stderr));
        world
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.simulator.tenants()[0].tenant_id
    }

    /// Its address, as the application's role.
    pub(crate) fn database_url(&self) -> &str {
        &self.database_url
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("lastseen.db")
    }

    /// The binary, with nothing of this machine's environment but what a test sets.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::cargo_bin("lastseen").expect("the binary is built");
        command
            .env_clear()
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("USER", "tester")
            .env("LASTSEEN_DATABASE_URL", &self.database_url)
            .env("LASTSEEN_AUTHORITY", self.simulator.origin())
            .env("LASTSEEN_GRAPH_ENDPOINT", self.simulator.origin())
            .env("LASTSEEN_CLIENT_ID", &self.config.client_id)
            .env("LASTSEEN_CLIENT_SECRET", &self.config.client_secret)
            .args(words);
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the binary runs")
    }

    /// The exit code and the document on standard output.
    pub(crate) fn json(&self, words: &[&str]) -> (i32, Value) {
        let output = self.command(words).args(["--output", "json"]).output().expect("the binary runs");
        let document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{words:?}: {error}: {}\n{}", text(&output.stdout), text(&output.stderr)));
        (code(&output), document)
    }

    /// Syncs these types of the first tenant.
    pub(crate) fn sync(&self, types: &[&str]) -> (i32, Value) {
        let tenant = self.tenant().to_string();
        let types = types.join(",");
        let mut words = vec!["sync", "--tenant", &tenant];
        if !types.is_empty() {
            words.extend(["--types", &types]);
        }
        self.json(&words)
    }

    /// The path of a type.
    pub(crate) fn path(policy_type: &str) -> String {
        let key: PolicyType = policy_type.parse().expect("a key");
        lastseen_contracts::Registry::builtin().find(&key).expect("a type").0.path.clone()
    }

    /// How often the simulator was asked for a path.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.simulator.requests().iter().filter(|request| request.path.ends_with(path)).count()
    }

    /// Waits until the simulator was asked for a path more often than that.
    pub(crate) fn wait_until_asked(&self, path: &str, before: usize) {
        while self.asked(path) <= before {
            std::thread::yield_now();
        }
    }

    /// Removes an item from the tenant.
    pub(crate) fn remove(&self, item: &Value) {
        let key: PolicyType = item["policy_type"].as_str().expect("a type").parse().expect("a key");
        self.simulator.world().remove(self.tenant(), &key, item["external_id"].as_str().expect("an id")).expect("it is there");
    }

    /// Every byte the database has on disk.
    pub(crate) fn disk(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                bytes.extend(std::fs::read(path).expect("a file"));
            }
        }
        bytes
    }
}

/// An empty database in the cluster that the tests share.
pub(crate) struct PostgresDatabase {
    shared: Shared,
    name: String,
}

impl PostgresDatabase {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let shared = Shared::from_environment().unwrap_or_else(|why| panic!("{why}"));
        let name = format!("cli_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        shared.psql("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER_ROLE}")).expect("a database");
        Self { shared, name }
    }

    /// Its address for a role.
    pub(crate) fn url(&self, role: &str) -> String {
        self.shared.url(role, &self.name)
    }
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("not ended by a signal")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn contains(bytes: &[u8], wanted: &str) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}
