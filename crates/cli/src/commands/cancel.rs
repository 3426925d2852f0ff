//! `lastseen runs cancel`.

use lastseen_store::{Cancelled, RunDetail, Store};

use crate::app::Tenant;
use crate::commands::runs::{find, headline};
use crate::exit::Exit;
use crate::output::{Screen, ago, flags};
use crate::problem::Problem;

pub(crate) async fn run(store: &dyn Store, tenant: &Tenant, id: &str, screen: &mut Screen) -> Result<Exit, Problem> {
    let run = find(store, tenant, id).await?.record.run_id;
    let (detail, said) = match store.cancel_run(&tenant.scope, run).await? {
        Cancelled::Ended(detail) => (detail, "cancelled: it had not begun"),
        Cancelled::Asked(detail) => {
            (detail, "its worker hears of it at its next renewal (run.renew_every, 15s by default) and ends it; what it has listed stays")
        }
        Cancelled::Over(detail) => return Err(over(tenant, &detail, screen)),
        Cancelled::NoSuchRun => return Err(Problem::failed(format!("run {run} went while it was looked up"))),
    };
    if screen.is_json() {
        screen.json(&detail)?;
    } else {
        screen.line(format!("run {}: {said}", screen.run(run)))?;
    }
    Ok(Exit::Success)
}

fn over(tenant: &Tenant, detail: &RunDetail, screen: &Screen) -> Problem {
    let run = &detail.record;
    let when = run.finished_at.map_or_else(String::new, |time| format!(", {}", ago(screen.now(), time)));
    Problem::failed(format!("run {} had ended{when}: {}", run.run_id, headline(run)))
        .next(format!("see what runs: lastseen runs --status running {}", flags(tenant.scope.tenant(), None)))
}
