//! Why a server can't begin.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use lastseen_graph::CredentialReason;

/// What keeps a server from listening.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Others could reach the address, and tokens would pass in plain text.
    #[error(
        "{address} can be reached from other machines, and tokens would pass in plain text: give a certificate and its key (--tls-certificate, --tls-key), \
         or say --plain-http where a proxy in front of it speaks TLS"
    )]
    PlainBeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The address can't be listened on.
    #[error("{address} can't be listened on: {reason}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: BindReason,
    },
    /// The certificate or the key can't be used.
    #[error("{}: {problem}", file.display())]
    TlsFile {
        /// The file at fault.
        file: PathBuf,
        /// What is wrong with it.
        problem: TlsFileProblem,
    },
}

/// Why an address can't be listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindReason {
    /// Another program listens there.
    #[error("another program listens there")]
    InUse,
    /// This user may not.
    #[error("this user may not listen there; ports below 1024 are often the system's")]
    NotPermitted,
    /// The address is another machine's.
    #[error("this machine does not have the address")]
    NotHere,
    /// The system says no in another way.
    #[error("the system refuses it")]
    Refused,
}

impl BindReason {
    pub(super) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::AddrInUse => Self::InUse,
            ErrorKind::PermissionDenied => Self::NotPermitted,
            ErrorKind::AddrNotAvailable => Self::NotHere,
            _ => Self::Refused,
        }
    }
}

/// What is wrong with a certificate's or a key's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileProblem {
    /// It can't be read.
    #[error(transparent)]
    Unreadable(CredentialReason),
    /// It is no PEM, or is damaged.
    #[error("it is no PEM text, or is damaged")]
    NotPem,
    /// There is no certificate in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// There is no key in it.
    #[error("there is no unencrypted private key in it")]
    NoKey,
    /// The key is of a kind that TLS has no use for.
    #[error("the private key can't be used for TLS")]
    UnusableKey,
    /// The key is another certificate's.
    #[error("the private key is not that of the certificate")]
    KeyOfAnother,
    /// The certificate is damaged.
    #[error("the certificate can't be used for TLS")]
    UnusableCertificate,
}
