//! `lastseen sync --queue`: leaves the runs to a worker.

use lastseen_engine::{SyncRequest, enqueue};
use lastseen_store::{Enqueued, RunDetail, Store};

use crate::app::{App, Tenant};
use crate::commands::sync::report;
use crate::exit::Exit;
use crate::output::{Screen, count, flags, selection_words};
use crate::problem::Problem;

/// Puts a run of each tenant into the queue; the records, and how it went in all.
pub(crate) async fn queue(
    app: &App,
    store: &dyn Store,
    tenants: &[Tenant],
    request: &SyncRequest,
    types: usize,
    screen: &mut Screen,
) -> Result<(Exit, Vec<RunDetail>), Problem> {
    let (mut exit, mut records, mut queued) = (Exit::Success, Vec::new(), 0);
    for tenant in tenants {
        store.register_tenant(&tenant.scope, tenant.name.as_deref()).await?;
        match enqueue(store, &tenant.scope, request, &app.config.engine).await? {
            Enqueued::Queued(run) => {
                queued += 1;
                let types = count(types as u64, "type", "types");
                let selection = selection_words(&request.selection);
                let heading = format!("{}  {selection} ({types})  run {}", tenant.label(), screen.run(run.record.run_id));
                if !screen.is_json() {
                    screen.heading(&heading)?;
                    screen.line("queued")?;
                }
                records.push(*run);
            }
            Enqueued::Contended(run) => {
                exit = exit.worse(Exit::Skipped);
                if !screen.is_json() {
                    report(tenant, &request.selection, types, &run, screen)?;
                }
                records.push(*run);
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
    Ok((exit, records))
}
