//! `GET /v1/tenants/{tenant_id}/items`

use axum::extract::State;
use lastseen_model::{Role, TenantId};
use lastseen_store::{Cursor, Item, ItemPage, ItemQuery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{CATEGORIES, CURSOR, LIMIT, TYPES, cursor, names, optional, searched, text, time};
use crate::parameter::{Parameter, Query};
use crate::problem::{Code, Problem};
use crate::shared::App;

const PLATFORM: Parameter = optional("platform", "Only of this platform, whatever the case.", text);
const SEARCH: Parameter = optional("search", "Only whose name or id holds this text, whatever the case.", text);
const NOT_SEEN_SINCE: Parameter = optional("not_seen_since", "Only those last seen before this time.", time);

const OPERATION: Operation = Operation {
    id: "list_items",
    path: "/v1/tenants/{tenant_id}/items",
    needs: Needs::Tenant(Role::Reader),
    summary: "The items of a tenant, with when each was last seen",
    about: "Every item that any run saw, in the order of type and id. That one was not seen for long says nothing by itself: what is \
            missing, and how far that can be trusted, is answered by `list_missing`.",
    example: "\"$HOST/v1/tenants/$TENANT_ID/items?type=deviceConfiguration&search=baseline\"",
    parameters: &[TYPES, CATEGORIES, PLATFORM, SEARCH, NOT_SEEN_SINCE, CURSOR, LIMIT],
    gives: &[Gives::found::<ItemList>("A page of them.")],
    refuses: &[Code::InvalidCursor],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A page of items.
#[derive(Debug, Serialize, ToSchema)]
struct ItemList {
    /// The tenant.
    tenant_id: TenantId,
    /// The items.
    items: Vec<Item>,
    /// Where to go on; none on the last page.
    next_cursor: Option<Cursor>,
}

async fn handle(State(app): State<App>, tenant: Tenant, query: Query) -> Result<Answer, Problem> {
    let (types, categories) = names(&query)?;
    let asked = ItemQuery {
        types,
        categories,
        platform: searched(&query, &PLATFORM)?.map(|platform| platform.to_lowercase()),
        search: searched(&query, &SEARCH)?,
        not_seen_since: query.time(&NOT_SEEN_SINCE)?,
        after: cursor(&query)?,
        limit: query.limit(&LIMIT)?,
    };
    let ItemPage { items, next_cursor } = app.api.store.items(&tenant.scope, &asked).await?;
    Answer::found(&ItemList { tenant_id: tenant.id(), items, next_cursor })
}
