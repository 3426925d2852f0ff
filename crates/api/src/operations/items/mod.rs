//! The items that were seen.

mod explain;
mod list;
mod timeline;

use lastseen_store::Explanation;

use crate::gate::Tenant;
use crate::operation::Endpoint;
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

/// The item that the address names, with every listing that bears on it.
async fn explained(app: &App, tenant: &Tenant, segments: &Segments) -> Result<Explanation, Problem> {
    let (policy_type, external_id) = (segments.get("policy_type")?, segments.get("external_id")?);
    app.api.store.explain(&tenant.scope, &policy_type, &external_id).await?.ok_or_else(|| Problem::new(Code::NotFound))
}

/// Them all.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), explain::endpoint(), timeline::endpoint()]
}
