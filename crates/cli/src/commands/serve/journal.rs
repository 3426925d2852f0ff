//! What a worker does, told on standard error, a line each.

use std::collections::BTreeMap;

use lastseen_engine::{WorkerEvent, WorkerObserver};
use lastseen_model::{RunId, TenantId};
use lastseen_store::TenantRecord;

use crate::app::name_of;
use crate::commands::runs::headline;
use crate::output::{count, plain, say, selection_words};

/// Tells what a worker does.
pub(super) struct Journal {
    pub(super) names: BTreeMap<TenantId, String>,
    pub(super) known: Vec<TenantRecord>,
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
