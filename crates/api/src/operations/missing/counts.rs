//! `GET /v1/missing/counts`

use axum::extract::State;
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseen_model::{Reference, Role, TenantId};
use lastseen_store::{MissingCounts, TenantScope};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::asked::{REFERENCE, reference};
use crate::answer::Answer;
use crate::authority::Caller;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::operations::common::{AFTER_TENANT, optional, page_of_tenants};
use crate::parameter::{PAGE_DEFAULT, Parameter, Query};
use crate::problem::Problem;
use crate::shared::App;

/// How many tenants are counted side by side.
const SIDE_BY_SIDE: usize = 4;

const LIMIT: Parameter = optional("limit", "How many tenants the page may cover; 100 where nothing is said.", || {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_u32)).maximum(Some(100_u32)).default(Some(PAGE_DEFAULT.into())).build()
});

const OPERATION: Operation = Operation {
    id: "count_missing",
    path: "/v1/missing/counts",
    needs: Needs::AnyTenant(Role::Reader),
    summary: "How much is missing, over all of the caller's tenants",
    about: "For each selection that a tenant has used, the counts that `list_missing` gives for it, by tenant and hash. `counts` is null \
            where a selection has no run to refer to, which is not zero. A page covers so many tenants; removed ones are left out.",
    example: "\"$HOST/v1/missing/counts?reference=latest_success\"",
    parameters: &[REFERENCE, AFTER_TENANT, LIMIT],
    gives: &[Gives::found::<CountsPage>("A page of them.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// How much is missing of the tenants of a page.
#[derive(Debug, Serialize, ToSchema)]
struct CountsPage {
    /// Which run the counts refer to.
    reference: Reference,
    /// The counts, by tenant and selection.
    counts: Vec<MissingCounts>,
    /// Where to go on; none on the last page.
    next_cursor: Option<TenantId>,
}

async fn handle(State(app): State<App>, caller: Caller, query: Query) -> Result<Answer, Problem> {
    let reference = reference(&query)?;
    let (tenants, next_cursor) = page_of_tenants(&app, &caller, &query, &LIMIT, false).await?;
    let scopes: Vec<_> = tenants.iter().map(|tenant| caller.scope(tenant.tenant_id, Role::Reader)).collect::<Result<_, _>>()?;
    let count = |scope: TenantScope| {
        let store = app.api.store.clone();
        async move { store.missing_counts(&scope, reference).await }
    };
    let counts: Vec<Vec<MissingCounts>> = stream::iter(scopes).map(count).buffered(SIDE_BY_SIDE).try_collect().await?;
    Answer::found(&CountsPage { reference, counts: counts.into_iter().flatten().collect(), next_cursor })
}
