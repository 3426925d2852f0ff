//! Small tenants behind the simulator, and the binary that syncs them.

use std::collections::BTreeSet;
use std::process::Command;

use lastseen_model::{PolicyType, TenantId};
use lastseen_simulator::{Simulator, SimulatorConfig, SizePlan, TenantPlan, Watched};
use lastseen_test_postgres::APP_ROLE;

/// Two types that share a path of three pages, and one on a path of its own with one page.
pub(crate) const TYPES: [&str; 3] = ["deviceConfiguration", "windowsUpdateRing", "deviceCompliancePolicy"];
/// The path of the type that has one for itself.
pub(crate) const ALONE: &str = "/deviceManagement/deviceCompliancePolicies";
/// How many pages a run of [`TYPES`] stores.
pub(crate) const PAGES: u32 = 4;

/// How many objects a page holds; see [`World::new`].
const PAGE: u32 = 6;

pub(crate) struct World {
    pub(crate) simulator: Watched,
    config: SimulatorConfig,
    /// Where the binary is run: its configuration is here.
    folder: tempfile::TempDir,
    /// What the simulator lives on.
    _runtime: tokio::runtime::Runtime,
}

impl World {
    /// So many tenants, each with 16 objects of the two types on three pages, and 4 of the other.
    pub(crate) fn new(tenants: u32) -> Self {
        let sizes = [12, 4, 4].into_iter().zip(TYPES).fold(SizePlan::each(0), |sizes, (size, name)| sizes.with(key(name), size));
        let tenants = (1..=tenants).map(|number| TenantPlan { sizes: sizes.clone(), ..TenantPlan::numbered(number) }).collect();
        let config = SimulatorConfig { tenants, record: true, ..SimulatorConfig::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let simulator: Watched = runtime.block_on(Simulator::start(config.clone())).expect("the simulator starts").into();
        simulator.world().set_page_limit(Some(PAGE));
        Self { simulator, config, folder: tempfile::tempdir().expect("a folder"), _runtime: runtime }
    }

    /// A tenant by its place, from 0.
    pub(crate) fn tenant(&self, place: usize) -> TenantId {
        self.simulator.tenants()[place].tenant_id
    }

    /// The ids of the objects of a type that a tenant holds now.
    pub(crate) fn ids(&self, tenant: TenantId, policy_type: &str) -> BTreeSet<String> {
        self.simulator.world().list(tenant, &key(policy_type)).into_iter().map(|(id, _)| id).collect()
    }

    /// Takes one object of each type away and puts a new one in, so that no number of objects or pages changes.
    pub(crate) fn churn(&self, tenant: TenantId) {
        for name in TYPES {
            let oldest = self.simulator.world().list(tenant, &key(name)).remove(0).0;
            self.simulator.world().remove(tenant, &key(name), &oldest).expect("it is there");
            self.simulator.world().add(tenant, &key(name), 1).expect("a new one");
        }
    }

    /// Gives every later process this configuration.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.folder.path().join("lastseen.toml"), text).expect("written");
    }

    /// The binary on a database, with nothing of this machine's environment but what a test sets.
    pub(crate) fn command(&self, url: &str, words: &[&str]) -> Command {
        self.through(Command::new(env!("CARGO_BIN_EXE_lastseen")), url, words)
    }

    /// The binary by way of another program, which is named with its arguments.
    pub(crate) fn command_by(&self, program: &[&str], url: &str, words: &[&str]) -> Command {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(env!("CARGO_BIN_EXE_lastseen"));
        self.through(command, url, words)
    }

    fn through(&self, mut command: Command, url: &str, words: &[&str]) -> Command {
        command
            .env_clear()
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("USER", "tester")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LASTSEEN_LOG", "error")
            .env("LASTSEEN_DATABASE_URL", url)
            .env("LASTSEEN_AUTHORITY", self.simulator.origin())
            .env("LASTSEEN_GRAPH_ENDPOINT", self.simulator.origin())
            .env("LASTSEEN_CLIENT_ID", &self.config.client_id)
            .env("LASTSEEN_CLIENT_SECRET", &self.config.client_secret)
            .args(words);
        command
    }

    /// `lastseen migrate`, by the owner.
    pub(crate) fn migrate(&self, owner_url: &str) -> Command {
        self.command(owner_url, &["migrate", "--app-role", APP_ROLE])
    }

    /// `lastseen sync` of a tenant's [`TYPES`].
    pub(crate) fn sync(&self, url: &str, tenant: TenantId) -> Command {
        self.command(url, &["sync", "--tenant", &tenant.to_string(), "--types", &TYPES.join(","), "--output", "json"])
    }

    /// `lastseen sync --queue` of these types of a tenant.
    pub(crate) fn queue(&self, url: &str, tenant: TenantId, types: &str) -> Command {
        self.command(url, &["sync", "--queue", "--tenant", &tenant.to_string(), "--types", types, "--output", "json"])
    }

    /// `lastseen serve`, a worker that looks often.
    pub(crate) fn worker(&self, url: &str) -> Command {
        self.command(url, &["serve", "--role", "worker", "--poll-every", "1s"])
    }
}

fn key(name: &str) -> PolicyType {
    name.parse().expect("a key")
}
