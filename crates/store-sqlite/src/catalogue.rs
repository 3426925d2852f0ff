//! Items: found by Graph's id, made when they are new, rewritten when they changed. Nothing here deletes one.

use lastseen_model::{ContractVersion, ExternalId, Fingerprint, Observation, Ordinal, PolicyType};
use lastseen_store::{Result, StoreError};

use crate::error::of_statement;
use crate::rows::Stored;
use crate::transaction::{WriteTx, met};

/// What a page saw of one type.
pub(crate) struct Observed {
    /// The ordinals of its items, each once.
    pub(crate) ordinals: Vec<Ordinal>,
    /// How many of them are new.
    pub(crate) created: u32,
    /// How many differ from what was stored under the same contract version.
    pub(crate) changed: u32,
}

/// Finds or makes an item for each observation; no id comes twice.
pub(crate) async fn observe(
    tx: &mut WriteTx,
    tenant: &str,
    run: &str,
    policy_type: &PolicyType,
    version: &ContractVersion,
    observations: &[&Observation],
) -> Result<Observed> {
    if observations.is_empty() {
        return Ok(Observed { ordinals: Vec::new(), created: 0, changed: 0 });
    }
    let mut known = look_up(tx, tenant, policy_type, version, observations).await?;
    let mut ordinals = Vec::with_capacity(observations.len());
    let mut new = Vec::new();
    let mut changed = 0;
    for (place, observation) in observations.iter().enumerate() {
        let Some(item) = known[place].take() else {
            new.push(*observation);
            continue;
        };
        ordinals.push(item.ordinal);
        if item.fingerprint != observation.fingerprint {
            rewrite(tx, tenant, policy_type, version, item.ordinal, observation).await?;
            changed += u32::from(item.same_version);
        }
    }
    let first = take_ordinals(tx, tenant, policy_type, new.len()).await?;
    insert(tx, tenant, run, policy_type, version, first, &new).await?;
    let created = u32::try_from(new.len()).unwrap_or(u32::MAX);
    ordinals.extend((first..).take(new.len()));
    Ok(Observed { ordinals, created, changed })
}

/// An item as it is stored.
struct Known {
    ordinal: Ordinal,
    fingerprint: Fingerprint,
    same_version: bool,
}

/// The stored items of the observations, each at its observation's place.
async fn look_up(
    tx: &mut WriteTx,
    tenant: &str,
    policy_type: &PolicyType,
    version: &ContractVersion,
    observations: &[&Observation],
) -> Result<Vec<Option<Known>>> {
    let ids: serde_json::Value = observations.iter().map(|observation| observation.external_id.as_str()).collect();
    // One statement a page: the ids go in as one JSON array, and each is one probe of the unique index (CROSS JOIN keeps the order). The
    // macro looks for the table of a plain column, and a function has none; hence the `+`.
    let rows = sqlx::query!(
        r#"SELECT +j.key AS "place!: i64", c.ordinal AS "ordinal!: Ordinal", c.fingerprint, c.contract_version = ?3 AS "same_version!: bool"
           FROM json_each(?4) j
           CROSS JOIN catalogue c ON c.tenant_id = ?1 AND c.policy_type = ?2 AND c.external_id = j.value"#,
        tenant,
        policy_type.as_str(),
        version.to_string(),
        ids.to_string(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let mut known: Vec<Option<Known>> = observations.iter().map(|_| None).collect();
    for row in rows {
        let key = row.ordinal.to_string();
        let item = Stored { table: "catalogue", key: &key };
        let fingerprint = item.word("fingerprint", &row.fingerprint)?;
        let place = usize::try_from(row.place).ok().and_then(|place| known.get_mut(place));
        *item.there("external_id", place)? = Some(Known { ordinal: row.ordinal, fingerprint, same_version: row.same_version });
    }
    Ok(known)
}

/// The ordinals of a type's items that have one of these ids; the others are no items of it, and none is made.
pub(crate) async fn known_ordinals(tx: &mut WriteTx, tenant: &str, policy_type: &PolicyType, ids: &[ExternalId]) -> Result<Vec<Ordinal>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: serde_json::Value = ids.iter().map(ExternalId::as_str).collect();
    // As in `look_up`: one statement, and a probe of the unique index for each id.
    sqlx::query_scalar!(
        r#"SELECT c.ordinal AS "ordinal!: Ordinal" FROM json_each(?3) j
           CROSS JOIN catalogue c ON c.tenant_id = ?1 AND c.policy_type = ?2 AND c.external_id = j.value"#,
        tenant,
        policy_type.as_str(),
        ids.to_string(),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)
}

/// Gives out `count` ordinals and answers the first. The write lock stands for the row lock that two runs would take turns on.
async fn take_ordinals(tx: &mut WriteTx, tenant: &str, policy_type: &PolicyType, count: usize) -> Result<Ordinal> {
    if count == 0 {
        return Ok(0);
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    sqlx::query_scalar!(
        r#"INSERT INTO ordinals (tenant_id, policy_type, next_ordinal) VALUES (?1, ?2, ?3)
           ON CONFLICT (tenant_id, policy_type) DO UPDATE SET next_ordinal = next_ordinal + excluded.next_ordinal
           RETURNING next_ordinal - ?3 AS "first!: Ordinal""#,
        tenant,
        policy_type.as_str(),
        count,
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)
}

/// Inserts new items under the ordinals from `first` on.
async fn insert(
    tx: &mut WriteTx,
    tenant: &str,
    run: &str,
    policy_type: &PolicyType,
    version: &ContractVersion,
    first: Ordinal,
    new: &[&Observation],
) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let now = tx.now;
    // In the order in which the statement takes them apart.
    let items: Vec<_> = new
        .iter()
        .map(|new| {
            let (id, fingerprint) = (&new.external_id, new.fingerprint.to_string());
            (id.as_str(), fingerprint, &new.display_name, &new.platform, new.assignment_count, &new.meta, new.search_text())
        })
        .collect();
    let items = serde_json::to_string(&items).map_err(|error| StoreError::Refused(error.into()))?;
    // One statement a page, with the items as one JSON array: it costs what an INSERT with parameters for every row does (measured).
    // `json_each` would make each item a text that is parsed again. `jsonb_each` is newer than what the schema is held to, for the
    // program brings its own SQLite.
    let done = sqlx::query!(
        "INSERT INTO catalogue (tenant_id, policy_type, ordinal, external_id, fingerprint, contract_version, display_name, platform,
                                assignment_count, first_seen_at, first_seen_run_id, changed_at, meta_jsonb, search_text)
         SELECT ?1, ?2, ?3 + j.key, j.value ->> 0, j.value ->> 1, ?4, j.value ->> 2, j.value ->> 3, j.value ->> 4, ?5, ?6, ?5,
                j.value ->> 5, j.value ->> 6
         FROM jsonb_each(?7) j",
        tenant,
        policy_type.as_str(),
        first,
        version.to_string(),
        now,
        run,
        items,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", new.len() as u64, done.rows_affected())
}

/// Writes what was observed over what is stored. Under a new contract version the item itself did not change: it was observed
/// in another way.
async fn rewrite(
    tx: &mut WriteTx,
    tenant: &str,
    policy_type: &PolicyType,
    version: &ContractVersion,
    ordinal: Ordinal,
    observation: &Observation,
) -> Result<()> {
    let now = tx.now;
    let done = sqlx::query!(
        "UPDATE catalogue SET
             changed_at = iif(contract_version = ?4, ?5, changed_at),
             contract_version = ?4, fingerprint = ?6, display_name = ?7, platform = ?8, assignment_count = ?9, meta_jsonb = ?10,
             search_text = ?11
         WHERE tenant_id = ?1 AND policy_type = ?2 AND ordinal = ?3",
        tenant,
        policy_type.as_str(),
        ordinal,
        version.to_string(),
        now,
        observation.fingerprint.to_string(),
        observation.display_name.as_deref(),
        observation.platform.as_deref(),
        observation.assignment_count,
        observation.meta,
        observation.search_text(),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    met("record_page", 1, done.rows_affected())
}
