//! Identities. Each is a newtype, so that one can't be passed for another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest [`ExternalId`] in bytes; an object with a longer id is rejected.
pub const EXTERNAL_ID_MAX_BYTES: usize = 512;

/// The longest [`StartKey`] in bytes.
pub const START_KEY_MAX_BYTES: usize = 128;

/// A text that is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a hyphenated GUID.
    #[error("{what} must be a GUID such as 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10")]
    NotAGuid {
        /// Which id was expected.
        what: &'static str,
    },
    /// The GUID of zeroes, which names nothing.
    #[error("{what} must not be the GUID of zeroes")]
    Nil {
        /// Which id was expected.
        what: &'static str,
    },
    /// Not a registry key: letters, digits, spaces and `-`, at most 64 bytes, beginning with a letter.
    #[error("{what} must begin with a letter and hold only letters, digits, spaces and hyphens, at most 64")]
    NotAKey {
        /// Which key was expected.
        what: &'static str,
    },
    /// Not lowercase hexadecimal of the right length.
    #[error("{what} must be {digits} lowercase hexadecimal digits")]
    NotHex {
        /// Which hash was expected.
        what: &'static str,
        /// How many digits it has.
        digits: usize,
    },
    /// Graph's id is empty.
    #[error("the external id is empty")]
    Empty,
    /// Graph's id is longer than [`EXTERNAL_ID_MAX_BYTES`].
    #[error("the external id is longer than {EXTERNAL_ID_MAX_BYTES} bytes")]
    TooLong,
    /// Graph's id holds U+0000, which not every database can keep in a text.
    #[error("the external id holds U+0000")]
    HoldsNul,
    /// Not the key of a start.
    #[error("the key of a start must be 1 to {START_KEY_MAX_BYTES} visible ASCII characters")]
    NotAStartKey,
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Uuid", into = "Uuid")]
        pub struct $name(Uuid);

        impl $name {
            /// The GUID inside.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl TryFrom<Uuid> for $name {
            type Error = IdError;
            fn try_from(id: Uuid) -> Result<Self, IdError> {
                if id.is_nil() { Err(IdError::Nil { what: $what }) } else { Ok(Self(id)) }
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: the others the parser knows (braces, urn, bare hex) are typing errors here.
                if text.len() != 36 {
                    return Err(IdError::NotAGuid { what: $what });
                }
                Uuid::parse_str(text).map_err(|_| IdError::NotAGuid { what: $what })?.try_into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

guid!(
    /// The Entra tenant GUID; never a domain name.
    TenantId, "the tenant id"
);
guid!(
    /// One sync run (UUIDv7).
    RunId, "the run id"
);
guid!(
    /// What ties a run's requests at Graph together.
    CorrelationId, "the correlation id"
);
guid!(
    /// A token of the API (UUIDv7): the name of it that may be shown, and never the secret.
    TokenId, "the token id"
);
guid!(
    /// A schedule (UUIDv7).
    ScheduleId, "the schedule id"
);

macro_rules! key {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The key's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let begins = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
                let holds = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-');
                if begins && holds && text.len() <= 64 { Ok(Self(text.into())) } else { Err(IdError::NotAKey { what: $what }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> String {
                key.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

key!(
    /// A key of the contract registry, e.g. `deviceConfiguration`. A released key is never renamed.
    PolicyType, "the policy type"
);
key!(
    /// A group of policy types, e.g. `Endpoint security`.
    Category, "the category"
);

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// From the bytes of the digest.
            pub fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
            /// The bytes of the digest.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let wrong = || IdError::NotHex { what: $what, digits: $bytes * 2 };
                let digit = |b: u8| match b {
                    b'0'..=b'9' => Ok(b - b'0'),
                    b'a'..=b'f' => Ok(b - b'a' + 10),
                    _ => Err(wrong()),
                };
                let text = text.as_bytes();
                if text.len() != $bytes * 2 {
                    return Err(wrong());
                }
                let mut bytes = [0; $bytes];
                for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
                    *byte = digit(pair[0])? << 4 | digit(pair[1])?;
                }
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                digest.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

digest!(
    /// SHA-256 of a selection's canonical text.
    SelectionHash, 32, "the selection hash"
);
digest!(
    /// SHA-256 of a token of the API: all of it that is stored.
    TokenHash, 32, "the token's hash"
);
digest!(
    /// Path, api version and classification of a type: tells a change of our own registry from a change in the tenant.
    /// The first 16 bytes of a SHA-256.
    ContractHash, 16, "the contract hash"
);
digest!(
    /// All of a contract that shapes an observation: the [`ContractHash`] and display name, platform and whitelist rules.
    /// An item observed under another version is rewritten quietly. The first 16 bytes of a SHA-256.
    ContractVersion, 16, "the contract version"
);
digest!(
    /// An item's observed fields and the version they were observed under, in 16 bytes of a SHA-256.
    Fingerprint, 16, "the fingerprint"
);

/// Graph's `id`: opaque, kept byte for byte, of any characters but U+0000. A singleton without an id has its type key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

impl ExternalId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ExternalId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        match text.len() {
            0 => Err(IdError::Empty),
            1..=EXTERNAL_ID_MAX_BYTES if text.contains('\0') => Err(IdError::HoldsNul),
            1..=EXTERNAL_ID_MAX_BYTES => Ok(Self(text)),
            _ => Err(IdError::TooLong),
        }
    }
}

impl FromStr for ExternalId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.to_owned().try_into()
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> String {
        id.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a caller names a start by, so that asking again starts nothing again: 1 to 128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StartKey(String);

impl StartKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for StartKey {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        let fits = (1..=START_KEY_MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(IdError::NotAStartKey) }
    }
}

impl FromStr for StartKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.to_owned().try_into()
    }
}

impl From<StartKey> for String {
    fn from(key: StartKey) -> String {
        key.0
    }
}

/// A process that works on runs: host, process and a random part, at most 128 bytes of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct WorkerId(String);

impl WorkerId {
    /// A worker's name; what is not visible ASCII becomes `-`, and the rest is cut at 128 bytes.
    pub fn new(name: &str) -> Self {
        Self(name.chars().take(128).map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect())
    }
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An item's number within its tenant and policy type: given when it is first seen, never reused, without gaps.
pub type Ordinal = u32;

/// A number of the database's one sequence, which numbers claims and stored pages. It decides what is earlier and later.
pub type SequenceNo = i64;

/// Grows with every claim of a run; a write that names an older one writes nothing.
pub type Fence = i64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_hyphenated_guid_and_nothing_else() {
        assert!("8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10".parse::<TenantId>().is_ok());
        for wrong in [
            "contoso.onmicrosoft.com",
            "",
            "8c2f0c1e5a544c0e9d6b3f1f0f6b7a10",
            "{8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10}",
            "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a1g",
        ] {
            assert_eq!(wrong.parse::<TenantId>(), Err(IdError::NotAGuid { what: "the tenant id" }), "{wrong}");
        }
        assert_eq!("00000000-0000-0000-0000-000000000000".parse::<TenantId>(), Err(IdError::Nil { what: "the tenant id" }));
    }

    #[test]
    fn an_upper_case_guid_reads_as_lower_case() {
        let id: TenantId = "8C2F0C1E-5A54-4C0E-9D6B-3F1F0F6B7A10".parse().expect("valid");
        assert_eq!(id.to_string(), "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10");
    }

    #[test]
    fn i19_an_external_id_is_opaque_bytes_within_its_bound() {
        for kept in ["T_8c2f", "0", "名前", "a b/c?d", &"x".repeat(512)] {
            assert_eq!(kept.parse::<ExternalId>().expect("kept").as_str(), kept);
        }
        assert_eq!("".parse::<ExternalId>(), Err(IdError::Empty));
        assert_eq!("x".repeat(513).parse::<ExternalId>(), Err(IdError::TooLong));
        for odd in ["\0", "a\0b", "a\0"] {
            assert_eq!(odd.parse::<ExternalId>(), Err(IdError::HoldsNul), "{odd:?}");
        }
    }

    #[test]
    fn the_key_of_a_start_is_short_and_visible() {
        assert_eq!("a-1_~".parse::<StartKey>().expect("kept").as_str(), "a-1_~");
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert_eq!(wrong.parse::<StartKey>(), Err(IdError::NotAStartKey), "{wrong:?}");
        }
    }

    #[test]
    fn a_digest_reads_back_only_in_lowercase() {
        let text = "0123456789abcdef0123456789abcdef";
        assert_eq!(text.parse::<ContractHash>().expect("valid").to_string(), text);
        assert!(text.to_uppercase().parse::<ContractHash>().is_err());
        assert!(text[1..].parse::<ContractHash>().is_err());
    }

    #[test]
    fn a_registry_key_is_letters_digits_spaces_and_hyphens() {
        assert!("deviceConfiguration".parse::<PolicyType>().is_ok());
        assert!("Endpoint security".parse::<Category>().is_ok());
        for wrong in ["", "9lives", "a_b", "a\n", "é", &"a".repeat(65)] {
            assert!(wrong.parse::<PolicyType>().is_err(), "{wrong:?}");
        }
    }
}
