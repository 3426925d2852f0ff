//! The way to one tenant.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::credential::Credential;
use crate::origin::Endpoints;

/// Where a tenant is, and what it is signed in with. Made anew for every run, so that what was replaced is picked up.
#[derive(Debug, Clone)]
pub struct Access {
    /// Where its Graph and its token endpoint are.
    pub endpoints: Endpoints,
    /// What to sign in with.
    pub credential: Arc<Credential>,
    /// How many of its requests are under way at once, instead of [`crate::GraphSettings::tenant_concurrency`]. All work of the process on
    /// the tenant shares them: the newest session's number holds.
    pub requests_at_once: Option<NonZeroUsize>,
}
