//! One item, and everything that bears on it.

use lastseen_model::{ExternalId, ListingOutcome, PolicyType, Reference};
use lastseen_store::{Acknowledgement, Explanation, Result, SightingRow, StandingRow, TenantScope};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::items::read_item;
use crate::missing::{Key, read_keys};
use crate::rows::Stored;

/// The item that is explained.
struct Subject<'a> {
    tenant: String,
    policy_type: &'a PolicyType,
    external_id: &'a ExternalId,
}

pub(crate) async fn explain(
    store: &SqliteStore,
    scope: &TenantScope,
    policy_type: &PolicyType,
    external_id: &ExternalId,
) -> Result<Option<Explanation>> {
    let mut tx = store.read().await?;
    let Some(item) = read_item(tx.db(), scope, policy_type, external_id).await? else { return Ok(None) };
    let subject = Subject { tenant: scope.tenant().to_string(), policy_type, external_id };
    let listings = listings(tx.db(), &subject).await?;
    let standing = standing(tx.db(), &subject).await?;
    let acknowledgement = acknowledgement(tx.db(), &subject).await?;
    Ok(Some(Explanation { item, listings, standing, acknowledgement }))
}

/// The listings that saw the item or knew it before, newest claim first.
async fn listings(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Vec<SightingRow>> {
    let rows = sqlx::query!(
        r#"SELECT r.run_id, r.run_no, r.status, r.started_at, r.selection_hash, l.outcome, l.error_code, l.pages,
                  (instr('0123456789ABCDEF', substr(hex(substr(l.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1
                       >> c.ordinal % 4) & 1 AS seen,
                  c.ordinal < l.known_before AS "known_before!: bool",
                  r.run_no IS (
                      SELECT max(x.run_no) FROM sync_runs x
                      WHERE x.tenant_id = r.tenant_id AND x.selection_hash = r.selection_hash AND x.status IN ('success', 'partial', 'failed')
                  ) AS "is_reference!: bool"
           FROM catalogue c
           JOIN listings l ON l.tenant_id = c.tenant_id AND l.policy_type = c.policy_type
           JOIN sync_runs r ON r.tenant_id = l.tenant_id AND r.run_id = l.run_id
           WHERE c.tenant_id = ?1 AND c.policy_type = ?2 AND c.external_id = ?3 AND (seen OR c.ordinal < l.known_before)
           ORDER BY r.run_no DESC LIMIT 200"#,
        subject.tenant,
        subject.policy_type.as_str(),
        subject.external_id.as_str(),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    rows.iter()
        .map(|row| {
            let listing = Stored { table: "listings", key: &row.run_id };
            let outcome = listing.option_word("outcome", row.outcome.as_deref())?;
            Ok(SightingRow {
                run_id: listing.word("run_id", &row.run_id)?,
                run_no: listing.there("run_no", row.run_no)?,
                run_status: listing.word("status", &row.status)?,
                started_at: listing.time("started_at", listing.there("started_at", row.started_at)?)?,
                selection_hash: listing.word("selection_hash", &row.selection_hash)?,
                outcome,
                error_code: listing.option_word("error_code", row.error_code.as_deref())?,
                pages: listing.number("pages", row.pages)?,
                seen: ListingOutcome::tells(outcome, row.seen != 0),
                known_before: row.known_before,
                is_reference: row.is_reference,
            })
        })
        .collect()
}

/// For each selection whose latest completed run covers the type: the item's missing row, or none.
async fn standing(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Vec<StandingRow>> {
    let references = sqlx::query!(
        "SELECT r.run_id, r.selection_hash, r.selection_payload FROM latest_completed_runs r
         JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id AND l.policy_type = ?2
         WHERE r.tenant_id = ?1
         ORDER BY r.selection_hash",
        subject.tenant,
        subject.policy_type.as_str(),
    )
    .fetch_all(&mut *db)
    .await
    .map_err(of_statement)?;
    let key = |run: &str| Key {
        policy_type: subject.policy_type.to_string(),
        external_id: subject.external_id.as_str().into(),
        run_id: run.into(),
    };
    let keys: Vec<Key> = references.iter().map(|row| key(&row.run_id)).collect();
    let mut missing = read_keys(db, &subject.tenant, &keys, Reference::LatestCompleted).await?;
    references
        .iter()
        .map(|row| {
            let reference = Stored { table: "sync_runs", key: &row.run_id };
            let selection_hash = reference.word("selection_hash", &row.selection_hash)?;
            let own = missing.iter().position(|item| item.selection_hash == selection_hash);
            Ok(StandingRow {
                selection_hash,
                selection_payload: reference.json("selection_payload", &row.selection_payload)?,
                missing: own.map(|place| missing.swap_remove(place)),
            })
        })
        .collect()
}

/// The note, as long as the item was not seen again.
async fn acknowledgement(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Option<Acknowledgement>> {
    let row = sqlx::query!(
        "SELECT a.author, a.note, a.acknowledged_at FROM acknowledgements a
         JOIN item_evidence i ON i.tenant_id = a.tenant_id AND i.policy_type = a.policy_type AND i.external_id = a.external_id
         WHERE a.tenant_id = ?1 AND a.policy_type = ?2 AND a.external_id = ?3 AND a.at_no >= i.last_seen_no",
        subject.tenant,
        subject.policy_type.as_str(),
        subject.external_id.as_str(),
    )
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(|row| {
        let note = Stored { table: "acknowledgements", key: subject.external_id.as_str() };
        Ok(Acknowledgement {
            policy_type: subject.policy_type.clone(),
            external_id: subject.external_id.clone(),
            author: row.author,
            note: row.note,
            acknowledged_at: Some(note.time("acknowledged_at", row.acknowledged_at)?),
        })
    })
    .transpose()
}
