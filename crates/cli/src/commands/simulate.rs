//! `lastseen simulate`: a made-up Microsoft Graph on this machine.

use std::time::Duration;

use lastseen_contracts::Registry;
use lastseen_model::PolicyType;
use lastseen_model::suggest::nearest;
use lastseen_simulator::{FaultScript, Simulator, SimulatorConfig, SizePlan, TenantPlan, ThrottlePlan};
use serde_json::json;

use crate::args;
use crate::config::parse_length;
use crate::exit::Exit;
use crate::output::{Screen, count};
use crate::problem::Problem;

/// A script is written by hand; a file beyond this is another one.
const SCRIPT_CAP: u64 = 1 << 20;

pub(crate) async fn run(args: &args::Simulate, screen: &mut Screen) -> Result<Exit, Problem> {
    let script = args.script.as_deref().map(read_script).transpose()?;
    let config = config(args)?;
    let simulator = Simulator::start(config.clone()).await.map_err(|error| {
        Problem::usage(format!("can't listen on port {}: {error}", args.port)).next("name another with --port, or --port 0 for any")
    })?;
    let faults = script.map(|script| simulator.faults().add_all(script.faults));
    if screen.is_json() {
        let tenants: Vec<_> =
            simulator.tenants().iter().map(|tenant| json!({ "tenant_id": tenant.tenant_id, "name": tenant.name })).collect();
        screen.json(&json!({ "origin": simulator.origin(), "client_id": config.client_id, "client_secret": config.client_secret, "tenants": tenants }))?;
    } else {
        screen.heading(&format!("Microsoft Graph, made up, at {}", simulator.origin()))?;
        screen.line(format!(
            "  {}, {} types{}",
            count(simulator.tenants().len() as u64, "tenant", "tenants"),
            Registry::builtin().types().count(),
            if faults.is_some() { ", with faults by script" } else { "" }
        ))?;
        screen.line("")?;
        screen.line("in another terminal:")?;
        screen.line(format!("  export LASTSEEN_AUTHORITY={0} LASTSEEN_GRAPH_ENDPOINT={0}", simulator.origin()))?;
        screen.line(format!("  export LASTSEEN_CLIENT_ID={} LASTSEEN_CLIENT_SECRET='{}'", config.client_id, config.client_secret))?;
        screen.line("  export LASTSEEN_DATABASE_URL=sqlite:simulated.db")?;
        for tenant in simulator.tenants().iter().take(10) {
            screen.line(format!("  lastseen sync --tenant {}    # {}", tenant.tenant_id, tenant.name))?;
        }
        screen.line("")?;
        screen.line("Ctrl-C ends it.")?;
    }
    screen.flush()?;
    tokio::signal::ctrl_c().await?;
    let counts = simulator.counts();
    simulator.shutdown().await;
    if !screen.is_json() {
        screen.line(format!("asked {}", count(counts.requests, "time", "times")))?;
    }
    Ok(Exit::Success)
}

fn config(args: &args::Simulate) -> Result<SimulatorConfig, Problem> {
    let mut sizes = SizePlan::each(args.size);
    for text in &args.size_of {
        let (policy_type, size) = size_of(text)?;
        sizes = sizes.with(policy_type, size);
    }
    let tenants = (1..=args.tenants).map(|number| TenantPlan { sizes: sizes.clone(), ..TenantPlan::numbered(number) }).collect();
    let latency = args
        .latency
        .as_deref()
        .map_or(Ok(Duration::ZERO), parse_length)
        .map_err(|problem| Problem::usage(format!("--latency: {problem}")))?;
    Ok(SimulatorConfig {
        port: args.port,
        seed: args.seed,
        tenants,
        latency,
        throttle: args.throttle.then(ThrottlePlan::intune),
        ..SimulatorConfig::default()
    })
}

fn size_of(text: &str) -> Result<(PolicyType, u32), Problem> {
    let wrong =
        || Problem::usage(format!("--size-of takes type=number, and `{text}` is not")).next("write --size-of deviceConfiguration=500");
    let (name, size) = text.split_once('=').ok_or_else(wrong)?;
    let size = size.parse().ok().filter(|size| *size <= 1_000_000).ok_or_else(wrong)?;
    let keys = || Registry::builtin().types().map(|(_, known)| &known.policy_type);
    let known = keys().find(|key| key.as_str() == name).cloned().ok_or_else(|| {
        let hint = nearest(name, keys().map(PolicyType::as_str)).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Problem::usage(format!("--size-of: unknown policy type `{name}`{hint}")).next("see the names with `lastseen types`")
    })?;
    Ok((known, size))
}

fn read_script(path: &std::path::Path) -> Result<FaultScript, Problem> {
    let text = crate::config::read_capped(path, SCRIPT_CAP).map_err(|problem| Problem::usage(format!("the fault script {problem}")))?;
    FaultScript::parse(&text)
        .map_err(|error| Problem::usage(format!("the fault script {} can't be used", path.display())).with("because", error.to_string()))
}
