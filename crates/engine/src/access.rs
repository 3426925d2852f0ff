//! How a run comes to the access of its tenant.

use async_trait::async_trait;
use lastseen_graph::{Access, CredentialProblem};
use lastseen_model::{ClientId, Cloud, CredentialRef, ErrorCode, ErrorContext, TenantId};
use lastseen_store::{RunError, StoreError, TenantRecord, TenantScope};
use tokio_util::sync::CancellationToken;

use crate::run::Engine;

/// What is known of how one tenant is reached. Where it says nothing, the configuration does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantAccess {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its cloud.
    pub cloud: Option<Cloud>,
    /// The app registration that signs in.
    pub client_id: Option<ClientId>,
    /// Where its credential is kept.
    pub credential: Option<CredentialRef>,
    /// How many requests may be under way at once.
    pub requests_at_once: Option<u32>,
}

impl TenantAccess {
    /// A tenant that is reached as the configuration says.
    pub fn of(tenant_id: TenantId) -> Self {
        Self { tenant_id, cloud: None, client_id: None, credential: None, requests_at_once: None }
    }
}

/// Who knows the way to each tenant.
#[async_trait]
pub trait Accesses: Send + Sync {
    /// The access of a tenant, with its credential read now: it is asked for each run, so that a secret that was replaced is picked up.
    ///
    /// # Errors
    /// Why there is none. It names the credential and never holds its content.
    async fn access(&self, tenant: &TenantAccess) -> Result<Access, CredentialProblem>;
}

/// Why a run has no access.
pub(crate) enum NoAccess {
    /// The credential can't be read.
    Credential(RunError),
    /// The database did not say how.
    Store(StoreError),
}

impl Engine {
    /// The access of a run's tenant.
    pub(crate) async fn access(&self, scope: &TenantScope, lost: &CancellationToken) -> Result<Access, NoAccess> {
        let tenant = self.tenant_access(scope, lost).await.map_err(NoAccess::Store)?;
        self.accesses.access(&tenant).await.map_err(|problem| {
            let code = ErrorCode::CredentialUnavailable;
            tracing::error!(%code, tenant = %scope.tenant(), %problem, "the tenant's credential can't be used");
            NoAccess::Credential(RunError { code, context: ErrorContext::default() })
        })
    }

    /// What the database knows of how the tenant is reached. The one place where its record becomes a [`TenantAccess`].
    async fn tenant_access(&self, scope: &TenantScope, lost: &CancellationToken) -> Result<TenantAccess, StoreError> {
        let known = self.patience(lost).call(|| self.store.tenant(scope)).await?;
        Ok(known.map_or_else(|| TenantAccess::of(scope.tenant()), TenantAccess::from))
    }
}

impl From<TenantRecord> for TenantAccess {
    fn from(record: TenantRecord) -> Self {
        let TenantRecord { tenant_id, cloud, client_id, credential, requests_at_once, .. } = record;
        Self { tenant_id, cloud, client_id, credential, requests_at_once }
    }
}
