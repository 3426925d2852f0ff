//! `lastseen selections`: what was synced, and when last.

use serde_json::json;

use crate::app::App;
use crate::exit::Exit;
use crate::output::{Screen, ago, selection_words};
use crate::problem::Problem;

pub(crate) async fn run(app: &App, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    let selections = store.selections(&tenant.scope).await?;
    if screen.is_json() {
        screen.json(&json!({ "tenant_id": tenant.scope.tenant(), "selections": selections }))?;
        return Ok(Exit::Success);
    }
    if selections.is_empty() {
        screen.line(format!("{}: nothing was synced yet", tenant.label()))?;
        screen.line(format!("next: lastseen sync --tenant {}", tenant.scope.tenant()))?;
        return Ok(Exit::Success);
    }
    let mut table = screen.table(&["SELECTION", "HASH", "LAST RUN", "STATUS", "WHEN"]);
    for selection in &selections {
        let hash = selection.selection_hash.to_string();
        table.line([
            selection_words(&selection.selection_payload),
            if screen.is_wide() { hash } else { format!("{}…", &hash[..12]) },
            screen.run(selection.last_run_id),
            selection.last_run_status.to_string(),
            ago(screen.now(), selection.last_run_at),
        ]);
    }
    screen.show(&table)?;
    Ok(Exit::Success)
}
