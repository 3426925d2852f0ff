//! The server's certificate.
//!
//! It is read once: after a renewal the process is started anew, which the drain makes harmless.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys, ServerConfig};

use super::error::{ServerError, TlsFileProblem};

/// TLS by one certificate: versions 1.2 and 1.3, HTTP/1.1 alone.
#[derive(Clone)]
pub struct Tls(pub(super) TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the certificate with its chain, and its key, from PEM files. Both may be one file.
    ///
    /// # Errors
    /// [`ServerError::TlsFile`], which names the file at fault.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, ServerError> {
        let at_fault = |file: &Path| {
            let file = file.to_owned();
            move |problem| ServerError::TlsFile { file, problem }
        };
        let chain = chain(certificate).map_err(at_fault(certificate))?;
        let private = private_key(key).map_err(at_fault(key))?;
        let made = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, private));
        let mut config = made.map_err(|error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => at_fault(key)(TlsFileProblem::KeyOfAnother),
            TlsError::InvalidCertificate(_) => at_fault(certificate)(TlsFileProblem::UnusableCertificate),
            _ => at_fault(key)(TlsFileProblem::UnusableKey),
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

fn read(file: &Path) -> Result<SecretSlice<u8>, TlsFileProblem> {
    lastseen_graph::read_small_file(file).map(SecretSlice::from).map_err(TlsFileProblem::Unreadable)
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileProblem> {
    let text = read(file)?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(text.expose_secret()).collect::<Result<_, _>>().map_err(|_| TlsFileProblem::NotPem)?;
    if chain.is_empty() { Err(TlsFileProblem::NoCertificate) } else { Ok(chain) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsFileProblem> {
    PrivateKeyDer::from_pem_slice(read(file)?.expose_secret()).map_err(|error| match error {
        PemError::NoItemsFound => TlsFileProblem::NoKey,
        _ => TlsFileProblem::NotPem,
    })
}

#[cfg(test)]
mod tests {
    use lastseen_graph::CredentialReason;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(key: &KeyPair) -> String {
        CertificateParams::new(["localhost".to_owned()]).expect("parameters").self_signed(key).expect("signed").pem()
    }

    #[test]
    fn a_certificate_and_its_key_are_read_from_two_files_or_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let (one, other) = (folder.path().join("certificate"), folder.path().join("key"));
        std::fs::write(&one, certificate(&key) + &key.serialize_pem()).expect("written");
        std::fs::write(&other, key.serialize_pem()).expect("written");
        Tls::read(&one, &other).expect("usable");
        Tls::read(&one, &one).expect("usable");
    }

    #[test]
    fn the_file_at_fault_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let file = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("written");
            file
        };
        let good = file("certificate", &certificate(&key));
        let good_key = file("key", &key.serialize_pem());
        let anothers = file("another", &KeyPair::generate().expect("a key").serialize_pem());
        let text = file("text", "no PEM");
        let cut_off = file("cut", &certificate(&key)[..100]);
        let damaged = file("damaged", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
        let damaged_key = file("damaged_key", "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n");
        let nothing = folder.path().join("nothing");
        for (certificate, key, file, problem) in [
            (&nothing, &good_key, &nothing, TlsFileProblem::Unreadable(CredentialReason::NoFile)),
            (&good, &nothing, &nothing, TlsFileProblem::Unreadable(CredentialReason::NoFile)),
            (&text, &good_key, &text, TlsFileProblem::NoCertificate),
            (&good_key, &good_key, &good_key, TlsFileProblem::NoCertificate),
            (&cut_off, &good_key, &cut_off, TlsFileProblem::NotPem),
            (&damaged, &good_key, &damaged, TlsFileProblem::UnusableCertificate),
            (&good, &text, &text, TlsFileProblem::NoKey),
            (&good, &good, &good, TlsFileProblem::NoKey),
            (&good, &damaged_key, &damaged_key, TlsFileProblem::UnusableKey),
            (&good, &anothers, &anothers, TlsFileProblem::KeyOfAnother),
        ] {
            let refusal = Tls::read(certificate, key).expect_err("a refusal");
            assert_eq!(refusal, ServerError::TlsFile { file: file.clone(), problem });
            assert!(refusal.to_string().starts_with(&file.display().to_string()), "{refusal}");
        }
        let folder_itself = Tls::read(folder.path(), &good_key).expect_err("a refusal");
        assert!(matches!(folder_itself, ServerError::TlsFile { problem: TlsFileProblem::Unreadable(CredentialReason::NotAFile), .. }));
    }
}
