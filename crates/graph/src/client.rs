//! The client: what all sessions share, and what all sessions of one tenant share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use lastseen_model::{CorrelationId, TenantId};
use tokio_util::sync::CancellationToken;

use crate::budget::{Budgets, locked};
use crate::learned::Learned;
use crate::session::Session;
use crate::settings::{Credential, GraphSettings, GraphSetupError};
use crate::timer::Timer;
use crate::token::TokenSlot;
use crate::transport::Transport;

/// The way to Graph with one credential. Clones share connections, tokens and limits; a process has one for each credential.
#[derive(Clone)]
pub struct GraphClient(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: GraphSettings,
    pub(crate) credential: Credential,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) graph: Transport,
    pub(crate) authority: Transport,
    tenants: Mutex<HashMap<TenantId, Arc<Tenant>>>,
}

/// What the sessions of one tenant share.
pub(crate) struct Tenant {
    pub(crate) token: TokenSlot,
    pub(crate) budgets: Budgets,
    pub(crate) learned: Learned,
}

impl GraphClient {
    /// A client that keeps to these limits and waits by this timer.
    ///
    /// # Errors
    /// A limit of zero, or a system whose CA certificates can't be read.
    pub fn new(settings: GraphSettings, credential: Credential, timer: Arc<dyn Timer>) -> Result<Self, GraphSetupError> {
        settings.check()?;
        let graph = Transport::new(&settings.endpoints.graph, &settings)?;
        let authority = Transport::new(&settings.endpoints.authority, &settings)?;
        Ok(Self(Arc::new(Inner { settings, credential, timer, graph, authority, tenants: Mutex::default() })))
    }

    /// A session for one run of one tenant. Its requests carry ids made of the correlation id; when `cancel` fires, whatever it
    /// waits for ends with `cancelled`.
    pub fn session(&self, tenant: TenantId, correlation: CorrelationId, cancel: CancellationToken) -> Session {
        let shared = Arc::clone(locked(&self.0.tenants).entry(tenant).or_insert_with(|| Arc::new(Tenant::new(&self.0.settings))));
        Session::new(Arc::clone(&self.0), tenant, shared, correlation, cancel)
    }
}

impl Tenant {
    fn new(settings: &GraphSettings) -> Self {
        Self { token: TokenSlot::default(), budgets: Budgets::new(settings), learned: Learned::default() }
    }
}
