//! One item, and everything that bears on it.

use lastseen_model::{ExternalId, ListingOutcome, PolicyType, Reference};
use lastseen_store::{Acknowledgement, Explanation, Result, SightingRow, StandingRow, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::items::read_item;
use crate::missing::{Key, read_keys};
use crate::rows::Stored;
use crate::transaction::TenantTx;

pub(crate) async fn explain(
    store: &PostgresStore,
    scope: &TenantScope,
    policy_type: &PolicyType,
    external_id: &ExternalId,
) -> Result<Option<Explanation>> {
    let mut tx = store.read(scope).await?;
    let Some(item) = read_item(&mut tx, policy_type, external_id).await? else { return Ok(None) };
    let listings = listings(&mut tx, policy_type, external_id).await?;
    let standing = standing(&mut tx, policy_type, external_id).await?;
    let acknowledgement = acknowledgement(&mut tx, policy_type, external_id).await?;
    Ok(Some(Explanation { item, listings, standing, acknowledgement }))
}

/// The listings that saw the item or knew it before, newest claim first.
async fn listings(tx: &mut TenantTx, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Vec<SightingRow>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        r#"SELECT r.run_id, r.run_no AS "run_no!", r.status, r.started_at AS "started_at!", r.selection_hash, l.outcome AS "outcome?",
                  l.error_code AS "error_code?", l.pages, has_bit(l.observed, c.ordinal) AS "seen!", c.ordinal < l.known_before AS "known_before!",
                  r.run_no IS NOT DISTINCT FROM (
                      SELECT max(x.run_no) FROM sync_runs x
                      WHERE x.tenant_id = r.tenant_id AND x.selection_hash = r.selection_hash AND x.status IN ('success', 'partial', 'failed')
                  ) AS "is_reference!"
           FROM catalogue c
           JOIN listings l ON l.tenant_id = c.tenant_id AND l.policy_type = c.policy_type
           JOIN sync_runs r ON r.tenant_id = l.tenant_id AND r.run_id = l.run_id
           WHERE c.tenant_id = $1 AND c.policy_type = $2 AND c.external_id = $3
             AND (has_bit(l.observed, c.ordinal) OR c.ordinal < l.known_before)
           ORDER BY r.run_no DESC LIMIT 200"#,
        tenant,
        policy_type.as_str(),
        external_id.as_str(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let key = row.run_id.to_string();
            let listing = Stored { table: "listings", key: &key };
            let outcome = listing.option_word("outcome", row.outcome.as_deref())?;
            Ok(SightingRow {
                run_id: listing.id("run_id", row.run_id)?,
                run_no: row.run_no,
                run_status: listing.word("status", &row.status)?,
                started_at: row.started_at.to_jiff(),
                selection_hash: listing.word("selection_hash", &row.selection_hash)?,
                outcome,
                error_code: listing.option_word("error_code", row.error_code.as_deref())?,
                pages: listing.number("pages", row.pages)?,
                seen: ListingOutcome::tells(outcome, row.seen),
                known_before: row.known_before,
                is_reference: row.is_reference,
            })
        })
        .collect()
}

/// For each selection whose latest completed run covers the type: the item's missing row, or none.
async fn standing(tx: &mut TenantTx, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Vec<StandingRow>> {
    let tenant = tx.tenant;
    let references = sqlx::query!(
        r#"SELECT r.run_id AS "run_id!", r.selection_hash AS "selection_hash!", r.selection_payload AS "selection_payload!"
           FROM latest_completed_runs r
           JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id AND l.policy_type = $2
           WHERE r.tenant_id = $1
           ORDER BY r.selection_hash"#,
        tenant,
        policy_type.as_str(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let keys: Vec<Key> = references
        .iter()
        .map(|row| Key { policy_type: policy_type.as_str().to_owned(), external_id: external_id.as_str().to_owned(), run: row.run_id })
        .collect();
    let mut missing = read_keys(tx, &keys, Reference::LatestCompleted).await?;
    references
        .into_iter()
        .map(|row| {
            let selection = Stored { table: "sync_runs", key: &row.selection_hash };
            let selection_hash = selection.word("selection_hash", &row.selection_hash)?;
            let own = missing.iter().position(|item| item.selection_hash == selection_hash);
            Ok(StandingRow {
                selection_hash,
                selection_payload: selection.json("selection_payload", row.selection_payload)?,
                missing: own.map(|place| missing.swap_remove(place)),
            })
        })
        .collect()
}

/// The note, as long as the item was not seen again.
async fn acknowledgement(tx: &mut TenantTx, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Option<Acknowledgement>> {
    let tenant = tx.tenant;
    let row = sqlx::query!(
        "SELECT a.author, a.note, a.acknowledged_at FROM acknowledgements a
         JOIN item_evidence i ON i.tenant_id = a.tenant_id AND i.policy_type = a.policy_type AND i.external_id = a.external_id
         WHERE a.tenant_id = $1 AND a.policy_type = $2 AND a.external_id = $3 AND a.at_no >= i.last_seen_no",
        tenant,
        policy_type.as_str(),
        external_id.as_str(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(row.map(|row| Acknowledgement {
        policy_type: policy_type.clone(),
        external_id: external_id.clone(),
        author: row.author,
        note: row.note,
        acknowledged_at: Some(row.acknowledged_at.to_jiff()),
    }))
}
