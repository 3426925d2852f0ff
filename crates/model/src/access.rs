//! How a tenant is reached: its cloud, and where the credential for it is kept. Never a secret itself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the name of a variable with a secret begins with. A reference is data that several people may write; it must not be able to
/// send any variable of the environment to a token endpoint.
pub const SECRET_VARIABLE_PREFIX: &str = "LASTSEEN_";

/// Variables with that beginning that hold other things than secrets of credentials, or more than those.
pub(crate) const SETTINGS: [&str; 10] = [
    "LASTSEEN_AUTHORITY",
    "LASTSEEN_CLIENT_ID",
    "LASTSEEN_CLIENT_SECRET_FILE",
    "LASTSEEN_CLOUD",
    "LASTSEEN_CONFIG",
    "LASTSEEN_CONTRACT_OVERRIDES",
    "LASTSEEN_CREDENTIAL",
    "LASTSEEN_DATABASE_URL",
    "LASTSEEN_GRAPH_ENDPOINT",
    "LASTSEEN_LOG",
];

/// The longest [`CredentialRef`], in bytes.
pub const CREDENTIAL_MAX_BYTES: usize = 1024;

/// One of Microsoft's clouds. Tokens and app registrations belong to one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cloud {
    /// The worldwide one, GCC included.
    #[default]
    Global,
    /// US Government L4: GCC High.
    UsGovernment,
    /// US Government L5: the Department of Defense.
    UsGovernmentDod,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// All of them.
    pub const ALL: &[Cloud] = &[Cloud::Global, Cloud::UsGovernment, Cloud::UsGovernmentDod, Cloud::China];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGovernment => "usgov",
            Self::UsGovernmentDod => "usgov-dod",
            Self::China => "china",
        }
    }
}

/// A text that names no [`Cloud`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cloud is one of global (GCC, too), usgov (GCC High), usgov-dod, china")]
pub struct UnknownCloud;

impl FromStr for Cloud {
    type Err = UnknownCloud;
    fn from_str(text: &str) -> Result<Self, UnknownCloud> {
        Self::ALL.iter().copied().find(|cloud| cloud.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownCloud)
    }
}

/// The id of an app registration, or of a user-assigned managed identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no [`ClientId`]. It is not repeated: a secret may have been written in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client id must be 1 to 64 letters, digits and hyphens, as the app registration shows it")]
pub struct NotAClientId;

impl FromStr for ClientId {
    type Err = NotAClientId;
    fn from_str(text: &str) -> Result<Self, NotAClientId> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretPlace {
    /// In a variable of the environment, whose name begins with [`SECRET_VARIABLE_PREFIX`].
    Variable(String),
    /// In a file, by its absolute path.
    File(PathBuf),
}

/// Which credential signs in, by where it is kept. Its text form is what people write and what is stored:
///
/// | text | what signs in |
/// | --- | --- |
/// | `env:LASTSEEN_CONTOSO_SECRET` | a client secret in a variable of the environment |
/// | `file:/run/secrets/contoso` | a client secret in a file |
/// | `certificate:/etc/lastseen/app.pem` | a certificate with its private key, PEM or PKCS#12 |
/// | `certificate:/etc/lastseen/app.pfx,password=file:/run/secrets/pfx` | the same, its key under a password (also `password=env:...`) |
/// | `federated:/var/run/secrets/azure/tokens/azure-identity-token` | workload identity: an assertion in a file that someone renews |
/// | `managed-identity` | the identity that Azure gives the machine |
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialRef {
    /// A client secret.
    Secret(SecretPlace),
    /// A certificate and its private key.
    Certificate {
        /// The file, PEM or PKCS#12.
        file: PathBuf,
        /// The password of its key.
        password: Option<SecretPlace>,
    },
    /// A file with an assertion, read each time.
    Federated(PathBuf),
    /// The machine's own identity.
    ManagedIdentity,
}

/// A text that is no [`CredentialRef`]. It is not repeated: it may be the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialRefError {
    /// None of the forms.
    #[error(
        "a credential is named by where it is kept, never written down itself: env:LASTSEEN_..., file:/path, certificate:/path, \
         federated:/path or managed-identity"
    )]
    NotAReference,
    /// A variable that may not be read.
    #[error(
        "the variable of a credential must be called {SECRET_VARIABLE_PREFIX}... in capitals, digits and underscores, and be none of Lastseen's settings"
    )]
    NotOurVariable,
    /// A relative path, which would depend on where a worker was started.
    #[error("the file of a credential must be named by its absolute path")]
    NotAbsolute,
    /// Something else than a password's place after a certificate's file.
    #[error("after a certificate's file comes nothing, or ,password=env:LASTSEEN_... or ,password=file:/path")]
    NotAPassword,
    /// Longer than [`CREDENTIAL_MAX_BYTES`], or with a character that no path needs.
    #[error("a credential reference is at most {CREDENTIAL_MAX_BYTES} bytes and holds no control characters")]
    Unprintable,
}

impl FromStr for SecretPlace {
    type Err = CredentialRefError;
    fn from_str(text: &str) -> Result<Self, CredentialRefError> {
        match text.split_once(':') {
            Some(("env", name)) => variable(name).map(Self::Variable),
            Some(("file", path)) => absolute(path).map(Self::File),
            _ => Err(CredentialRefError::NotAReference),
        }
    }
}

impl FromStr for CredentialRef {
    type Err = CredentialRefError;
    fn from_str(text: &str) -> Result<Self, CredentialRefError> {
        if text.len() > CREDENTIAL_MAX_BYTES || text.chars().any(char::is_control) {
            return Err(CredentialRefError::Unprintable);
        }
        match text.split_once(':') {
            None if text == "managed-identity" => Ok(Self::ManagedIdentity),
            Some(("env" | "file", _)) => text.parse().map(Self::Secret),
            Some(("federated", path)) => absolute(path).map(Self::Federated),
            Some(("certificate", rest)) => {
                let (file, password) = rest.rsplit_once(",password=").map_or((rest, None), |(file, place)| (file, Some(place)));
                // What looks like another option may be a secret, and would be kept and shown as part of the path.
                if file.split(',').skip(1).any(|part| part.contains('=')) {
                    return Err(CredentialRefError::NotAPassword);
                }
                Ok(Self::Certificate { file: absolute(file)?, password: password.map(str::parse).transpose()? })
            }
            _ => Err(CredentialRefError::NotAReference),
        }
    }
}

fn variable(name: &str) -> Result<String, CredentialRefError> {
    let rest = name.strip_prefix(SECRET_VARIABLE_PREFIX).ok_or(CredentialRefError::NotOurVariable)?;
    let is_name = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let fits = is_name && !SETTINGS.contains(&name);
    if fits { Ok(name.to_owned()) } else { Err(CredentialRefError::NotOurVariable) }
}

fn absolute(path: &str) -> Result<PathBuf, CredentialRefError> {
    if Path::new(path).is_absolute() { Ok(path.into()) } else { Err(CredentialRefError::NotAbsolute) }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Display for CredentialRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(place) => place.fmt(f),
            Self::Certificate { file, password: None } => write!(f, "certificate:{}", file.display()),
            Self::Certificate { file, password: Some(place) } => write!(f, "certificate:{},password={place}", file.display()),
            Self::Federated(path) => write!(f, "federated:{}", path.display()),
            Self::ManagedIdentity => f.write_str("managed-identity"),
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text! { Cloud ClientId CredentialRef }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_credential_reference_reads_back_from_its_text() {
        for text in [
            "env:LASTSEEN_CONTOSO_SECRET",
            "file:/run/secrets/contoso",
            "certificate:/etc/lastseen/app.pem",
            "certificate:/etc/last seen/app,1.pfx,password=file:/run/secrets/pfx",
            "certificate:/etc/lastseen/app.pfx,password=env:LASTSEEN_PFX_PASSWORD",
            "federated:/var/run/token",
            "managed-identity",
        ] {
            let read: CredentialRef = text.parse().expect(text);
            assert_eq!(read.to_string(), text);
            let json = serde_json::to_string(&read).expect("a text");
            assert_eq!(serde_json::from_str::<CredentialRef>(&json).expect("a reference"), read);
        }
    }

    #[test]
    fn i17_what_may_be_a_secret_is_refused_without_being_repeated() {
        for text in
            ["canary~4711", "secret:canary", "env:canary_4711", "file:canary", "certificate:canary.pem", "canary\n", "managed-identity:x"]
        {
            let error = text.parse::<CredentialRef>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
        let error = "canary secret".parse::<ClientId>().expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn only_variables_of_our_own_can_be_named() {
        for (name, fits) in
            [("LASTSEEN_A", true), ("LASTSEEN_", false), ("AWS_SECRET", false), ("LASTSEEN_a", false), ("LASTSEEN_A=B", false)]
        {
            assert_eq!(format!("env:{name}").parse::<CredentialRef>().is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn a_password_is_never_kept_but_named_by_its_place() {
        let error = "certificate:/a.pfx,password=canary".parse::<CredentialRef>().expect_err("refused");
        assert_eq!(error, CredentialRefError::NotAReference);
        for text in ["certificate:/a.pfx,pwd=canary", "certificate:/a.pfx,passwort=file:/x", "certificate:/a.pfx,x=canary,password=file:/x"]
        {
            assert_eq!(text.parse::<CredentialRef>(), Err(CredentialRefError::NotAPassword), "{text}");
        }
    }

    #[test]
    fn every_cloud_reads_back_from_its_name() {
        for cloud in Cloud::ALL {
            assert_eq!(cloud.as_str().parse(), Ok(*cloud));
        }
        assert_eq!("USGov".parse(), Ok(Cloud::UsGovernment), "as people write it");
        assert!("gcc".parse::<Cloud>().is_err());
    }
}
