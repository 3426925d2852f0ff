//! `lastseen demo`: the whole story on made-up tenants, told with the real commands' real output.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::try_join_all;
use lastseen_engine::{Engine, Silent, SyncRequest};
use lastseen_graph::Origin;
use lastseen_model::{ExternalId, OnLimit, PolicyType, Selection, Trigger};
use lastseen_simulator::{Fault, FaultAction, NamedError, Simulator, SimulatorConfig, TenantPlan};
use lastseen_store::{RunDetail, Store};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::args::{self, Global, Output, ReferenceArg, SelectionArgs};
use crate::commands::{explain, missing, sync};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::Screen;
use crate::problem::Problem;

/// What the story is about, in the first tenant.
const GOES: &str = "settingsCatalogPolicy";
const FORBIDDEN: &str = "deviceCompliancePolicy";
/// Most of these go at once, in the third tenant.
const STORM: &str = "mobileApp";

pub(crate) async fn run(args: &args::Demo, global: &Global, screen: &mut Screen) -> Result<Exit, Problem> {
    if global.output == Output::Json {
        return Err(Problem::usage("the demo is a story for people; it has no JSON")
            .next("leave --output json away, or ask its database afterwards"));
    }
    let database = match &args.keep {
        Some(path) if path.exists() => {
            return Err(Problem::usage(format!("{} exists already", path.display())).next("name a new file with --keep"));
        }
        Some(path) => path.clone(),
        None => std::env::temp_dir().join(format!("lastseen-demo-{}.db", lastseen_engine::unique_suffix())),
    };
    let simulator = Simulator::start(SimulatorConfig::demo())
        .await
        .map_err(|error| Problem::usage(format!("can't listen on this machine: {error}")))?;
    let told = Story::begin(&simulator, &database).await?.tell(&simulator, screen).await;
    simulator.shutdown().await;
    told?;
    Ok(Exit::Success)
}

struct Story {
    database: PathBuf,
    tenants: Vec<TenantPlan>,
    store: Arc<dyn Store>,
    engine: Engine,
}

impl Story {
    async fn begin(simulator: &Simulator, database: &Path) -> Result<Self, Problem> {
        let app = app(simulator, database, None)?;
        let store = app.open().await?;
        let engine = app.engine(store.clone())?;
        engine.mirror_registry().await?;
        Ok(Self { database: database.to_owned(), tenants: simulator.tenants().to_vec(), store, engine })
    }

    async fn tell(&self, simulator: &Simulator, screen: &mut Screen) -> Result<(), Problem> {
        let (first, third) = (&self.tenants[0], &self.tenants[2]);
        let (world, faults) = (simulator.world(), simulator.faults());
        let key = |text: &str| text.parse::<PolicyType>().map_err(|error| Problem::failed(error.to_string()));
        let (goes, forbidden, storm) = (key(GOES)?, key(FORBIDDEN)?, key(STORM)?);
        let refused = |error: lastseen_simulator::WorldError| Problem::failed(format!("the simulator refused: {error}"));

        paragraph(
            screen,
            "1. Three tenants are synced",
            &format!(
                "A simulator stands in for Microsoft Graph: {} made-up tenants, every type of policy. The first sync writes down what is there.",
                self.tenants.len()
            ),
        )?;
        self.sync_all(simulator, screen).await?;

        paragraph(
            screen,
            "2. Policies vanish, and one listing is forbidden",
            &format!(
                "In {}, two settings catalog policies and a compliance policy go. Then someone takes away the permission to list compliance policies. In {}, most apps vanish at once.",
                first.name, third.name
            ),
        )?;
        let mut gone = Vec::new();
        for (policy_type, many) in [(&goes, 2), (&forbidden, 1)] {
            for (id, _) in world.list(first.tenant_id, policy_type).into_iter().filter(|(_, name)| name.is_some()).take(many) {
                let id: ExternalId = id.as_str().parse().map_err(|_| Problem::failed("the simulator made an id that is none"))?;
                world.remove(first.tenant_id, policy_type, id.as_str()).map_err(refused)?;
                gone.push((policy_type.clone(), id));
            }
        }
        let apps = world.list(third.tenant_id, &storm);
        for (id, _) in apps.iter().take(apps.len() * 4 / 5) {
            world.remove(third.tenant_id, &storm, id.as_str()).map_err(refused)?;
        }
        let path = lastseen_contracts::Registry::builtin().find(&forbidden).map(|(path, _)| path.path.clone()).unwrap_or_default();
        faults.add(Fault::always(FaultAction::error(NamedError::Forbidden)).tenant(first.tenant_id).on(&path));
        self.sync_all(simulator, screen).await?;

        paragraph(
            screen,
            "3. What is missing, and how sure is that?",
            &format!(
                "A tool that takes a refused listing for an empty one would now report every compliance policy of {} as gone. Lastseen says what it could not read, and trusts nothing of that run blindly.",
                first.name
            ),
        )?;
        self.missing(simulator, first, None, screen).await?;
        paragraph(
            screen,
            "",
            &format!(
                "In {}, the listing was complete and the run clean. But most apps gone at once looks more like an accident than like work, so the guard lowers confidence:",
                third.name
            ),
        )?;
        self.missing(simulator, third, Some(5), screen).await?;

        paragraph(
            screen,
            "4. The permission is granted, and the run repeated",
            &format!("Now every type of {} is listed completely, and what is missing is certain.", first.name),
        )?;
        faults.clear();
        let (back_type, back_id) = gone[0].clone();
        let before = self.sync_all(simulator, screen).await?;
        self.missing(simulator, first, None, screen).await?;

        paragraph(
            screen,
            "5. A policy comes back",
            "Someone restores one of them. The next run sees it again: same item, same history, and it is not missing any more.",
        )?;
        world.restore(first.tenant_id, &back_type, back_id.as_str()).map_err(refused)?;
        self.sync_one(simulator, first, screen).await?;
        self.explain(simulator, first, &back_type, &back_id, screen).await?;

        self.farewell(first, before.first(), &gone[1], screen)
    }

    /// Syncs every tenant at once, and reports in order.
    async fn sync_all(&self, simulator: &Simulator, screen: &mut Screen) -> Result<Vec<RunDetail>, Problem> {
        let app = app(simulator, &self.database, None)?;
        let tenants: Vec<_> = self.tenants.iter().map(|plan| app.tenant_of(plan.tenant_id, &[])).collect();
        let (request, cancel) = (request(), CancellationToken::new());
        let runs = tenants.iter().map(|tenant| async {
            self.store.register_tenant(&tenant.scope, tenant.name.as_deref()).await?;
            let detail = self.engine.sync(&tenant.scope, &request, Arc::new(Silent), cancel.clone()).await?;
            Ok::<_, Problem>(detail)
        });
        screen.command("lastseen sync --all-tenants")?;
        let details = try_join_all(runs).await?;
        screen.refresh();
        for (tenant, detail) in tenants.iter().zip(&details) {
            sync::report(tenant, &request.selection, detail.listings.len(), detail, screen)?;
        }
        screen.line("")?;
        Ok(details)
    }

    async fn sync_one(&self, simulator: &Simulator, plan: &TenantPlan, screen: &mut Screen) -> Result<(), Problem> {
        let app = app(simulator, &self.database, Some(plan))?;
        let tenant = app.tenant_of(plan.tenant_id, &[]);
        screen.command(&format!("lastseen sync --tenant {}", plan.tenant_id))?;
        let detail = sync::sync_one(&self.engine, &*self.store, &tenant, &request(), screen, &CancellationToken::new()).await?;
        screen.refresh();
        sync::report(&tenant, &Selection::default(), detail.listings.len(), &detail, screen)?;
        screen.line("")?;
        Ok(())
    }

    async fn missing(&self, simulator: &Simulator, plan: &TenantPlan, limit: Option<u32>, screen: &mut Screen) -> Result<(), Problem> {
        let args = args::Missing {
            command: None,
            names: SelectionArgs::default(),
            selection: None,
            confidence: None,
            reference: ReferenceArg::LatestCompleted,
            since: None,
            acknowledged: false,
            page: args::Page { limit: limit.unwrap_or(200), cursor: None },
        };
        let words = limit.map(|limit| format!(" --limit {limit}")).unwrap_or_default();
        screen.command(&format!("lastseen missing --tenant {}{words}", plan.tenant_id))?;
        missing::run(&app(simulator, &self.database, Some(plan))?, &args, screen).await?;
        Ok(screen.line("")?)
    }

    async fn explain(
        &self,
        simulator: &Simulator,
        plan: &TenantPlan,
        policy_type: &PolicyType,
        external_id: &ExternalId,
        screen: &mut Screen,
    ) -> Result<(), Problem> {
        screen.command(&format!("lastseen explain {policy_type} {external_id} --tenant {}", plan.tenant_id))?;
        let args = args::Explain { policy_type: policy_type.clone(), external_id: external_id.clone() };
        explain::run(&app(simulator, &self.database, Some(plan))?, &args, screen).await?;
        Ok(screen.line("")?)
    }

    fn farewell(
        &self,
        plan: &TenantPlan,
        run: Option<&RunDetail>,
        gone: &(PolicyType, ExternalId),
        screen: &mut Screen,
    ) -> Result<(), Problem> {
        let program = program();
        let run = run.map(|run| screen.run(run.record.run_id)).unwrap_or_default();
        screen.heading(&format!("The database is kept: {}", self.database.display()))?;
        screen.line("Ask it yourself:")?;
        screen.line(format!("  export LASTSEEN_DATABASE_URL=sqlite:{}", self.database.display()))?;
        for rest in [
            format!("runs --tenant {}", plan.tenant_id),
            format!("runs show {run} --tenant {}", plan.tenant_id),
            format!("items --tenant {} --search baseline", plan.tenant_id),
            format!("explain {} {} --tenant {}", gone.0, gone.1, plan.tenant_id),
        ] {
            screen.line(format!("  {program} {rest}"))?;
        }
        screen.line(format!("  sqlite3 {} 'SELECT confidence, count(*) FROM inventory_missing GROUP BY 1'", self.database.display()))?;
        Ok(())
    }
}

/// The surroundings of a command of the story.
fn app(simulator: &Simulator, database: &Path, plan: Option<&TenantPlan>) -> Result<App, Problem> {
    let origin = Origin::parse(&simulator.origin()).map_err(|error| Problem::failed(error.to_string()))?;
    let names = simulator.tenants().iter().map(|plan| (plan.tenant_id, plan.name.clone())).collect();
    let app = SimulatorConfig::demo();
    let config = Config::for_demo(database, &origin, &app.client_id, app.client_secret, names)?;
    Ok(App::with(config, plan.map(|plan| plan.tenant_id)))
}

fn request() -> SyncRequest {
    SyncRequest { selection: Selection::default(), trigger: Trigger::Manual, on_limit: OnLimit::Wait }
}

fn paragraph(screen: &mut Screen, heading: &str, text: &str) -> Result<(), Problem> {
    if !heading.is_empty() {
        screen.heading(heading)?;
    }
    let mut line = String::new();
    for word in text.split(' ') {
        if line.chars().count() + word.chars().count() > 98 {
            screen.line(line.trim_end())?;
            line.clear();
        }
        line += word;
        line.push(' ');
    }
    screen.line(line.trim_end())?;
    Ok(screen.line("")?)
}

/// How this program was called, so that the commands to try can be typed as they stand.
fn program() -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "lastseen".to_owned())
}
