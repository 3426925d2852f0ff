//! One page of a path, stored in one transaction for all the types that share it.

use lastseen_model::{ContractVersion, ErrorCode, ErrorContext, Evidence, ListingOutcome, Ordinal, OrdinalBitmap, PageEnd, PolicyType};
use lastseen_store::{Lease, PageRecord, PageStored, Result, StoreError, TenantScope};
use uuid::Uuid;

use crate::PostgresStore;
use crate::catalogue::{TypeOnPage, known_ordinals, observe};
use crate::error::of_statement;
use crate::finish::record_error;
use crate::lease::{Hold, hold};
use crate::rows::Stored;
use crate::transaction::{TenantTx, met};

/// A listing as it stands before the page.
struct Standing {
    position: i32,
    contract_version: ContractVersion,
    base_run_id: Option<Uuid>,
    is_open: bool,
    pages: u32,
    rejected: i64,
    evidence: Evidence,
}

pub(crate) async fn record_page(store: &PostgresStore, scope: &TenantScope, lease: &Lease, page: &PageRecord) -> Result<PageStored> {
    let mut tx = store.write(scope).await?;
    hold(&mut tx, lease, Hold::Shared).await?;
    let run = lease.run_id.as_uuid();

    let mut standings = Vec::with_capacity(page.listings.len());
    for listing in &page.listings {
        standings.push(standing(&mut tx, run, &listing.policy_type).await?);
    }
    if standings.iter().all(|standing| page.page <= standing.pages) {
        return Ok(PageStored::AlreadyStored);
    }
    let refuses = |standing: &&Standing| !standing.is_open || standing.pages + 1 != page.page;
    if let Some(refusing) = standings.iter().find(refuses) {
        return Err(StoreError::PageOutOfOrder { page: page.page, expected: refusing.pages + 1 });
    }

    let end = page.ends(standings.iter().any(|standing| standing.rejected > 0));
    let first = standings.iter().zip(&page.listings).min_by_key(|(standing, _)| standing.position);
    let first = first.map(|(_, listing)| listing.policy_type.clone());
    let on_page = standings.iter().zip(&page.listings);
    let mut types: Vec<TypeOnPage<'_>> =
        on_page.map(|(standing, listing)| TypeOnPage::new(&listing.policy_type, standing.contract_version, listing.each_once())).collect();
    observe(&mut tx, run, &mut types).await?;
    let no = tx.next_no().await?;
    for (standing, seen) in standings.into_iter().zip(&types) {
        let elsewhere = known_ordinals(&mut tx, seen.policy_type, &page.passed_over).await?;
        let rejected = if first.as_ref() == Some(seen.policy_type) { page.rejected } else { 0 };
        store_listing(&mut tx, run, &PageOfListing { standing, seen, elsewhere, rejected, page: page.page, no, end }).await?;
    }
    if end == Some(PageEnd::Rejected) {
        let context = ErrorContext { policy_type: first, page: Some(page.page), ..ErrorContext::default() };
        record_error(&mut tx, run, ErrorCode::ItemRejected, &context).await?;
    }
    tx.commit().await?;
    let (created, changed) = types.iter().fold((0, 0), |(created, changed), seen| (created + seen.created, changed + seen.changed));
    Ok(PageStored::Stored { created, changed })
}

async fn standing(tx: &mut TenantTx, run: Uuid, policy_type: &PolicyType) -> Result<Standing> {
    let tenant = tx.tenant;
    // Locked, because a page that was given up may still be on its way when it is sent again.
    let row = sqlx::query!(
        "SELECT position, contract_version, known_before, base_run_id, outcome, pages, items_rejected, observed, seen_elsewhere
         FROM listings WHERE tenant_id = $1 AND run_id = $2 AND policy_type = $3 FOR UPDATE",
        tenant,
        run,
        policy_type.as_str(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?
    .ok_or_else(|| StoreError::ListingNotOpen(policy_type.clone()))?;
    let listing = Stored { table: "listings", key: policy_type.as_str() };
    Ok(Standing {
        position: row.position,
        contract_version: ContractVersion::from_bytes(listing.digest("contract_version", &row.contract_version)?),
        base_run_id: row.base_run_id,
        is_open: row.outcome.is_none(),
        pages: listing.number("pages", row.pages)?,
        rejected: row.items_rejected,
        evidence: Evidence {
            known_before: listing.number("known_before", row.known_before)?,
            observed: OrdinalBitmap::from_bytes(row.observed),
            seen_elsewhere: OrdinalBitmap::from_bytes(row.seen_elsewhere),
        },
    })
}

/// What a page adds to one of its listings.
struct PageOfListing<'a> {
    standing: Standing,
    seen: &'a TypeOnPage<'a>,
    /// The ordinals of its items that have another type now.
    elsewhere: Vec<Ordinal>,
    rejected: u32,
    page: u32,
    no: i64,
    end: Option<PageEnd>,
}

/// Sets the page's bits and stores bitmap, counts, number, time and outcome.
async fn store_listing(tx: &mut TenantTx, run: Uuid, page: &PageOfListing<'_>) -> Result<()> {
    let (standing, policy_type) = (&page.standing, page.seen.policy_type);
    let mut evidence = standing.evidence.clone();
    let added = evidence.add(&page.seen.ordinals, &page.elsewhere);
    let (outcome, code) = page.end.map(PageEnd::outcome).unzip();
    let code = code.flatten();
    let base_unseen = match (standing.base_run_id, outcome) {
        (Some(base), Some(ListingOutcome::Complete)) => {
            let base = base_bitmap(tx, base, policy_type).await?;
            Some(i64::try_from(base.without(&evidence.observed).len()).unwrap_or(i64::MAX))
        }
        _ => None,
    };
    let (tenant, now) = (tx.tenant, tx.now_sql());
    let number = i32::try_from(page.page).map_err(|error| StoreError::Refused(error.into()))?;
    // Naming the page before this one makes a type that stands twice on a page an error instead of a lost bit.
    let done = sqlx::query!(
        "UPDATE listings SET
             pages = $4, last_no = $5, last_page_at = $6, started_at = coalesce(started_at, $6),
             items_observed = items_observed + $7, items_unseen = items_unseen - $8, items_created = items_created + $9,
             items_changed = items_changed + $10, items_rejected = items_rejected + $11,
             outcome = $12, error_code = $13, ended_at = CASE WHEN $12::text IS NULL THEN NULL ELSE $6 END, base_unseen = $14,
             observed = $15, seen_elsewhere = $16
         WHERE tenant_id = $1 AND run_id = $2 AND policy_type = $3 AND pages = $4 - 1 AND outcome IS NULL",
        tenant,
        run,
        policy_type.as_str(),
        number,
        page.no,
        now as _,
        i64::from(added.observed),
        i64::from(added.known),
        i64::from(page.seen.created),
        i64::from(page.seen.changed),
        i64::from(page.rejected),
        outcome.map(ListingOutcome::as_str),
        code.map(ErrorCode::as_str),
        base_unseen,
        evidence.observed.as_bytes(),
        evidence.seen_elsewhere.as_bytes(),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", 1, done.rows_affected())
}

async fn base_bitmap(tx: &mut TenantTx, base: Uuid, policy_type: &PolicyType) -> Result<OrdinalBitmap> {
    let tenant = tx.tenant;
    let observed = sqlx::query_scalar!(
        "SELECT observed FROM listings WHERE tenant_id = $1 AND run_id = $2 AND policy_type = $3",
        tenant,
        base,
        policy_type.as_str(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    // Retention keeps the base of every open listing.
    let missing = || StoreError::Inconsistent { table: "listings", column: "base_run_id", key: policy_type.to_string() };
    observed.map(OrdinalBitmap::from_bytes).ok_or_else(missing)
}
