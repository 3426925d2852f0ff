//! Items with their last sighting, a page at a time.

use lastseen_model::{ExternalId, PolicyType, Timestamp};
use lastseen_store::{Cursor, Item, ItemPage, ItemQuery, Result, TenantScope};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::{ItemRow, Stored};

pub(crate) async fn items(store: &SqliteStore, scope: &TenantScope, query: &ItemQuery) -> Result<ItemPage> {
    let mut tx = store.read().await?;
    let limit = query.page_size();
    let mut items = Vec::new();
    for policy_type in types(tx.db(), scope, query).await? {
        // One more than wanted says whether there is a next page.
        let wanted = limit + 1 - items.len();
        items.extend(items_of_type(tx.db(), scope, query, &policy_type, wanted).await?);
        if items.len() > limit {
            break;
        }
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| Cursor { policy_type: item.policy_type.clone(), external_id: item.external_id.clone() });
    Ok(ItemPage { items, next_cursor })
}

/// The types to look into, in order. One query a type lets each follow the unique index from its cursor on.
async fn types(db: &mut SqliteConnection, scope: &TenantScope, query: &ItemQuery) -> Result<Vec<PolicyType>> {
    let rows = sqlx::query!(
        "SELECT o.policy_type, p.category FROM ordinals o JOIN policy_types p ON p.policy_type = o.policy_type
         WHERE o.tenant_id = ?1 AND (?2 IS NULL OR o.policy_type >= ?2)
         ORDER BY o.policy_type",
        scope.tenant().to_string(),
        query.after.as_ref().map(|cursor| cursor.policy_type.as_str()),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    let mut types = Vec::new();
    for row in &rows {
        let known = Stored { table: "policy_types", key: &row.policy_type };
        let policy_type = known.word("policy_type", &row.policy_type)?;
        let in_types = query.types.is_empty() || query.types.contains(&policy_type);
        if in_types && (query.categories.is_empty() || query.categories.contains(&known.word("category", &row.category)?)) {
            types.push(policy_type);
        }
    }
    Ok(types)
}

async fn items_of_type(
    db: &mut SqliteConnection,
    scope: &TenantScope,
    query: &ItemQuery,
    policy_type: &PolicyType,
    wanted: usize,
) -> Result<Vec<Item>> {
    let after = query.after.as_ref().filter(|cursor| cursor.policy_type == *policy_type);
    let rows = sqlx::query_as!(
        ItemRow,
        r#"SELECT tenant_id, policy_type, external_id, category, display_name, platform, meta_jsonb, assignment_count, first_seen_at,
                  first_seen_run_id, changed_at, last_seen_at AS "last_seen_at?: i64", last_seen_run_id AS "last_seen_run_id?: String"
           FROM item_evidence
           WHERE tenant_id = ?1 AND policy_type = ?2
             -- Every id is longer than the empty text.
             AND external_id > ?3
             AND (?4 IS NULL OR platform = ?4)
             AND (?5 IS NULL OR instr(search_text, ?5) > 0)
             AND (?6 IS NULL OR last_seen_at < ?6)
           ORDER BY external_id LIMIT ?7"#,
        scope.tenant().to_string(),
        policy_type.as_str(),
        after.map_or("", |cursor| cursor.external_id.as_str()),
        query.platform.as_deref(),
        query.search.as_deref().map(lastseen_model::observation::fold),
        query.not_seen_since.map(Timestamp::as_microsecond),
        i64::try_from(wanted).unwrap_or(i64::MAX),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(Item::try_from).collect()
}

/// One item by its identity.
pub(crate) async fn read_item(
    db: &mut SqliteConnection,
    scope: &TenantScope,
    policy_type: &PolicyType,
    external_id: &ExternalId,
) -> Result<Option<Item>> {
    let row = sqlx::query_as!(
        ItemRow,
        r#"SELECT tenant_id, policy_type, external_id, category, display_name, platform, meta_jsonb, assignment_count, first_seen_at,
                  first_seen_run_id, changed_at, last_seen_at AS "last_seen_at?: i64", last_seen_run_id AS "last_seen_run_id?: String"
           FROM item_evidence WHERE tenant_id = ?1 AND policy_type = ?2 AND external_id = ?3"#,
        scope.tenant().to_string(),
        policy_type.as_str(),
        external_id.as_str(),
    )
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(Item::try_from).transpose()
}
