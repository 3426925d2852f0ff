//! A person's note on a missing item. It stands beside the evidence and changes nothing that is derived.

use lastseen_model::{ExternalId, PolicyType};
use lastseen_store::{Acknowledgement, Result, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;

pub(crate) async fn acknowledge(store: &SqliteStore, scope: &TenantScope, note: &Acknowledgement) -> Result<bool> {
    let mut tx = store.write().await?;
    let (tenant, policy_type, external_id, now) =
        (scope.tenant().to_string(), note.policy_type.as_str(), note.external_id.as_str(), tx.now);
    // `at_no` is the item's last sighting as whoever notes it could see it, and not where the sequence stands (what its table says was
    // so before): a number that is given out to a page may be ahead of what is committed, where pages are stored side by side.
    let done = sqlx::query!(
        "INSERT INTO acknowledgements (tenant_id, policy_type, external_id, author, note, acknowledged_at, at_no)
         SELECT e.tenant_id, e.policy_type, e.external_id, ?4, ?5, ?6, e.last_seen_no FROM item_evidence e
         WHERE e.tenant_id = ?1 AND e.policy_type = ?2 AND e.external_id = ?3
         ON CONFLICT (tenant_id, policy_type, external_id) DO UPDATE SET
             author = excluded.author, note = excluded.note, acknowledged_at = excluded.acknowledged_at, at_no = excluded.at_no",
        tenant,
        policy_type,
        external_id,
        note.author,
        note.note,
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn unacknowledge(
    store: &SqliteStore,
    scope: &TenantScope,
    policy_type: &PolicyType,
    external_id: &ExternalId,
) -> Result<bool> {
    let mut tx = store.write().await?;
    let (tenant, policy_type, external_id) = (scope.tenant().to_string(), policy_type.as_str(), external_id.as_str());
    let done = sqlx::query!(
        "DELETE FROM acknowledgements WHERE tenant_id = ?1 AND policy_type = ?2 AND external_id = ?3",
        tenant,
        policy_type,
        external_id,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}
