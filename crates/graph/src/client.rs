//! The client: what all sessions share, and what all sessions of one tenant share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lastseen_model::{CorrelationId, TenantId};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::budget::{Budgets, locked};
use crate::credential::Proof;
use crate::identity::IdentityTransport;
use crate::learned::Learned;
use crate::origin::{Endpoints, Origin};
use crate::session::{Session, Ways};
use crate::settings::{GraphSettings, GraphSetupError};
use crate::timer::Timer;
use crate::tokens::Tokens;
use crate::transport::Transport;

/// The way to Graph, for all tenants, in every cloud. Clones share connections, tokens and limits; a process has one.
#[derive(Clone)]
pub struct GraphClient(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: GraphSettings,
    pub(crate) timer: Arc<dyn Timer>,
    tokens: Tokens,
    transports: Mutex<HashMap<Origin, Transport>>,
    identity: Mutex<Option<IdentityTransport>>,
    tenants: Mutex<HashMap<(Origin, TenantId), Arc<Tenant>>>,
}

/// What the sessions of one tenant share, whatever they sign in with: Graph counts by tenant.
pub(crate) struct Tenant {
    pub(crate) budgets: Budgets,
    pub(crate) learned: Learned,
}

impl GraphClient {
    /// A client that keeps to these limits and waits by this timer. It knows no tenant and no secret.
    ///
    /// # Errors
    /// A limit of zero.
    pub fn new(settings: GraphSettings, timer: Arc<dyn Timer>) -> Result<Self, GraphSetupError> {
        settings.check()?;
        Ok(Self(Arc::new(Inner {
            settings,
            timer,
            tokens: Tokens::default(),
            transports: Mutex::default(),
            identity: Mutex::default(),
            tenants: Mutex::default(),
        })))
    }

    /// Makes ready for these endpoints. No session needs it; it tells early what would stop one.
    ///
    /// # Errors
    /// A system whose CA certificates can't be read.
    pub fn prepare(&self, endpoints: &Endpoints) -> Result<(), GraphSetupError> {
        self.transport(&endpoints.authority)?;
        self.transport(&endpoints.graph).map(drop)
    }

    /// A session for one run of one tenant, which is reached by `access`. Its requests carry ids made of the correlation id; when `cancel`
    /// fires, whatever it waits for ends with `cancelled`.
    ///
    /// # Errors
    /// A system whose CA certificates can't be read.
    pub fn session(
        &self,
        tenant: TenantId,
        access: Access,
        correlation: CorrelationId,
        cancel: CancellationToken,
    ) -> Result<Session, GraphSetupError> {
        let most = access.requests_at_once.map_or(self.0.settings.tenant_concurrency, std::num::NonZeroUsize::get);
        let shared = Arc::clone(
            locked(&self.0.tenants)
                .entry((access.endpoints.graph.clone(), tenant))
                .or_insert_with(|| Arc::new(Tenant::new(&self.0.settings))),
        );
        shared.budgets.set_at_once(most);
        let ways = Ways {
            graph: self.transport(&access.endpoints.graph)?,
            authority: self.transport(&access.endpoints.authority)?,
            identity: match access.credential.proof {
                Proof::ManagedIdentity(_) => Some(self.identity()?),
                Proof::Secret(_) | Proof::Certificate(_) | Proof::Federated(_) => None,
            },
            token: self.0.tokens.slot(tenant, &access, self.0.timer.now()),
        };
        Ok(Session::new(Arc::clone(&self.0), tenant, access, shared, ways, correlation, cancel))
    }

    /// HTTP to an origin, the same for all tenants there.
    fn transport(&self, origin: &Origin) -> Result<Transport, GraphSetupError> {
        let mut transports = locked(&self.0.transports);
        if let Some(known) = transports.get(origin) {
            return Ok(known.clone());
        }
        let made = Transport::new(origin, &self.0.settings)?;
        Ok(transports.entry(origin.clone()).or_insert(made).clone())
    }

    fn identity(&self) -> Result<IdentityTransport, GraphSetupError> {
        let mut identity = locked(&self.0.identity);
        match &*identity {
            Some(known) => Ok(known.clone()),
            None => Ok(identity.insert(IdentityTransport::new(&self.0.settings)?).clone()),
        }
    }
}

impl Tenant {
    fn new(settings: &GraphSettings) -> Self {
        Self { budgets: Budgets::new(settings), learned: Learned::default() }
    }
}
