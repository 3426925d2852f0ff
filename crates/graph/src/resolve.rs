//! From the name of a credential to the credential.

use std::sync::Arc;
use std::time::Duration;

use lastseen_model::{ClientId, CredentialRef, SecretPlace};
use secrecy::{ExposeSecret, SecretString};

use crate::certificate::Certificate;
use crate::credential::{Credential, Proof};
use crate::identity::IdentityEndpoint;
use crate::problem::{CredentialProblem, CredentialReason};
use crate::secret_file;

/// Where App Service and its kin say where their identity endpoint is, and prove that the caller is theirs.
const IDENTITY_ENDPOINT: &str = "IDENTITY_ENDPOINT";
const IDENTITY_HEADER: &str = "IDENTITY_HEADER";

/// A variable of the environment; empty is unset. It is handed in, for only the configuration reads the environment.
pub type Environment = Arc<dyn Fn(&str) -> Result<Option<SecretString>, NotText> + Send + Sync>;

/// A variable that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the variable is not UTF-8 text")]
pub struct NotText;

impl Credential {
    /// Reads a credential from where it is kept. `now` is the time of day since 1970.
    ///
    /// It is cheap enough to be done for every run, and is to be done so: what was replaced is then picked up.
    ///
    /// # Errors
    /// Why it can't be used, with the reference and without its content.
    pub async fn resolve(
        reference: CredentialRef,
        client_id: Option<ClientId>,
        environment: Environment,
        now: Duration,
    ) -> Result<Self, CredentialProblem> {
        // Files may be far away, and the key of a PKCS#12 is slow by design.
        let work = tokio::task::spawn_blocking({
            let reference = reference.clone();
            move || read(&reference, client_id, &environment, now)
        });
        work.await.unwrap_or_else(|_panicked| Err(CredentialProblem::of(&reference, CredentialReason::NotReadable)))
    }
}

fn read(
    reference: &CredentialRef,
    client_id: Option<ClientId>,
    environment: &Environment,
    now: Duration,
) -> Result<Credential, CredentialProblem> {
    let wrong = |reason| CredentialProblem::of(reference, reason);
    if client_id.is_none() && *reference != CredentialRef::ManagedIdentity {
        return Err(wrong(CredentialReason::NoClientId));
    }
    let proof = match reference {
        CredentialRef::Secret(place) => {
            let secret = secret(place, environment)?;
            // A private key must not go to a token endpoint as a secret, because somebody named it so.
            secret_file::one_line(secret.expose_secret()).map_err(wrong)?;
            Proof::Secret(secret)
        }
        CredentialRef::Certificate { file, password } => {
            let password = password.as_ref().map(|place| secret(place, environment)).transpose()?;
            let content = secret_file::bytes(file).map_err(wrong)?;
            Proof::Certificate(Certificate::read(&content, password.as_ref(), now).map_err(wrong)?)
        }
        CredentialRef::Federated(file) => Proof::Federated(file.clone()),
        CredentialRef::ManagedIdentity => Proof::ManagedIdentity(identity_endpoint(environment).map_err(wrong)?),
    };
    Ok(Credential { client_id, proof })
}

fn secret(place: &SecretPlace, environment: &Environment) -> Result<SecretString, CredentialProblem> {
    let found = match place {
        SecretPlace::Variable(name) => variable(environment, name).and_then(|found| found.ok_or(CredentialReason::NoVariable)),
        SecretPlace::File(path) => secret_file::text(path),
    };
    found.map_err(|reason| CredentialProblem::of(place, reason))
}

fn variable(environment: &Environment, name: &str) -> Result<Option<SecretString>, CredentialReason> {
    environment(name).map_err(|NotText| CredentialReason::NotText)
}

/// App Service's where the environment names it, else that of a virtual machine.
fn identity_endpoint(environment: &Environment) -> Result<IdentityEndpoint, CredentialReason> {
    match (variable(environment, IDENTITY_ENDPOINT)?, variable(environment, IDENTITY_HEADER)?) {
        (None, None) => Ok(IdentityEndpoint::machine()),
        (Some(endpoint), Some(header)) => IdentityEndpoint::app_service(&endpoint, header).map_err(|_| CredentialReason::IdentityEndpoint),
        (Some(_), None) | (None, Some(_)) => Err(CredentialReason::IdentityEndpoint),
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
