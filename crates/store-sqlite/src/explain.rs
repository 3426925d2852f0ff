//! One item, and everything that bears on it.

use lastseen_model::{ExternalId, ListingOutcome, PolicyType};
use lastseen_store::{Acknowledgement, Explanation, Result, SightingRow, StandingRow, TenantScope};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::items::read_item;
use crate::missing::missing_item;
use crate::rows::Fields;

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
    let rows = sqlx::query(
        "SELECT r.run_id, r.run_no, r.status, r.started_at, r.selection_hash, l.outcome, l.error_code, l.pages,
                (instr('0123456789ABCDEF', substr(hex(substr(l.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1
                     >> c.ordinal % 4) & 1 AS seen,
                c.ordinal < l.known_before AS known_before,
                r.run_no IS (
                    SELECT max(x.run_no) FROM sync_runs x
                    WHERE x.tenant_id = r.tenant_id AND x.selection_hash = r.selection_hash AND x.status IN ('success', 'partial', 'failed')
                ) AS is_reference
         FROM catalogue c
         JOIN listings l ON l.tenant_id = c.tenant_id AND l.policy_type = c.policy_type
         JOIN sync_runs r ON r.tenant_id = l.tenant_id AND r.run_id = l.run_id
         WHERE c.tenant_id = ?1 AND c.policy_type = ?2 AND c.external_id = ?3 AND (seen OR c.ordinal < l.known_before)
         ORDER BY r.run_no DESC LIMIT 200",
    )
    .bind(&subject.tenant)
    .bind(subject.policy_type.as_str())
    .bind(subject.external_id.as_str())
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    rows.iter()
        .map(|row| {
            let listing = Fields::of(row, "listings", "run_id");
            let outcome = listing.option_word("outcome")?;
            Ok(SightingRow {
                run_id: listing.word("run_id")?,
                run_no: listing.number("run_no")?,
                run_status: listing.word("status")?,
                started_at: listing.time("started_at")?,
                selection_hash: listing.word("selection_hash")?,
                outcome,
                error_code: listing.option_word("error_code")?,
                pages: listing.number("pages")?,
                seen: ListingOutcome::tells(outcome, listing.flag("seen")?),
                known_before: listing.flag("known_before")?,
                is_reference: listing.flag("is_reference")?,
            })
        })
        .collect()
}

/// For each selection whose latest completed run covers the type: the item's missing row, or none.
async fn standing(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Vec<StandingRow>> {
    let references = sqlx::query(
        "SELECT r.run_id, r.selection_hash, r.selection_payload FROM latest_completed_runs r
         JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id AND l.policy_type = ?2
         WHERE r.tenant_id = ?1
         ORDER BY r.selection_hash",
    )
    .bind(&subject.tenant)
    .bind(subject.policy_type.as_str())
    .fetch_all(&mut *db)
    .await
    .map_err(of_statement)?;
    let mut standing = Vec::with_capacity(references.len());
    for row in &references {
        let reference = Fields::of(row, "sync_runs", "run_id");
        let missing = sqlx::query(
            "SELECT *, run_reasons || reasons_before || iif(seen_as_other_type, ',\"seen_as_other_type\"', '') || reasons_after AS reasons
             FROM missing_evidence
             WHERE tenant_id = ?1 AND reference_run_id = ?2 AND policy_type = ?3 AND external_id = ?4",
        )
        .bind(&subject.tenant)
        .bind(reference.text("run_id")?)
        .bind(subject.policy_type.as_str())
        .bind(subject.external_id.as_str())
        .fetch_optional(&mut *db)
        .await
        .map_err(of_statement)?;
        standing.push(StandingRow {
            selection_hash: reference.word("selection_hash")?,
            selection_payload: reference.json("selection_payload")?,
            missing: missing.as_ref().map(missing_item).transpose()?,
        });
    }
    Ok(standing)
}

/// The note, as long as the item was not seen again.
async fn acknowledgement(db: &mut SqliteConnection, subject: &Subject<'_>) -> Result<Option<Acknowledgement>> {
    let row = sqlx::query(
        "SELECT a.policy_type, a.external_id, a.author, a.note, a.acknowledged_at FROM acknowledgements a
         JOIN item_evidence i ON i.tenant_id = a.tenant_id AND i.policy_type = a.policy_type AND i.external_id = a.external_id
         WHERE a.tenant_id = ?1 AND a.policy_type = ?2 AND a.external_id = ?3 AND a.at_no >= i.last_seen_no",
    )
    .bind(&subject.tenant)
    .bind(subject.policy_type.as_str())
    .bind(subject.external_id.as_str())
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(|row| {
        let note = Fields::of(&row, "acknowledgements", "external_id");
        Ok(Acknowledgement {
            policy_type: note.word("policy_type")?,
            external_id: note.word("external_id")?,
            author: note.text("author")?.unwrap_or_default().to_owned(),
            note: note.text("note")?.unwrap_or_default().to_owned(),
            acknowledged_at: note.option_time("acknowledged_at")?,
        })
    })
    .transpose()
}
