//! Items: found by Graph's id, made when they are new, rewritten when they changed. Nothing here takes one away.
//!
//! Two runs of a tenant may store pages with the same items at the same moment. All of them lock in one order, so that they wait for
//! each other and never in a circle: the rows of `ordinals` by type, then items by type and ordinal.

use std::collections::HashMap;

use lastseen_model::{ContractVersion, ExternalId, Fingerprint, Observation, Ordinal, PolicyType};
use lastseen_store::{Result, StoreError};
use uuid::Uuid;

use crate::error::of_statement;
use crate::rows::Stored;
use crate::transaction::{TenantTx, met};

/// What a page holds of one type, and what became of it.
pub(crate) struct TypeOnPage<'a> {
    pub(crate) policy_type: &'a PolicyType,
    pub(crate) version: ContractVersion,
    /// No id comes twice.
    pub(crate) observations: Vec<&'a Observation>,
    /// The ordinals of its items, each once.
    pub(crate) ordinals: Vec<Ordinal>,
    /// How many of them are new.
    pub(crate) created: u32,
    /// How many differ from what was stored under the same contract version.
    pub(crate) changed: u32,
}

impl<'a> TypeOnPage<'a> {
    /// A type whose items are still to be found.
    pub(crate) fn new(policy_type: &'a PolicyType, version: ContractVersion, observations: Vec<&'a Observation>) -> Self {
        Self { policy_type, version, observations, ordinals: Vec::new(), created: 0, changed: 0 }
    }
}

/// Finds or makes an item for each observation of a page.
pub(crate) async fn observe(tx: &mut TenantTx, run: Uuid, types: &mut [TypeOnPage<'_>]) -> Result<()> {
    let mut in_order: Vec<&mut TypeOnPage<'_>> = types.iter_mut().filter(|on_page| !on_page.observations.is_empty()).collect();
    in_order.sort_unstable_by_key(|on_page| on_page.policy_type.as_str());
    let mut differing: Vec<Vec<(Ordinal, &Observation)>> = Vec::with_capacity(in_order.len());
    for on_page in &mut in_order {
        differing.push(find_or_make(tx, run, on_page).await?);
    }
    for (on_page, differing) in in_order.into_iter().zip(differing) {
        on_page.changed = rewrite(tx, on_page.policy_type, &on_page.version, differing).await?;
    }
    Ok(())
}

/// Gives the type its ordinals, and answers the items that are stored otherwise than they were observed.
async fn find_or_make<'a>(tx: &mut TenantTx, run: Uuid, on_page: &mut TypeOnPage<'a>) -> Result<Vec<(Ordinal, &'a Observation)>> {
    let known = look_up(tx, on_page.policy_type, ids(&on_page.observations)).await?;
    let unknown: Vec<&Observation> = {
        let is_unknown = |observation: &&&Observation| !known.contains_key(observation.external_id.as_str());
        on_page.observations.iter().filter(is_unknown).copied().collect()
    };
    let mut differing = Vec::new();
    let mut settle = |on_page: &mut TypeOnPage<'a>, known: &HashMap<String, Known>| {
        for observation in &on_page.observations {
            if let Some(item) = known.get(observation.external_id.as_str()) {
                on_page.ordinals.push(item.ordinal);
                if item.fingerprint != observation.fingerprint {
                    differing.push((item.ordinal, *observation));
                }
            }
        }
    };
    settle(on_page, &known);
    if unknown.is_empty() {
        return Ok(differing);
    }
    // From here on no other run makes items of the type; what one made in the meantime is found by looking again.
    let first = lock_ordinals(tx, on_page.policy_type).await?;
    let since = look_up(tx, on_page.policy_type, ids(&unknown)).await?;
    settle(on_page, &since);
    let new: Vec<&Observation> = unknown.into_iter().filter(|observation| !since.contains_key(observation.external_id.as_str())).collect();
    if new.is_empty() {
        return Ok(differing);
    }
    insert(tx, run, on_page.policy_type, &on_page.version, first, &new).await?;
    on_page.created = u32::try_from(new.len()).unwrap_or(u32::MAX);
    on_page.ordinals.extend((first..).take(new.len()));
    Ok(differing)
}

fn ids<'a>(observations: &'a [&Observation]) -> impl Iterator<Item = &'a ExternalId> {
    observations.iter().map(|observation| &observation.external_id)
}

/// An item as it is stored.
struct Known {
    ordinal: Ordinal,
    fingerprint: Fingerprint,
}

/// The stored items that have one of these ids, by id.
async fn look_up(tx: &mut TenantTx, policy_type: &PolicyType, ids: impl Iterator<Item = &ExternalId>) -> Result<HashMap<String, Known>> {
    let tenant = tx.tenant;
    let ids: Vec<String> = ids.map(|id| id.as_str().to_owned()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows =
        sqlx::query_file!("src/sql/page_diff.sql", tenant, policy_type.as_str(), &ids).fetch_all(tx.db()).await.map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let item = Stored { table: "catalogue", key: &row.external_id };
            let fingerprint = Fingerprint::from_bytes(item.digest("fingerprint", &row.fingerprint)?);
            let known = Known { ordinal: item.number("ordinal", row.ordinal)?, fingerprint };
            Ok((row.external_id, known))
        })
        .collect()
}

/// The ordinals of a type's items that have one of these ids; the others are no items of it, and none is made.
pub(crate) async fn known_ordinals(tx: &mut TenantTx, policy_type: &PolicyType, ids: &[ExternalId]) -> Result<Vec<Ordinal>> {
    let known = look_up(tx, policy_type, ids.iter()).await?;
    Ok(known.into_values().map(|item| item.ordinal).collect())
}

/// Locks the type's row of `ordinals` until the transaction ends, and answers the next free one.
async fn lock_ordinals(tx: &mut TenantTx, policy_type: &PolicyType) -> Result<Ordinal> {
    let tenant = tx.tenant;
    sqlx::query!(
        "INSERT INTO ordinals (tenant_id, policy_type, next_ordinal) VALUES ($1, $2, 0) ON CONFLICT (tenant_id, policy_type) DO NOTHING",
        tenant,
        policy_type.as_str(),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    let next = sqlx::query_scalar!(
        "SELECT next_ordinal FROM ordinals WHERE tenant_id = $1 AND policy_type = $2 FOR UPDATE",
        tenant,
        policy_type.as_str(),
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    Stored { table: "ordinals", key: policy_type.as_str() }.number("next_ordinal", next)
}

/// Inserts new items under the ordinals from `first` on, and moves the next free one behind them.
async fn insert(
    tx: &mut TenantTx,
    run: Uuid,
    policy_type: &PolicyType,
    version: &ContractVersion,
    first: Ordinal,
    new: &[&Observation],
) -> Result<()> {
    let (tenant, now) = (tx.tenant, tx.now_sql());
    let columns = Columns::of(new.iter().copied());
    let first = i32::try_from(first).map_err(|error| StoreError::Refused(error.into()))?;
    let done = sqlx::query!(
        "INSERT INTO catalogue (tenant_id, policy_type, ordinal, external_id, fingerprint, contract_version, display_name, platform,
                                assignment_count, first_seen_at, first_seen_run_id, changed_at, meta_jsonb, search_text)
         SELECT $1, $2, $3 + u.place::integer - 1, u.external_id, u.fingerprint, $4, u.display_name, u.platform, u.assignment_count, $5, $6, $5,
                u.meta::jsonb, u.search_text
         FROM unnest($7::text[], $8::bytea[], $9::text[], $10::text[], $11::integer[], $12::text[], $13::text[])
             WITH ORDINALITY AS u (external_id, fingerprint, display_name, platform, assignment_count, meta, search_text, place)",
        tenant,
        policy_type.as_str(),
        first,
        version.as_bytes().as_slice(),
        now as _,
        run,
        &columns.external_ids,
        &columns.fingerprints,
        &columns.display_names as &[Option<String>],
        &columns.platforms as &[Option<String>],
        &columns.assignment_counts as &[Option<i32>],
        &columns.metas,
        &columns.search_texts,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", new.len() as u64, done.rows_affected())?;
    let count = i32::try_from(new.len()).map_err(|error| StoreError::Refused(error.into()))?;
    let done = sqlx::query!(
        "UPDATE ordinals SET next_ordinal = next_ordinal + $3 WHERE tenant_id = $1 AND policy_type = $2",
        tenant,
        policy_type.as_str(),
        count,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", 1, done.rows_affected())
}

/// Writes what was observed over what is stored, and answers how many items changed. Under a new contract version the item itself did
/// not change: it was observed in another way.
async fn rewrite(
    tx: &mut TenantTx,
    policy_type: &PolicyType,
    version: &ContractVersion,
    mut differing: Vec<(Ordinal, &Observation)>,
) -> Result<u32> {
    if differing.is_empty() {
        return Ok(0);
    }
    differing.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    let stored = Stored { table: "catalogue", key: policy_type.as_str() };
    let ordinals: Vec<i32> = differing.iter().map(|(ordinal, _)| stored.number("ordinal", *ordinal)).collect::<Result<_>>()?;
    let (tenant, now) = (tx.tenant, tx.now_sql());
    // Locked in order, and compared as they are then: another run may have written the same since they were looked up.
    let locked = sqlx::query!(
        r#"SELECT fingerprint, contract_version = $4 AS "same_version!" FROM catalogue
           WHERE tenant_id = $1 AND policy_type = $2 AND ordinal = ANY($3)
           ORDER BY ordinal FOR NO KEY UPDATE"#,
        tenant,
        policy_type.as_str(),
        &ordinals,
        version.as_bytes().as_slice(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", ordinals.len() as u64, locked.len() as u64)?;

    let mut changed = 0;
    let mut left = Vec::with_capacity(differing.len());
    for ((ordinal, observation), row) in ordinals.into_iter().zip(differing.into_iter().map(|(_, observation)| observation)).zip(locked) {
        if row.fingerprint != observation.fingerprint.as_bytes() {
            changed += u32::from(row.same_version);
            left.push((ordinal, observation));
        }
    }
    let columns = Columns::of(left.iter().map(|(_, observation)| *observation));
    let ordinals: Vec<i32> = left.iter().map(|(ordinal, _)| *ordinal).collect();
    let done = sqlx::query!(
        "UPDATE catalogue c SET
             changed_at = CASE WHEN c.contract_version = $3 THEN $4 ELSE c.changed_at END,
             contract_version = $3, fingerprint = u.fingerprint, display_name = u.display_name, platform = u.platform,
             assignment_count = u.assignment_count, meta_jsonb = u.meta::jsonb, search_text = u.search_text
         FROM unnest($5::integer[], $6::bytea[], $7::text[], $8::text[], $9::integer[], $10::text[], $11::text[])
             AS u (ordinal, fingerprint, display_name, platform, assignment_count, meta, search_text)
         WHERE c.tenant_id = $1 AND c.policy_type = $2 AND c.ordinal = u.ordinal",
        tenant,
        policy_type.as_str(),
        version.as_bytes().as_slice(),
        now as _,
        &ordinals,
        &columns.fingerprints,
        &columns.display_names as &[Option<String>],
        &columns.platforms as &[Option<String>],
        &columns.assignment_counts as &[Option<i32>],
        &columns.metas,
        &columns.search_texts,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", ordinals.len() as u64, done.rows_affected())?;
    Ok(changed)
}

/// Observations as columns: one array a column is one parameter, however many rows there are.
struct Columns {
    external_ids: Vec<String>,
    fingerprints: Vec<Vec<u8>>,
    display_names: Vec<Option<String>>,
    platforms: Vec<Option<String>>,
    assignment_counts: Vec<Option<i32>>,
    metas: Vec<String>,
    search_texts: Vec<String>,
}

impl Columns {
    fn of<'a>(observations: impl Iterator<Item = &'a Observation> + Clone) -> Self {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Self {
            external_ids: observations.clone().map(|observation| observation.external_id.as_str().to_owned()).collect(),
            fingerprints: observations.clone().map(|observation| observation.fingerprint.as_bytes().to_vec()).collect(),
            display_names: observations.clone().map(|observation| observation.display_name.clone()).collect(),
            platforms: observations.clone().map(|observation| observation.platform.clone()).collect(),
            assignment_counts: observations.clone().map(|observation| observation.assignment_count.map(count)).collect(),
            metas: observations.clone().map(|observation| observation.meta.clone()).collect(),
            search_texts: observations.map(Observation::search_text).collect(),
        }
    }
}
