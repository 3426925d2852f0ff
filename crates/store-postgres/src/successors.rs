//! What missing items may live on as. The rule stands in `sql/successors.sql`.

use lastseen_store::{MissingItem, PossibleSuccessor, Result};
use uuid::Uuid;

use crate::error::of_statement;
use crate::rows::Stored;
use crate::transaction::TenantTx;

/// Names the possible successors of all of these items, in one statement; of none where no item has a name.
pub(crate) async fn name_successors(tx: &mut TenantTx, items: &mut [MissingItem]) -> Result<()> {
    let mut with_name: Vec<&mut MissingItem> = items.iter_mut().filter(|item| item.display_name.is_some()).collect();
    if with_name.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant;
    let types: Vec<String> = with_name.iter().map(|item| item.policy_type.as_str().to_owned()).collect();
    let ids: Vec<String> = with_name.iter().map(|item| item.external_id.as_str().to_owned()).collect();
    let runs: Vec<Uuid> = with_name.iter().map(|item| item.last_seen_run_id.as_uuid()).collect();
    let names: Vec<String> = with_name.iter().filter_map(|item| item.display_name.clone()).collect();
    let rows =
        sqlx::query_file!("src/sql/successors.sql", tenant, &types, &ids, &runs, &names).fetch_all(tx.db()).await.map_err(of_statement)?;
    for row in rows {
        let item = Stored { table: "catalogue", key: &row.external_id };
        let successor = PossibleSuccessor {
            policy_type: item.word("policy_type", &row.policy_type)?,
            external_id: item.word("external_id", &row.external_id)?,
            first_seen_at: row.first_seen_at.to_jiff(),
            first_seen_run_id: item.id("first_seen_run_id", row.first_seen_run_id)?,
        };
        // Counted from 1.
        let place = usize::try_from(row.place - 1).ok().and_then(|place| with_name.get_mut(place));
        place.ok_or_else(|| item.inconsistent("place"))?.possible_successors.push(successor);
    }
    Ok(())
}
