//! Items with their last sighting, a page at a time.

use lastseen_model::observation::fold;
use lastseen_model::{ExternalId, PolicyType, Timestamp};
use lastseen_store::{Cursor, Item, ItemPage, ItemQuery, Result, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::{ItemRow, Stored};
use crate::transaction::TenantTx;

pub(crate) async fn items(store: &PostgresStore, scope: &TenantScope, query: &ItemQuery) -> Result<ItemPage> {
    let mut tx = store.read(scope).await?;
    let limit = query.page_size();
    let mut items: Vec<Item> = Vec::new();
    let types = types(&mut tx, query).await?;
    let mut rest = types.as_slice();
    while !rest.is_empty() && items.len() <= limit {
        // One more than wanted says whether there is a next page.
        let wanted = limit + 1 - items.len();
        let (together, later) = rest.split_at(as_many_as_hold(rest, wanted));
        items.extend(items_of(&mut tx, query, together, wanted).await?);
        rest = later;
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|item| Cursor { policy_type: item.policy_type.clone(), external_id: item.external_id.clone() });
    Ok(ItemPage { items, next_cursor })
}

/// A type, and how many items it has.
struct Sized {
    policy_type: String,
    items: usize,
}

/// How many of the types to ask about at once: the first, and those after it until they hold as many items as are wanted. So small
/// types share a question, and a large one is not read further than the page.
fn as_many_as_hold(types: &[Sized], wanted: usize) -> usize {
    let mut held = 0;
    let enough = types.iter().position(|sized| {
        held += sized.items;
        held >= wanted
    });
    enough.map_or(types.len(), |last| last + 1)
}

/// The types to look into, in order.
async fn types(tx: &mut TenantTx, query: &ItemQuery) -> Result<Vec<Sized>> {
    let tenant = tx.tenant;
    let rows = sqlx::query!(
        "SELECT o.policy_type, o.next_ordinal, p.category FROM ordinals o JOIN policy_types p ON p.policy_type = o.policy_type
         WHERE o.tenant_id = $1 AND ($2::text IS NULL OR o.policy_type >= $2)
         ORDER BY o.policy_type",
        tenant,
        query.after.as_ref().map(|cursor| cursor.policy_type.as_str()),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let mut types = Vec::new();
    for row in rows {
        let known = Stored { table: "policy_types", key: &row.policy_type };
        let policy_type: PolicyType = known.word("policy_type", &row.policy_type)?;
        let in_types = query.types.is_empty() || query.types.contains(&policy_type);
        if in_types && (query.categories.is_empty() || query.categories.contains(&known.word("category", &row.category)?)) {
            let items = known.number("next_ordinal", row.next_ordinal)?;
            types.push(Sized { policy_type: row.policy_type, items });
        }
    }
    Ok(types)
}

async fn items_of(tx: &mut TenantTx, query: &ItemQuery, types: &[Sized], wanted: usize) -> Result<Vec<Item>> {
    let tenant = tx.tenant;
    let names: Vec<String> = types.iter().map(|sized| sized.policy_type.clone()).collect();
    let not_seen_since: Option<jiff_sqlx::Timestamp> = query.not_seen_since.map(Timestamp::into);
    let rows = sqlx::query_file_as!(
        ItemRow,
        "src/sql/items_page.sql",
        tenant,
        &names,
        query.after.as_ref().map(|cursor| cursor.policy_type.as_str()),
        query.after.as_ref().map(|cursor| cursor.external_id.as_str()),
        query.platform.as_deref(),
        query.search.as_deref().map(fold),
        not_seen_since as _,
        i64::try_from(wanted).unwrap_or(i64::MAX),
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(Item::try_from).collect()
}

/// One item by its identity, and the number of its last sighting.
pub(crate) async fn read_item(tx: &mut TenantTx, policy_type: &PolicyType, external_id: &ExternalId) -> Result<Option<Item>> {
    let tenant = tx.tenant;
    let row = sqlx::query_file_as!(ItemRow, "src/sql/last_seen.sql", tenant, policy_type.as_str(), external_id.as_str())
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    row.map(Item::try_from).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_types_share_a_question_and_a_large_one_ends_it() {
        let types = |sizes: &[usize]| sizes.iter().map(|items| Sized { policy_type: "t".into(), items: *items }).collect::<Vec<_>>();
        assert_eq!(as_many_as_hold(&types(&[3, 4, 5, 6]), 10), 3);
        assert_eq!(as_many_as_hold(&types(&[1_000, 4]), 10), 1);
        assert_eq!(as_many_as_hold(&types(&[1, 1]), 10), 2);
        assert_eq!(as_many_as_hold(&types(&[0, 0, 9]), 1), 3);
    }
}
