//! `lastseen serve`: a process that stays, and works on what is queued.

use std::collections::BTreeMap;
use std::sync::Arc;

use lastseen_engine::{TenantAccess, WorkerEvent, WorkerObserver};
use lastseen_model::{RunId, TenantId};
use lastseen_store::TenantRecord;
use tokio_util::sync::CancellationToken;

use crate::app::{App, active, name_of};
use crate::args;
use crate::commands::runs::headline;
use crate::exit::Exit;
use crate::output::{count, plain, say, selection_words};
use crate::problem::Problem;
use crate::signals::{self, Step};

pub(crate) async fn run(app: &App, args: &args::Serve) -> Result<Exit, Problem> {
    work(app, args).await
}

async fn work(app: &App, args: &args::Serve) -> Result<Exit, Problem> {
    if app.tenant.is_some() {
        return Err(Problem::usage("--tenant has no say in `serve`: a worker takes the queued runs of every tenant").next("leave it out"));
    }
    // What can be wrong is found out before anything is claimed, and before a database is made.
    let settings = app.config.worker_settings(args)?;
    if app.config.database.missing_file().is_some() {
        app.check_credentials(&[]).await?;
    }
    let store = app.open().await?;
    let known = store.tenants().await?;
    let accesses: Vec<TenantAccess> = active(&known).cloned().map(TenantAccess::from).collect();
    app.check_credentials(&accesses.iter().collect::<Vec<_>>()).await?;
    let engine = app.engine(store.clone())?;
    engine.mirror_registry().await?;

    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let heard = signals::heed(vec![
        Step { cancels: drain.clone(), says: "taking no more runs; once more cancels those that are running" },
        Step { cancels: stop.clone(), says: "cancelling what is running; once more stops at once" },
    ]);
    say(&format!("working on queued runs in {}, {} at once; Ctrl-C ends it", app.config.database, settings.runs_at_once));
    engine.work_queue(&settings, Arc::new(Journal { names: app.config.names.clone(), known }), drain, stop).await;
    heard.abort();
    say("ended");
    Ok(Exit::Success)
}

/// Tells on standard error what a worker does, a line each.
struct Journal {
    names: BTreeMap<TenantId, String>,
    known: Vec<TenantRecord>,
}

impl Journal {
    fn label(&self, tenant: TenantId) -> String {
        let record = self.known.iter().find(|known| known.tenant_id == tenant);
        name_of(&self.names, tenant, record).map_or_else(|| tenant.to_string(), plain)
    }

    fn about(&self, tenant: TenantId, run: RunId, what: &str) {
        say(&format!("run {run}  {}  {what}", self.label(tenant)));
    }
}

impl WorkerObserver for Journal {
    fn on(&self, event: WorkerEvent) {
        match event {
            WorkerEvent::Took { tenant_id, run_id, selection } => {
                self.about(tenant_id, run_id, &format!("started: {}", selection_words(&selection)));
            }
            WorkerEvent::Ended { tenant_id, run_id, outcome: Ok(detail) } => {
                let codes: Vec<&str> = detail.record.error_codes.iter().map(|code| code.as_str()).collect();
                let why = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
                self.about(tenant_id, run_id, &format!("{}{why}", headline(&detail.record)));
            }
            WorkerEvent::Ended { tenant_id, run_id, outcome: Err(error) } => self.about(tenant_id, run_id, &error.to_string()),
            WorkerEvent::Reaped { tenant_id, run_id } => {
                self.about(tenant_id, run_id, "its worker is gone: recorded as failed (worker_lost)");
            }
            WorkerEvent::Draining { runs } => say(&format!("waiting for {} to end", count(runs as u64, "run", "runs"))),
            WorkerEvent::DrainedTooLong { runs } => {
                say(&format!("cancelling {}: that took too long", count(runs as u64, "run", "runs")));
            }
        }
    }
}
