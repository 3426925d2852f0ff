//! What a tenant is signed in with.

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};
use lastseen_model::ClientId;
use secrecy::{ExposeSecret, SecretString};

use crate::certificate::Certificate;
use crate::identity::IdentityEndpoint;

/// Who signs in, and how it proves that. `Debug` shows neither secrets nor keys.
#[derive(Debug)]
pub struct Credential {
    /// The app registration; of a managed identity the user-assigned one, or none for the machine's own.
    pub client_id: Option<ClientId>,
    /// The proof.
    pub proof: Proof,
}

/// How a client proves who it is.
pub enum Proof {
    /// A client secret.
    Secret(SecretString),
    /// A certificate, whose key signs an assertion for each token request.
    Certificate(Certificate),
    /// Workload identity: an assertion in a file that someone else renews. It is read for each token request.
    Federated(PathBuf),
    /// The identity that Azure gives the machine: it needs no proof but being there.
    ManagedIdentity(IdentityEndpoint),
}

impl Credential {
    /// What tells this proof from another one, without telling what it is. A secret that is replaced is another proof: the next session
    /// signs in with it instead of living on a token of the old one.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        match &self.proof {
            Proof::Secret(secret) => {
                context.update(b"secret\0");
                context.update(secret.expose_secret().as_bytes());
            }
            Proof::Certificate(certificate) => {
                context.update(b"certificate\0");
                context.update(certificate.thumbprint());
            }
            Proof::Federated(file) => {
                context.update(b"federated\0");
                context.update(file.as_os_str().as_encoded_bytes());
            }
            Proof::ManagedIdentity(endpoint) => {
                context.update(b"managed-identity\0");
                context.update(endpoint.url().as_str().as_bytes());
            }
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret([REDACTED])",
            Self::Certificate(_) => "Certificate([REDACTED])",
            Self::Federated(_) => "Federated([REDACTED])",
            Self::ManagedIdentity(_) => "ManagedIdentity",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Credential {
        Credential { client_id: None, proof: Proof::Secret(text.into()) }
    }

    #[test]
    fn i17_a_credential_does_not_show_its_secret() {
        assert!(!format!("{:?}", secret("canary-secret")).contains("canary"));
    }

    #[test]
    fn i21_another_secret_or_another_kind_of_proof_is_another_fingerprint() {
        let federated = Credential { client_id: None, proof: Proof::Federated("a".into()) };
        assert_eq!(secret("a").fingerprint(), secret("a").fingerprint());
        assert_ne!(secret("a").fingerprint(), secret("b").fingerprint());
        assert_ne!(secret("a").fingerprint(), federated.fingerprint());
    }
}
