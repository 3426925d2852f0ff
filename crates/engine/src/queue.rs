//! Leaving a run to a worker.

use lastseen_contracts::Registry;
use lastseen_model::StartKey;
use lastseen_store::{EnqueueTerms, Enqueued, NewRun, Store, TenantScope};

use crate::ids;
use crate::run::{SyncError, SyncRequest};
use crate::settings::EngineSettings;

/// Puts a run into the queue, for a worker of any process: [`crate::Engine::work_queue`]. Asks nothing of Microsoft, so it needs no
/// credential. Under a key the same is asked for once, however often it is sent.
pub async fn enqueue(
    store: &dyn Store,
    scope: &TenantScope,
    request: &SyncRequest,
    settings: &EngineSettings,
    start_key: Option<StartKey>,
) -> Result<Enqueued, SyncError> {
    // A selection that no worker of this version could resolve is refused here, where somebody reads the refusal.
    Registry::builtin().vocabulary().scope(&request.selection)?;
    let run = NewRun {
        run_id: ids::new_run_id(),
        correlation_id: ids::new_correlation_id(),
        selection: request.selection.clone(),
        trigger: request.trigger,
        on_limit: request.on_limit,
        pending_for: settings.queued_for,
        start_key,
    };
    let terms = EnqueueTerms { guard: settings.guard, limits: settings.limits };
    Ok(store.enqueue_run(scope, &run, &terms).await?)
}
