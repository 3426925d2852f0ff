//! A person's note on a missing item. It stands beside the evidence and changes nothing that is derived.

use lastseen_model::{ExternalId, PolicyType};
use lastseen_store::{Acknowledgement, Result, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::tenants::hold_tenant;

pub(crate) async fn acknowledge(store: &PostgresStore, scope: &TenantScope, note: &Acknowledgement) -> Result<bool> {
    let mut tx = store.write(scope).await?;
    // Nobody takes the item away while a note that refers to it is made.
    hold_tenant(&mut tx).await?;
    let (tenant, now) = (tx.tenant, tx.now_sql());
    // The last sighting as it is seen here, and not where the sequence stands: that may be ahead of a page that is about to be
    // committed and holds the item.
    let done = sqlx::query!(
        "INSERT INTO acknowledgements (tenant_id, policy_type, external_id, author, note, acknowledged_at, at_no)
         SELECT i.tenant_id, i.policy_type, i.external_id, $4, $5, $6, i.last_seen_no FROM item_evidence i
         WHERE i.tenant_id = $1 AND i.policy_type = $2 AND i.external_id = $3
         ON CONFLICT (tenant_id, policy_type, external_id) DO UPDATE SET
             author = excluded.author, note = excluded.note, acknowledged_at = excluded.acknowledged_at, at_no = excluded.at_no",
        tenant,
        note.policy_type.as_str(),
        note.external_id.as_str(),
        note.author,
        note.note,
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) async fn unacknowledge(
    store: &PostgresStore,
    scope: &TenantScope,
    policy_type: &PolicyType,
    external_id: &ExternalId,
) -> Result<bool> {
    let mut tx = store.write(scope).await?;
    let tenant = tx.tenant;
    let done = sqlx::query!(
        "DELETE FROM acknowledgements WHERE tenant_id = $1 AND policy_type = $2 AND external_id = $3",
        tenant,
        policy_type.as_str(),
        external_id.as_str(),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}
