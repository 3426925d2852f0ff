//! `lastseen status`: how it all stands, on one screen.

mod failing;
mod screen;

use std::time::Duration;

use lastseen_engine::status::{FleetStatus, STALE_AFTER_BOUNDS, judge};
use lastseen_engine::{Timer, TokioTimer};
use lastseen_model::{SelectionHash, TenantId, Tenants};
use lastseen_store::{ScheduleRecord, Store, TenantRecord};
use tokio_util::sync::CancellationToken;

use crate::app::{App, active, name_of};
use crate::args;
use crate::exit::Exit;
use crate::output::Screen;
use crate::problem::Problem;
use crate::signals::{self, Step};

/// How often a watched screen is drawn.
const DRAWN_EVERY: Duration = Duration::from_secs(2);

/// What is shown at once.
struct Shown {
    status: FleetStatus,
    tenants: Vec<TenantRecord>,
    schedules: Vec<ScheduleRecord>,
}

pub(crate) async fn run(app: &App, args: &args::Status, screen: &mut Screen) -> Result<Exit, Problem> {
    if !STALE_AFTER_BOUNDS.contains(&args.stale_after) {
        return Err(Problem::usage("--stale-after takes 1m to 365d"));
    }
    if args.watch && !screen.may_redraw() {
        return Err(Problem::usage("--watch draws on a terminal, and standard output is none, or is for programs")
            .next("leave it out, and ask as often as you like: lastseen status --output json"));
    }
    let store = app.open_existing().await?;
    let only = match app.tenant {
        Some(_) => Some(app.known_tenant(&*store).await?.scope.tenant()),
        None => None,
    };
    if args.watch {
        return watch(app, &*store, only, args, screen).await;
    }
    let shown = ask(app, &*store, only, args).await?;
    if screen.is_json() {
        screen.json(&shown.status)?;
    } else {
        screen::draw(app, &*store, &shown, screen).await?;
    }
    Ok(if args.check && shown.status.needs_attention() { Exit::Failed } else { Exit::Success })
}

/// Asks the database how it stands, and judges.
async fn ask(app: &App, store: &dyn Store, only: Option<TenantId>, args: &args::Status) -> Result<Shown, Problem> {
    let known = store.tenants().await?;
    let mut tenants: Vec<TenantRecord> =
        active(&known).filter(|tenant| only.is_none_or(|only| tenant.tenant_id == only)).cloned().collect();
    for tenant in &mut tenants {
        tenant.name = name_of(&app.config.names, tenant.tenant_id, Some(tenant)).map(str::to_owned);
    }
    let which = only.map_or(Tenants::All, |only| Tenants::Some([only].into()));
    let schedules = schedules_of(store, only).await?;
    let mut state = store.fleet_state(&which).await?;
    state.only(&args.selections);
    // What nobody has synced must not read as fine.
    let used = |hash: &SelectionHash| state.selections.iter().any(|selection| selection.newest.selection_hash == *hash);
    if let Some(unused) = args.selections.iter().find(|hash| !used(hash)) {
        return Err(Problem::usage(format!("no selection with the hash {unused} was ever synced"))
            .next("see them with `lastseen selections --wide`"));
    }
    let status = judge(state, &tenants, &schedules, args.stale_after);
    Ok(Shown { status, tenants, schedules })
}

/// The schedules; of one tenant, those that cover it.
async fn schedules_of(store: &dyn Store, only: Option<TenantId>) -> Result<Vec<ScheduleRecord>, Problem> {
    let mut schedules = store.schedules().await?;
    schedules.retain(|schedule| only.is_none_or(|only| schedule.tenants.has(only)));
    Ok(schedules)
}

/// Draws until somebody has seen enough. A database that is away is said on the screen, and asked again.
async fn watch(app: &App, store: &dyn Store, only: Option<TenantId>, args: &args::Status, screen: &mut Screen) -> Result<Exit, Problem> {
    let (timer, end) = (TokioTimer::default(), CancellationToken::new());
    let heard = signals::heed(vec![Step { cancels: end.clone(), says: "" }]);
    while !end.is_cancelled() {
        screen.refresh();
        let shown = tokio::select! {
            () = end.cancelled() => break,
            shown = ask(app, store, only, args) => shown,
        };
        screen.clear()?;
        match shown {
            Ok(shown) => screen::draw(app, store, &shown, screen).await.or_else(|problem| tell(&problem, screen))?,
            Err(problem) => tell(&problem, screen)?,
        }
        screen.flush()?;
        tokio::select! {
            () = end.cancelled() => {}
            () = timer.pause(DRAWN_EVERY) => {}
        }
    }
    heard.abort();
    Ok(Exit::Success)
}

fn tell(problem: &Problem, screen: &mut Screen) -> Result<(), Problem> {
    for line in problem.to_string().lines() {
        screen.line(line)?;
    }
    Ok(screen.line("asking again every 2 seconds; Ctrl-C ends it")?)
}
