//! Examining a tenant before a run does: whether it signs in, what it may read, what it has. Nothing is stored.

mod outlook;
mod permissions;

use std::collections::BTreeMap;
use std::time::Duration;

use lastseen_contracts::{ApiVersion, PathContract, PathPlan, Registry, Workload};
use lastseen_graph::{AppRole, CredentialProblem, GraphClient, GraphFailure, GraphSetupError, MdmAuthority, Probe, Session};
use lastseen_model::{ErrorCode, PolicyType, TenantId};
use tokio_util::sync::CancellationToken;

use crate::access::{Accesses, TenantAccess};
use crate::ids;

pub use self::outlook::{Expected, Outlook};
pub use self::permissions::Permission;

/// How many paths are probed side by side. The tenant's budget decides how many requests are under way.
const PROBED_AT_ONCE: usize = 8;

/// What is examined.
#[derive(Debug, Clone)]
pub struct Examine {
    /// The types that a sync would list.
    pub types: Vec<PolicyType>,
    /// Whether each of their paths is asked what it takes.
    pub probe: bool,
}

/// What was found out.
#[derive(Debug)]
pub struct Examination {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whether signing in works. Where it does not, nothing else was asked.
    pub sign_in: Result<SignedIn, NotSignedIn>,
    /// The permissions that the types need, by name.
    pub permissions: Vec<Permission>,
    /// Which workloads answer: one small question to each that has a path in the selection that may be read. Empty where nobody signed in.
    pub knocks: Vec<Knock>,
    /// Who manages the devices; `graph_forbidden` where the app may not ask. None where nobody signed in.
    pub mdm_authority: Option<Result<MdmAuthority, GraphFailure>>,
    /// The paths of the types, in registry order, each with what a sync would get of it.
    pub paths: Vec<PathExamined>,
}

/// A sign-in that worked.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// How long the token still lives.
    pub expires_in: Duration,
    /// The app roles in the token; none where it can't be read.
    pub roles: Option<Vec<AppRole>>,
}

impl SignedIn {
    /// The roles that allow more than reading, which Lastseen never does.
    pub fn beyond_reading(&self) -> Vec<&AppRole> {
        self.roles.iter().flatten().filter(|role| permissions::is_beyond_reading(role.as_str())).collect()
    }
}

/// A sign-in that did not work.
#[derive(Debug)]
pub enum NotSignedIn {
    /// The credential can't be read here.
    Credential(CredentialProblem),
    /// This machine can't set up TLS.
    Setup(GraphSetupError),
    /// The token endpoint refused, or did not answer.
    Refused(GraphFailure),
}

/// Whether a workload answers, by one small question to one of its paths.
#[derive(Debug)]
pub struct Knock {
    /// The workload.
    pub workload: Workload,
    /// The path that was asked.
    pub path: String,
    /// What came.
    pub answer: Result<(), GraphFailure>,
}

/// One path.
#[derive(Debug)]
pub struct PathExamined {
    /// The path, below the version prefix.
    pub path: String,
    /// The version.
    pub api_version: ApiVersion,
    /// Its types.
    pub types: Vec<PolicyType>,
    /// What a probe found; none where none was made. Within it, nothing where the path's parent is empty.
    pub probe: Option<Result<Option<Probe>, GraphFailure>>,
    /// How its listing would end, as far as that can be told.
    pub expected: Expected,
}

/// Who examines.
pub struct Examiner<'a> {
    /// The way to Graph.
    pub graph: &'a GraphClient,
    /// Who knows the way to each tenant.
    pub accesses: &'a dyn Accesses,
    /// The contracts.
    pub registry: &'a Registry,
}

impl Examiner<'_> {
    /// Examines a tenant. `heard` is told how many paths of how many have been probed.
    pub async fn examine(
        &self,
        tenant: &TenantAccess,
        what: &Examine,
        heard: &(dyn Fn(usize, usize) + Sync),
        cancel: CancellationToken,
    ) -> Examination {
        let plans = self.registry.plan(&what.types);
        let (session, sign_in) = match self.sign_in(tenant, cancel).await {
            Ok((session, signed_in)) => (Some(session), Ok(signed_in)),
            Err(problem) => (None, Err(problem)),
        };
        let roles = sign_in.as_ref().ok().and_then(|signed_in| signed_in.roles.as_deref());
        let permissions = permissions::of(&plans, roles);
        let (mut knocks, mut mdm_authority, mut answers) = (Vec::new(), None, Vec::new());
        if let Some(session) = &session {
            knocks = knock_at_each(session, &plans, &permissions).await;
            mdm_authority = Some(session.mdm_authority().await);
            if what.probe {
                answers = probe_all(session, &plans, heard).await;
            }
        }
        let mut answers = answers.into_iter();
        let examined = plans.iter().map(|plan| {
            let probe = answers.next();
            let granted = permissions::granted(&permissions, plan.path);
            let expected = outlook::expected(plan.path, sign_in.is_ok(), granted, &knocks, probe.as_ref());
            PathExamined {
                path: plan.path.path.clone(),
                api_version: plan.path.api_version,
                types: plan.path.keys(&plan.wanted),
                probe,
                expected,
            }
        });
        let paths = examined.collect();
        Examination { tenant_id: tenant.tenant_id, sign_in, permissions, knocks, mdm_authority, paths }
    }

    async fn sign_in(&self, tenant: &TenantAccess, cancel: CancellationToken) -> Result<(Session, SignedIn), NotSignedIn> {
        let access = self.accesses.access(tenant).await.map_err(NotSignedIn::Credential)?;
        let correlation = ids::new_correlation_id();
        let session = self.graph.session(tenant.tenant_id, access, correlation, cancel).map_err(NotSignedIn::Setup)?;
        let facts = session.token_facts().await.map_err(NotSignedIn::Refused)?;
        Ok((session, SignedIn { expires_in: facts.expires_in, roles: facts.roles }))
    }
}

/// Asks one path of each workload. A path that a tenant may lack says less than another.
async fn knock_at_each(session: &Session, plans: &[PathPlan<'_>], permissions: &[Permission]) -> Vec<Knock> {
    let mut chosen: BTreeMap<Workload, &PathContract> = BTreeMap::new();
    for path in plans.iter().map(|plan| plan.path).filter(|path| permissions::granted(permissions, path) != Some(false)) {
        let kept = chosen.entry(path.workload).or_insert(path);
        if kept.optional_feature && !path.optional_feature {
            *kept = path;
        }
    }
    let mut knocks = Vec::new();
    for (workload, path) in chosen {
        knocks.push(Knock { workload, path: path.path.clone(), answer: session.knock(path).await });
    }
    knocks
}

/// Probes every path, a few side by side; the answers are in the order of the plans.
async fn probe_all(
    session: &Session,
    plans: &[PathPlan<'_>],
    heard: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Result<Option<Probe>, GraphFailure>> {
    let mut answers: Vec<Option<Result<Option<Probe>, GraphFailure>>> = plans.iter().map(|_| None).collect();
    let mut at_work = tokio::task::JoinSet::new();
    let mut waiting = plans.iter().enumerate();
    let mut done = 0;
    loop {
        while at_work.len() < PROBED_AT_ONCE {
            let Some((place, plan)) = waiting.next() else { break };
            let (session, path) = (session.clone(), plan.path.clone());
            at_work.spawn(async move { (place, session.probe(&path).await) });
        }
        match at_work.join_next().await {
            None => break,
            Some(Ok((place, answer))) => answers[place] = Some(answer),
            Some(Err(_panicked)) => tracing::error!(code = "internal", "a probe ended by a bug"),
        }
        done += 1;
        heard(done, plans.len());
    }
    let bug = || Err(GraphFailure { code: ErrorCode::Internal, context: lastseen_model::ErrorContext::default() });
    answers.into_iter().map(|answer| answer.unwrap_or_else(bug)).collect()
}
