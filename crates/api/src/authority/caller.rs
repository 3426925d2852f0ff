//! The authorization: the one place where a caller's authority opens a tenant.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use lastseen_model::{Authority, Role, TenantId, Tenants};
use lastseen_store::TenantScope;

use super::{Authenticated, Who};
use crate::problem::{Code, Problem};

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Arc<Authenticated>);

impl Caller {
    /// Whoever was authenticated.
    pub(crate) fn new(authenticated: Authenticated) -> Self {
        Self(Arc::new(authenticated))
    }

    /// Who it is.
    pub(crate) fn who(&self) -> &Who {
        &self.0.who
    }

    /// All that they were granted.
    pub(crate) fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// Opens a tenant to whoever has this role on it. A tenant that is none of theirs is to them as one that does not exist.
    pub(crate) fn scope(&self, tenant: TenantId, role: Role) -> Result<TenantScope, Problem> {
        match self.authority().on(tenant) {
            None => Err(Problem::new(Code::NotFound)),
            Some(has) if has < role => Err(forbidden(role, "on this tenant")),
            Some(_) => Ok(open(tenant)),
        }
    }

    /// Whether they have this role on some tenant.
    pub(crate) fn on_any(&self, role: Role) -> Result<(), Problem> {
        if self.authority().highest() >= Some(role) { Ok(()) } else { Err(forbidden(role, "on a tenant")) }
    }

    /// Whether they have this role on every tenant.
    pub(crate) fn on_all(&self, role: Role) -> Result<(), Problem> {
        if self.authority().on_all() >= Some(role) { Ok(()) } else { Err(forbidden(role, "on all tenants")) }
    }

    /// Whether they have this role on each of these tenants. Of no tenants only whoever has it on all may say what becomes.
    pub(crate) fn on_each(&self, tenants: &Tenants, role: Role) -> Result<(), Problem> {
        let has = self.authority().on_all().max(self.authority().on_each(tenants));
        if has >= Some(role) { Ok(()) } else { Err(forbidden(role, "on each of its tenants")) }
    }
}

fn forbidden(role: Role, whereabouts: &str) -> Problem {
    Problem::new(Code::Forbidden).detail(format!("this takes the role {role} {whereabouts}"))
}

#[expect(clippy::disallowed_methods, reason = "the authorization, after it has looked at the caller's authority")]
fn open(tenant: TenantId) -> TenantScope {
    TenantScope::assume(tenant)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(Code::Unauthenticated))
    }
}

#[cfg(test)]
mod tests {
    use lastseen_model::Grant;

    use super::*;

    fn tenant(n: u8) -> TenantId {
        format!("00000000-0000-4000-8000-0000000000{n:02}").parse().expect("an id")
    }

    fn caller(role: Role, tenants: Tenants) -> Caller {
        let who = Who::Oidc { subject: "somebody".to_owned(), name: None };
        Caller::new(Authenticated { who, authority: Authority::new([Grant { role, tenants }]) })
    }

    #[test]
    fn i21_a_foreign_tenant_is_as_one_that_does_not_exist_and_never_forbidden() {
        let caller = caller(Role::Admin, Tenants::Some([tenant(1)].into()));
        assert_eq!(caller.scope(tenant(1), Role::Admin).map(|scope| scope.tenant()), Ok(tenant(1)));
        assert_eq!(caller.scope(tenant(2), Role::Reader), Err(Problem::new(Code::NotFound)));
        assert_eq!(caller.on_all(Role::Reader).map_err(|problem| problem.code()), Err(Code::Forbidden));
        let both = Tenants::Some([tenant(1), tenant(2)].into());
        assert_eq!(caller.on_each(&both, Role::Reader).map_err(|problem| problem.code()), Err(Code::Forbidden));
    }

    #[test]
    fn too_low_a_role_on_ones_own_tenant_is_told_which_is_needed() {
        let problem = caller(Role::Reader, Tenants::All).scope(tenant(1), Role::Operator).expect_err("refused");
        assert_eq!(problem, Problem::new(Code::Forbidden).detail("this takes the role operator on this tenant"));
    }
}
