//! A tenant that throttles as Intune does, its window and the client's clock scaled down alike, so that a minute takes a moment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_contracts::{PathContract, Registry, Workload};
use lastseen_engine::{Engine, Silent, new_worker_id};
use lastseen_graph::{GraphClient, GraphSettings, Timer, TokioTimer};
use lastseen_model::RunStatus;
use lastseen_simulator::{Recorded, SimulatorConfig, SizePlan, TenantPlan, ThrottlePlan};
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// So much faster goes the time of simulator and client.
const FASTER: u32 = 20;

/// How many requests the tenant takes in 20 s of that time.
const LIMIT: u32 = 15;

/// The real time, faster.
struct ScaledTimer(TokioTimer);

#[async_trait]
impl Timer for ScaledTimer {
    async fn pause(&self, duration: Duration) {
        self.0.pause(duration / FASTER).await;
    }
    fn now(&self) -> Duration {
        self.0.now() * FASTER
    }
}

async fn throttling(plan: ThrottlePlan) -> World {
    let tenant = |number| TenantPlan { sizes: SizePlan::each(3), ..TenantPlan::numbered(number) };
    let throttle = Some(plan.scaled(1.0 / f64::from(FASTER)).with_the_clients_clock());
    World::of(SimulatorConfig { tenants: vec![tenant(1), tenant(2)], throttle, record: true, ..SimulatorConfig::default() }).await
}

fn engine(world: &World, graph: GraphSettings) -> Engine {
    let graph = GraphClient::new(graph, Arc::new(ScaledTimer(TokioTimer::default()))).expect("a client");
    Engine::new(world.store.clone(), graph, world.accesses(), Arc::new(TokioTimer::default()), new_worker_id(), world.settings.clone())
}

fn of_graph(world: &World) -> Vec<Recorded> {
    let mut asked: Vec<_> = world.simulator.requests().into_iter().filter(|request| request.method == "GET").collect();
    asked.sort_by_key(|request| request.came);
    asked
}

/// Whose limits a request counts against.
fn workload(request: &Recorded) -> Workload {
    let is_its = |path: &&PathContract| request.path == format!("/{}{}", path.api_version.as_str(), path.path);
    Registry::builtin().paths().iter().find(is_its).expect("a path of the registry").workload
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_when_a_window_is_full_nothing_comes_before_its_time_and_no_storm_when_it_is_over() {
    let world = throttling(ThrottlePlan { requests: LIMIT, ..ThrottlePlan::intune() }).await;
    // The client thinks that it may ask a thousand times: another app of the customer uses the rest.
    let engine = engine(
        &world,
        GraphSettings { page_budget: Duration::from_hours(1), retry_after_ceiling: Duration::from_hours(1), ..world.graph.clone() },
    );
    let scope = world.scope();
    // Two runs of one tenant at the same time, of one process, and one of another tenant.
    let (everything, apps) = (request(&[]), request(&["mobileApp", "deviceCategory"]));
    let other_scope = World::scope_of(world.simulator.tenants()[1].tenant_id);
    let (one, two, other) = tokio::join!(
        engine.sync(&scope, &everything, Arc::new(Silent), CancellationToken::new()),
        engine.sync(&scope, &apps, Arc::new(Silent), CancellationToken::new()),
        engine.sync(&other_scope, &apps, Arc::new(Silent), CancellationToken::new()),
    );
    for run in [one, two, other] {
        let run = run.expect("a run").record;
        assert_eq!((run.status, run.error_codes.as_slice()), (RunStatus::Success, [].as_slice()), "everything came in the end");
    }

    let of_intune = |request: &Recorded| workload(request) == Workload::Intune && request.tenant == Some(world.tenant());
    let asked: Vec<_> = of_graph(&world).into_iter().filter(of_intune).collect();
    let told = |request: &Recorded| request.retry_after.as_deref().map(|text| text.parse::<f64>().expect("seconds"));
    let refused: Vec<_> = asked.iter().filter(|request| request.status == 429).collect();
    assert!(!refused.is_empty(), "{} requests did not fill a window of {LIMIT}", asked.len());
    let mut storms: Vec<&Recorded> = Vec::new();
    for refusal in &refused {
        // What was under way when the window closed is of the same storm.
        if storms.last().is_none_or(|first| refusal.came > until(first, told(first).expect("Intune says when"))) {
            storms.push(refusal);
        }
        let early =
            asked.iter().filter(|request| request.came > refusal.answered && request.came < until(refusal, told(refusal).expect("told")));
        // A request that was sent before the refusal was heard may come after it: as many as there are slots, and on a busy machine once more
        // as many.
        assert!(early.clone().count() <= 8, "{:?} came early", early.map(|request| (request.came, &request.path)).collect::<Vec<_>>());
    }
    let windows = asked.len().div_ceil(LIMIT as usize);
    // `Retry-After` says when the oldest request leaves the window, and that is room for one: a window may be met full a second time.
    assert!(storms.len() <= 2 * windows, "{} storms in {windows} windows", storms.len());
    assert!(refused.len() * 4 <= asked.len(), "{} of {} requests were wasted", refused.len(), asked.len());
}

/// When the wait that a refusal asks for is over, by the simulator's clock.
fn until(refusal: &Recorded, seconds: f64) -> Duration {
    refusal.answered + Duration::from_secs_f64(seconds) / FASTER
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i13_whoever_keeps_to_its_share_is_never_throttled_at_all() {
    // Twice what is used, because on its way a request may fall into another one's window.
    let world = throttling(ThrottlePlan { requests: 40, ..ThrottlePlan::intune() }).await;
    let engine = engine(&world, GraphSettings { share_percent: 2, ..world.graph.clone() });
    let run = engine.sync(&world.scope(), &request(&[]), Arc::new(Silent), CancellationToken::new()).await.expect("a run").record;
    let traffic = run.counts.traffic;
    assert_eq!((run.status, traffic.throttled, traffic.retries), (RunStatus::Success, 0, 0));
    assert!(traffic.requests > 40, "{} requests fit into one window", traffic.requests);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditional_access_that_never_says_when_is_asked_so_slowly_that_it_never_has_to_refuse() {
    let world = throttling(ThrottlePlan::intune()).await;
    let engine = engine(&world, GraphSettings::clone(&world.graph));
    let types = ["conditionalAccessPolicy", "namedLocation"];
    let (one, two) = (request(&types), request(&types[..1]));
    let scope = world.scope();
    let (one, two) = tokio::join!(
        engine.sync(&scope, &one, Arc::new(Silent), CancellationToken::new()),
        engine.sync(&scope, &two, Arc::new(Silent), CancellationToken::new()),
    );
    assert!([one, two].into_iter().all(|run| run.expect("a run").record.status == RunStatus::Success));
    assert_eq!(world.simulator.counts().throttled, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_of_different_paths_overlap_and_no_path_waits_for_another() {
    let tenants = vec![TenantPlan { sizes: SizePlan::each(2).with(key("deviceConfiguration"), 5_000), ..TenantPlan::numbered(1) }];
    let latency = Duration::from_millis(20);
    let world = World::of(SimulatorConfig { tenants, latency, record: true, ..SimulatorConfig::default() }).await;
    let run = world.sync(&[]).await.record;
    assert_eq!(run.status, RunStatus::Success);

    let asked = of_graph(&world);
    let long = "/beta/deviceManagement/deviceConfigurations";
    let (first, last) = {
        let of_long: Vec<_> = asked.iter().filter(|request| request.path == long).collect();
        assert!(of_long.len() > 4, "{} pages", of_long.len());
        (of_long[0].came, of_long[of_long.len() - 1].answered)
    };
    let others: Vec<_> = asked.iter().filter(|request| request.path != long).collect();
    let beside = others.iter().filter(|request| request.came < last && request.answered > first).count();
    assert!(beside > 4, "only {beside} requests of other paths came while the long one was read");
    let at_once = asked.iter().map(|one| asked.iter().filter(|other| other.came <= one.came && other.answered > one.came).count()).max();
    assert!(at_once.is_some_and(|most| (2..=8).contains(&most)), "{at_once:?} at once");
}
