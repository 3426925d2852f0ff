//! One run's way to one tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lastseen_contracts::PathContract;
use lastseen_model::{CorrelationId, ErrorCode, TenantId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::access::Access;
use crate::claims::Claims;
use crate::client::{Inner, Tenant};
use crate::failure::GraphFailure;
use crate::identity::IdentityTransport;
use crate::organization::{self, MdmAuthority};
use crate::origin::Endpoints;
use crate::pages::Pages;
use crate::payload::AppRole;
use crate::probe::{self, Probe};
use crate::sign_in;
use crate::token::{Token, TokenSlot};
use crate::traffic::{Counters, Traffic};
use crate::transport::Transport;

/// What one run asks of one tenant. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

struct Shared {
    client: Arc<Inner>,
    tenant_id: TenantId,
    access: Access,
    tenant: Arc<Tenant>,
    ways: Ways,
    correlation: CorrelationId,
    cancel: CancellationToken,
    counters: Counters,
    requests: AtomicU64,
}

/// What the client lends a session.
pub(crate) struct Ways {
    pub(crate) graph: Transport,
    pub(crate) authority: Transport,
    /// Where the credential is a managed identity.
    pub(crate) identity: Option<IdentityTransport>,
    pub(crate) token: Arc<TokenSlot>,
}

/// What a token says of itself, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// The app roles it has, sorted; none where it can't be read.
    pub roles: Option<Vec<AppRole>>,
    /// How long it still lives.
    pub expires_in: Duration,
}

impl Session {
    pub(crate) fn new(
        client: Arc<Inner>,
        tenant_id: TenantId,
        access: Access,
        tenant: Arc<Tenant>,
        ways: Ways,
        correlation: CorrelationId,
        cancel: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared {
            client,
            tenant_id,
            access,
            tenant,
            ways,
            correlation,
            cancel,
            counters: Counters::default(),
            requests: AtomicU64::new(0),
        }))
    }

    /// Gets a token, or finds that there is one.
    ///
    /// # Errors
    /// `auth_failed` with Entra's number where the credential is refused, `credential_unavailable` where it is not there,
    /// `auth_tenant_mismatch` where the token says that it is for another tenant, and the codes of an endpoint that can't be reached.
    pub async fn sign_in(&self) -> Result<(), GraphFailure> {
        self.unless_cancelled(async { self.token().await.map(drop) }).await
    }

    /// Signs in, and says what the token says of itself: which permissions the app has here, as far as that can be known beforehand.
    ///
    /// # Errors
    /// As [`Self::sign_in`].
    pub async fn token_facts(&self) -> Result<TokenFacts, GraphFailure> {
        let token = self.unless_cancelled(self.token()).await?;
        Ok(TokenFacts { roles: token.roles.clone(), expires_in: token.expires_at.saturating_sub(self.0.client.timer.now()) })
    }

    /// The pages of a path. `wanted` are the indexes of its types that the run lists: where it is one alone, a failure names it.
    pub fn pages(&self, path: &PathContract, wanted: &[usize]) -> Pages {
        Pages::new(self.clone(), path, wanted)
    }

    /// Finds out what a path takes: at most nine questions for its first page (or for that of the first object of its parent), one
    /// after the other, each under the budget of a page and asked a few times at most. Nothing, where it has a parent that is empty.
    /// What was learned of the path in this process is left out, and nothing is remembered.
    ///
    /// # Errors
    /// The path does not answer at all, or something that says nothing of an option ended the probe.
    pub async fn probe(&self, path: &PathContract) -> Result<Option<Probe>, GraphFailure> {
        self.unless_cancelled(probe::probe(self, path)).await
    }

    /// Asks the tenant who manages its devices. Needs [`crate::ORGANIZATION_PERMISSION`], which no run needs.
    ///
    /// # Errors
    /// As a page of a listing; `graph_forbidden` without the permission.
    pub async fn mdm_authority(&self) -> Result<MdmAuthority, GraphFailure> {
        self.unless_cancelled(organization::mdm_authority(self)).await
    }

    /// Sees whether a path answers, by one small question.
    ///
    /// # Errors
    /// As the first page of its listing.
    pub async fn knock(&self, path: &PathContract) -> Result<(), GraphFailure> {
        self.unless_cancelled(organization::knock(self, path)).await
    }

    /// What the session sent and got until now.
    pub fn traffic(&self) -> Traffic {
        self.0.counters.read()
    }

    /// Does the work, or ends it where it stands when the run is cancelled.
    pub(crate) async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T, GraphFailure>>) -> Result<T, GraphFailure> {
        tokio::select! {
            biased;
            () = self.0.cancel.cancelled() => Err(GraphFailure::of(ErrorCode::Cancelled)),
            done = work => done,
        }
    }

    /// A token that has not expired.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, GraphFailure> {
        let Inner { timer, settings, .. } = &*self.0.client;
        self.0.ways.token.get(|| timer.now(), settings.longest_closure(), |claims| sign_in::fetch(self, claims)).await
    }

    /// Graph refused a token, and may have said what it wants of the next one.
    pub(crate) async fn refused(&self, token: &Arc<Token>, claims: Option<Claims>) {
        self.0.ways.token.refused(token, claims).await;
    }

    /// The id of the next request: a UUIDv5 of the correlation id and a counter, so that a run's requests can be named in a
    /// support case by its correlation id alone.
    pub(crate) fn request_id(&self) -> Uuid {
        let number = self.0.requests.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v5(&self.0.correlation.as_uuid(), &number.to_be_bytes())
    }

    pub(crate) fn client(&self) -> &Inner {
        &self.0.client
    }
    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.0.access.endpoints
    }
    pub(crate) fn graph(&self) -> &Transport {
        &self.0.ways.graph
    }
    pub(crate) fn ways(&self) -> &Ways {
        &self.0.ways
    }
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.0.tenant
    }
    pub(crate) fn tenant_id(&self) -> TenantId {
        self.0.tenant_id
    }
    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }
}
