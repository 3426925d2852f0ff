//! How tenants are reached: the cloud, the client and where its credential is kept. What a tenant's record says goes before it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::{Accesses, TenantAccess};
use lastseen_graph::{Access, Credential, CredentialProblem, CredentialReason, Endpoints, Environment, NotText, Origin, Timer};
use lastseen_model::{ClientId, Cloud, CredentialRef, SecretPlace};

use super::file::GraphConfig;
use super::variable;
use crate::problem::Problem;

const SECRET: &str = "LASTSEEN_CLIENT_SECRET";
const SECRET_FILE: &str = "LASTSEEN_CLIENT_SECRET_FILE";
const CREDENTIAL: &str = "LASTSEEN_CREDENTIAL";

/// What to do where nothing says how to sign in.
pub(crate) const HOW_TO_SIGN_IN: &str = "set LASTSEEN_CLIENT_ID and LASTSEEN_CLIENT_SECRET (or LASTSEEN_CLIENT_SECRET_FILE), or name a \
     certificate, a federated token or managed-identity with LASTSEEN_CREDENTIAL,\nor give the tenant its own: lastseen tenant add --help; \
     `lastseen types` lists the permissions it needs";

/// How a tenant is reached about which nothing else is known.
#[derive(Clone)]
pub(crate) struct AccessConfig {
    cloud: Cloud,
    /// Origins of one's own; they win over every cloud's.
    authority: Option<Origin>,
    graph: Option<Origin>,
    client_id: Option<ClientId>,
    credential: Option<CredentialRef>,
    environment: Environment,
}

impl AccessConfig {
    /// The environment over the file.
    pub(super) fn load(file: &GraphConfig) -> Result<Self, Problem> {
        Ok(Self {
            cloud: named("LASTSEEN_CLOUD", "graph.cloud", file.cloud.as_deref(), "write global, usgov, usgov-dod or china")?
                .unwrap_or_default(),
            authority: origin("LASTSEEN_AUTHORITY", "graph.authority", file.authority.as_deref())?,
            graph: origin("LASTSEEN_GRAPH_ENDPOINT", "graph.endpoint", file.endpoint.as_deref())?,
            client_id: named("LASTSEEN_CLIENT_ID", "graph.client_id", file.client_id.as_deref(), "copy it from the app registration")?,
            credential: credential(file)?,
            environment: Arc::new(|name| variable(name).map(|value| value.map(Into::into)).map_err(|_| NotText)),
        })
    }

    /// One origin, one client and its secret, and nothing of this machine's environment.
    pub(super) fn for_demo(origin: &Origin, client_id: &str, secret: String) -> Result<Self, Problem> {
        Ok(Self {
            cloud: Cloud::default(),
            authority: Some(origin.clone()),
            graph: Some(origin.clone()),
            client_id: Some(client_id.parse().map_err(|error| Problem::failed(format!("the demo's client id: {error}")))?),
            credential: Some(CredentialRef::Secret(SecretPlace::Variable(SECRET.into()))),
            environment: Arc::new(move |name| Ok((name == SECRET).then(|| secret.clone().into()))),
        })
    }

    /// Where the credential is kept that is used where a tenant has none of its own.
    pub(crate) fn credential(&self) -> Option<&CredentialRef> {
        self.credential.as_ref()
    }

    /// Where tenants are whose record names no cloud.
    pub(crate) fn endpoints(&self) -> Endpoints {
        self.endpoints_of(None)
    }

    /// Finds out whether the credential of a tenant, or else the configured one, can be read.
    pub(crate) async fn check(&self, tenant: Option<&TenantAccess>, timer: &dyn Timer) -> Result<(), Problem> {
        let (client_id, credential) = tenant.map_or((None, None), |tenant| (tenant.client_id.clone(), tenant.credential.clone()));
        let missing = |what: &str| {
            Problem::usage(format!("no {what}")).with("meaning", "a sync signs in at Entra as an app registration").next(HOW_TO_SIGN_IN)
        };
        match self.resolve(client_id, credential, timer.time_of_day()).await {
            Ok(_) => Ok(()),
            Err(CredentialProblem { reason: CredentialReason::NoClientId, .. }) => Err(missing("client id")),
            Err(CredentialProblem { reason: CredentialReason::NotConfigured, .. }) => Err(missing("credential")),
            Err(problem) => Err(Problem::usage(format!("the credential can't be used: {problem}"))
                .next("see that it is there for the user that runs lastseen, and that its reference names the right kind")),
        }
    }

    /// Who says how each tenant is reached, by this clock.
    pub(crate) fn accesses(&self, timer: Arc<dyn Timer>) -> Arc<dyn Accesses> {
        Arc::new(Configured { config: self.clone(), timer })
    }

    /// Where a tenant of this cloud is; without one, of ours.
    pub(crate) fn endpoints_of(&self, cloud: Option<Cloud>) -> Endpoints {
        let of = Endpoints::of(cloud.unwrap_or(self.cloud));
        Endpoints { authority: self.authority.clone().unwrap_or(of.authority), graph: self.graph.clone().unwrap_or(of.graph) }
    }

    /// The credential of a tenant, else ours, read now.
    async fn resolve(
        &self,
        client_id: Option<ClientId>,
        credential: Option<CredentialRef>,
        now: Duration,
    ) -> Result<Credential, CredentialProblem> {
        let machine = |reference: &Option<CredentialRef>| *reference == Some(CredentialRef::ManagedIdentity);
        // Our client id goes with our credential. A tenant's own secret may belong to the same app registration; a managed identity is
        // none, and another one's id must not be asked of it.
        let ours = credential.is_none() || (!machine(&credential) && !machine(&self.credential));
        let client_id = client_id.or_else(|| self.client_id.clone().filter(|_| ours));
        let Some(reference) = credential.or_else(|| self.credential.clone()) else {
            let reason = if client_id.is_none() { CredentialReason::NoClientId } else { CredentialReason::NotConfigured };
            return Err(CredentialProblem { place: None, reason });
        };
        Credential::resolve(reference, client_id, Arc::clone(&self.environment), now).await
    }
}

impl std::fmt::Debug for AccessConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The environment's reader may hold the demo's secret.
        f.debug_struct("AccessConfig")
            .field("endpoints", &self.endpoints())
            .field("client_id", &self.client_id)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

struct Configured {
    config: AccessConfig,
    timer: Arc<dyn Timer>,
}

#[async_trait]
impl Accesses for Configured {
    async fn access(&self, tenant: &TenantAccess) -> Result<Access, CredentialProblem> {
        let credential = self.config.resolve(tenant.client_id.clone(), tenant.credential.clone(), self.timer.time_of_day()).await?;
        Ok(Access {
            endpoints: self.config.endpoints_of(tenant.cloud),
            credential: Arc::new(credential),
            requests_at_once: tenant.requests_at_once.and_then(|most| NonZeroUsize::new(usize::try_from(most).ok()?)),
        })
    }
}

/// Where the credential is kept. Of several places that are set, none is guessed to be meant.
fn credential(file: &GraphConfig) -> Result<Option<CredentialRef>, Problem> {
    let set = [(CREDENTIAL, variable(CREDENTIAL)?), (SECRET, variable(SECRET)?), (SECRET_FILE, variable(SECRET_FILE)?)];
    only_one(set.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name), "unset one of them")?;
    let [(_, reference), (_, secret), (_, secret_file)] = set;
    if let Some(text) = reference {
        return usable(CREDENTIAL, &text).map(Some);
    }
    if secret.is_some() {
        return Ok(Some(CredentialRef::Secret(SecretPlace::Variable(SECRET.into()))));
    }
    if let Some(path) = secret_file {
        return of_file(Path::new(&path)).map(Some);
    }
    let keys = [("graph.credential", file.credential.is_some()), ("graph.client_secret_file", file.client_secret_file.is_some())];
    only_one(keys.into_iter().filter(|(_, set)| *set).map(|(key, _)| key), "leave one of them out")?;
    match (&file.credential, &file.client_secret_file) {
        (Some(text), _) => usable("graph.credential", text).map(Some),
        (None, Some(path)) => of_file(path).map(Some),
        (None, None) => Ok(None),
    }
}

fn only_one(mut set: impl Iterator<Item = &'static str>, next: &str) -> Result<(), Problem> {
    match (set.next(), set.next()) {
        (Some(one), Some(other)) => Err(Problem::usage(format!("both {one} and {other} are set")).next(next)),
        _ => Ok(()),
    }
}

/// A secret's file, which may be named as seen from here.
fn of_file(path: &Path) -> Result<CredentialRef, Problem> {
    let absolute: PathBuf = std::path::absolute(path).map_err(|_| Problem::usage("the client secret's file has no usable path"))?;
    Ok(CredentialRef::Secret(SecretPlace::File(absolute)))
}

fn usable(name: &str, text: &str) -> Result<CredentialRef, Problem> {
    text.parse().map_err(|error| {
        Problem::usage(format!("{name} is not usable: {error}"))
            .next("write for instance certificate:/etc/lastseen/app.pem, federated:/path/of/the/token or managed-identity")
    })
}

/// A setting that has a form of its own, from its variable or its key. A refused text is not repeated.
fn named<T>(variable_name: &str, key: &str, in_file: Option<&str>, next: &str) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let (name, text) = match (variable(variable_name)?, in_file) {
        (Some(text), _) => (variable_name, text),
        (None, Some(text)) => (key, text.to_owned()),
        (None, None) => return Ok(None),
    };
    text.parse().map(Some).map_err(|error| Problem::usage(format!("{name} is not usable: {error}")).next(next))
}

fn origin(variable_name: &str, key: &str, in_file: Option<&str>) -> Result<Option<Origin>, Problem> {
    named(variable_name, key, in_file, "write an origin such as https://graph.microsoft.com")
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
