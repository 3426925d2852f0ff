//! The innermost layer, one for each operation: whether the caller may, and whether what they name is known.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use lastseen_model::{Role, TenantId};
use lastseen_store::{TenantRecord, TenantScope};

use crate::authority::Caller;
use crate::operation::{Needs, Operation};
use crate::parameter::Query;
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;

/// The tenant that an operation is about, opened for its caller.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// The door to it.
    pub(crate) scope: TenantScope,
    /// What is known of it; none only where the operation is one that makes tenants known.
    pub(crate) record: Option<TenantRecord>,
}

impl Tenant {
    /// Its id.
    pub(crate) fn id(&self) -> TenantId {
        self.scope.tenant()
    }
}

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only an operation that needs a role on a tenant has one: another that asks for it is a bug, and opens no door.
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// Lets a request through to its operation where the caller may do that.
pub(crate) async fn admit(State((app, operation)): State<(App, &'static Operation)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match judge(&app, operation, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn judge(app: &App, operation: &Operation, parts: &mut Parts) -> Result<(), Problem> {
    let caller = parts.extensions.get::<Caller>().cloned();
    let caller = || caller.as_ref().ok_or_else(|| Problem::new(Code::Unauthenticated));
    match operation.needs {
        Needs::Nobody => {}
        Needs::Anybody => {
            caller()?;
        }
        Needs::AnyTenant(role) => caller()?.on_any(role)?,
        Needs::Fleet(role) => caller()?.on_all(role)?,
        Needs::Tenant(role) => {
            let named = Segments::from_request_parts(parts, &()).await?.get("tenant_id")?;
            // What is not known is told before what is not allowed, and whoever has any role there sees whether it is known.
            let scope = caller()?.scope(named, Role::Reader)?;
            let record = app.api.store.tenant(&scope).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
            let scope = caller()?.scope(named, role)?;
            parts.extensions.insert(Tenant { scope, record: Some(record) });
        }
        Needs::NewTenant(role) => {
            let named = Segments::from_request_parts(parts, &()).await?.get("tenant_id")?;
            let scope = caller()?.scope(named, role)?;
            let record = app.api.store.tenant(&scope).await?;
            parts.extensions.insert(Tenant { scope, record });
        }
    }
    let query = Query::read(parts.uri.query().unwrap_or_default(), operation.parameters)?;
    parts.extensions.insert(query);
    Ok(())
}
