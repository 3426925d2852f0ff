//! `lastseen sync --queue`: leaves the runs to a worker.

use lastseen_engine::{SyncError, SyncRequest, enqueue};
use lastseen_model::OnLimit;
use lastseen_store::{Enqueued, Store};

use crate::app::{App, Tenant};
use crate::commands::sync::report;
use crate::commands::tally::Tally;
use crate::exit::Exit;
use crate::output::{Screen, count, flags, selection_words};
use crate::problem::Problem;

/// Puts a run of each tenant into the queue.
pub(crate) async fn queue(
    app: &App,
    store: &dyn Store,
    tenants: &[Tenant],
    request: &SyncRequest,
    types: usize,
    tally: &mut Tally,
    screen: &mut Screen,
) -> Result<(), Problem> {
    let mut queued = 0;
    for (done, tenant) in (1..).zip(tenants) {
        match queue_one(app, store, tenant, request).await {
            Ok(Enqueued::Queued(run) | Enqueued::Repeated(run)) => {
                queued += 1;
                let types = count(types as u64, "type", "types");
                let selection = selection_words(&request.selection);
                let heading = format!("{}  {selection} ({types})  run {}", tenant.label(), screen.run(run.record.run_id));
                if !screen.is_json() {
                    screen.heading(&heading)?;
                    screen.line("queued")?;
                }
                tally.ran(Exit::Success, *run);
            }
            Ok(Enqueued::Contended(run) | Enqueued::Limited(run)) => {
                if !screen.is_json() {
                    report(tenant, &request.selection, types, &run, screen)?;
                }
                tally.ran(Exit::Skipped, *run);
            }
            Ok(Enqueued::KeyTaken(run)) => return Err(Problem::usage(format!("the key stands for another start: run {run}"))),
            Err(error) => {
                // What was told of the others comes before it.
                screen.flush()?;
                if tally.failed(tenant, error, tenants.len() - done)?.is_break() {
                    break;
                }
            }
        }
    }
    if queued > 0 && !screen.is_json() {
        screen.line("next: lastseen serve --role worker, unless a worker is there already")?;
        match tenants {
            [only] => screen.line(format!("      lastseen runs {}", flags(only.scope.tenant(), None)))?,
            _ => screen.line("      lastseen runs --tenant <GUID>")?,
        }
    }
    Ok(())
}

async fn queue_one(app: &App, store: &dyn Store, tenant: &Tenant, request: &SyncRequest) -> Result<Enqueued, SyncError> {
    store.register_tenant(&tenant.scope, tenant.name.as_deref()).await?;
    // What is left to a worker waits for it, also at a limit.
    let request = SyncRequest { on_limit: OnLimit::Wait, ..request.clone() };
    enqueue(store, &tenant.scope, &request, &app.config.engine, None).await
}
