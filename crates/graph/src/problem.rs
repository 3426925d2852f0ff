//! Why a credential can't be used.

use std::fmt;

/// A credential that can't be used, by where it is kept. Neither its content nor any foreign text is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialProblem {
    /// Where it is kept, as the reference says it: `env:...`, `file:...`. None where nothing says how to sign in.
    pub place: Option<String>,
    /// Why.
    pub reason: CredentialReason,
}

impl CredentialProblem {
    pub(crate) fn of(place: &impl fmt::Display, reason: CredentialReason) -> Self {
        Self { place: Some(place.to_string()), reason }
    }
}

impl fmt::Display for CredentialProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

impl std::error::Error for CredentialProblem {}

/// The reasons, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialReason {
    /// Nothing says how to sign in.
    #[error("no credential is configured")]
    NotConfigured,
    /// An app registration must be named.
    #[error("there is no client id, and only a managed identity does without one")]
    NoClientId,
    /// There is no such file.
    #[error("there is no such file")]
    NoFile,
    /// The variable is not set, or is empty.
    #[error("the variable is not set")]
    NoVariable,
    /// It is a folder, a pipe or a device.
    #[error("it is not a regular file, or one of the system's own")]
    NotAFile,
    /// This user may not read it.
    #[error("this user may not read the file")]
    NotPermitted,
    /// Reading it failed in another way.
    #[error("the file can't be read")]
    NotReadable,
    /// Larger than any credential is.
    #[error("the file is larger than a credential can be")]
    TooLarge,
    /// There is nothing in it.
    #[error("there is nothing in it")]
    Empty,
    /// It is no text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// It is a certificate, a key or some other text of several lines, and would be sent away as a secret.
    #[error("it is more than one line: no client secret; a certificate or a key is named as certificate:/path")]
    NotASecret,
    /// It is neither PEM nor PKCS#12.
    #[error("it is neither PEM nor PKCS#12, or it is damaged")]
    NotACertificate,
    /// The PKCS#12 does not open.
    #[error("the password does not open it")]
    WrongPassword,
    /// The PKCS#12 has a password.
    #[error("it is under a password, and the reference names none")]
    NoPassword,
    /// The key of the PEM is encrypted.
    #[error("the key in it is encrypted; keep it as PKCS#12, or unencrypted in a file that only the worker may read")]
    EncryptedPem,
    /// There is a certificate and no key.
    #[error("there is no private key in it")]
    NoKey,
    /// The key is not RSA, too short, or damaged.
    #[error("its private key is not a whole RSA key of 2048 to 8192 bits")]
    UnusableKey,
    /// There is a key, and no certificate of it.
    #[error("no certificate in it belongs to its private key")]
    NoCertificateOfKey,
    /// The certificate's time is over.
    #[error("the certificate has expired")]
    Expired,
    /// The file does not hold an assertion.
    #[error("it does not hold an assertion (a signed JWT)")]
    NotAnAssertion,
    /// `IDENTITY_ENDPOINT` is no address of this machine, or `IDENTITY_HEADER` is missing.
    #[error("IDENTITY_ENDPOINT and IDENTITY_HEADER must be set together, the endpoint to an http address of this machine")]
    IdentityEndpoint,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_the_place_and_the_reason() {
        let problem = CredentialProblem::of(&"env:LASTSEEN_X", CredentialReason::NoVariable);
        assert_eq!(problem.to_string(), "env:LASTSEEN_X: the variable is not set");
        let nothing = CredentialProblem { place: None, reason: CredentialReason::NotConfigured };
        assert_eq!(nothing.to_string(), "no credential is configured");
    }
}
