//! A certificate and its private key, from PEM or PKCS#12.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as Pkcs12Error;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::problem::CredentialReason;

/// What a certificate with its private key signs in with. `Debug` shows the thumbprint alone.
pub struct Certificate {
    key: RsaKeyPair,
    thumbprint: [u8; 32],
}

impl Certificate {
    /// Reads PEM (a certificate, and a key as PKCS#8 or PKCS#1, in any order) or PKCS#12. Of several certificates the one that belongs
    /// to the key is taken. `now` is the time of day since 1970: a certificate whose time is over is refused here, and not by a server.
    pub fn read(content: &[u8], password: Option<&SecretString>, now: Duration) -> Result<Self, CredentialReason> {
        let (key, certificates) =
            if content.windows(11).any(|window| window == b"-----BEGIN ") { of_pem(content)? } else { of_pkcs12(content, password)? };
        let mut found = Err(CredentialReason::NoCertificateOfKey);
        for der in &certificates {
            let (_, parsed) = X509Certificate::from_der(der).map_err(|_| CredentialReason::NotACertificate)?;
            if parsed.public_key().subject_public_key.data.as_ref() != key.public_key().as_ref() {
                continue;
            }
            // The same key may be in an old and a renewed certificate.
            let not_after = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
            if now.as_secs() <= not_after {
                found = Ok(der);
                break;
            }
            found = Err(CredentialReason::Expired);
        }
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest(&SHA256, found?).as_ref());
        Ok(Self { key, thumbprint })
    }

    /// SHA-256 of the certificate, by which Entra knows it.
    pub(crate) fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Signs by PS256; nothing where the library has no randomness.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(signature)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate([REDACTED])")
    }
}

/// A key and the certificates beside it.
type KeyAndCertificates = (RsaKeyPair, Vec<Vec<u8>>);

fn of_pem(content: &[u8]) -> Result<KeyAndCertificates, CredentialReason> {
    let certificates = CertificateDer::pem_slice_iter(content)
        .map(|der| der.map(|der| der.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| CredentialReason::NotACertificate)?;
    let key = match PrivateKeyDer::from_pem_slice(content) {
        Ok(PrivateKeyDer::Pkcs8(key)) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(key)) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        Ok(_) => return Err(CredentialReason::UnusableKey),
        Err(rustls_pki_types::pem::Error::NoItemsFound) if is_encrypted(content) => return Err(CredentialReason::EncryptedPem),
        Err(rustls_pki_types::pem::Error::NoItemsFound) => return Err(CredentialReason::NoKey),
        Err(_) if is_encrypted(content) => return Err(CredentialReason::EncryptedPem),
        Err(_) => return Err(CredentialReason::NotACertificate),
    };
    Ok((key.map_err(|_| CredentialReason::UnusableKey)?, certificates))
}

fn is_encrypted(pem: &[u8]) -> bool {
    let has = |text: &[u8]| pem.windows(text.len()).any(|window| window == text);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}

fn of_pkcs12(content: &[u8], password: Option<&SecretString>) -> Result<KeyAndCertificates, CredentialReason> {
    let given = password.map_or("", |password| password.expose_secret());
    let archive = Pkcs12Archive::from_pkcs12(content, given).map_err(|error| match error {
        // A wrong password shows as a wrong checksum, or as padding that is none.
        Pkcs12Error::MacError(_) | Pkcs12Error::UnpadError if password.is_none() => CredentialReason::NoPassword,
        Pkcs12Error::MacError(_) | Pkcs12Error::UnpadError => CredentialReason::WrongPassword,
        _ => CredentialReason::NotACertificate,
    })?;
    let key = archive.keys.first().ok_or(CredentialReason::NoKey)?;
    let key = RsaKeyPair::from_pkcs8(key.key.as_der()).map_err(|_| CredentialReason::UnusableKey)?;
    Ok((key, archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect()))
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
