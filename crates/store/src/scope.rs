//! The only door to tenant data.

use lastseen_model::TenantId;

/// The right to act within one tenant. Whoever holds one has been told which tenant by a person at the command line, by the
/// authenticator or by a claim; nothing else may make one, which `clippy.toml` sees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantScope(TenantId);

impl TenantScope {
    /// Opens the door to a tenant. Every caller is a place that answers for it and says so in an `#[expect]`.
    pub fn assume(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.0
    }
}
