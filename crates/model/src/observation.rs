//! What is kept of one object that Graph listed.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ids::{ContractVersion, ExternalId, Fingerprint};

/// The longest display name kept, in characters.
pub const DISPLAY_NAME_MAX_CHARS: usize = 1024;

/// One object, reduced to what its contract keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Graph's id.
    pub external_id: ExternalId,
    /// The name people see; none where Graph has none.
    pub display_name: Option<String>,
    /// `android`, `ios`, `macos`, `windows`, `linux`, ...; none where it is not one platform or not known.
    pub platform: Option<String>,
    /// Whitelisted metadata as a JSON object with sorted keys, in RFC 8785 form.
    pub meta: String,
    /// How many assignments; none when they were not read, never 0 for that.
    pub assignment_count: Option<u32>,
    /// Equal exactly when all of the above and the contract version are.
    pub fingerprint: Fingerprint,
}

impl Observation {
    /// Builds an observation and its fingerprint. U+0000 in a text becomes U+FFFD, and a display name is cut at
    /// [`DISPLAY_NAME_MAX_CHARS`].
    pub fn new(
        version: &ContractVersion,
        external_id: ExternalId,
        display_name: Option<&str>,
        platform: Option<&str>,
        meta: &BTreeMap<String, Value>,
        assignment_count: Option<u32>,
    ) -> Self {
        let display_name = display_name.map(|name| without_nul(&name.chars().take(DISPLAY_NAME_MAX_CHARS).collect::<String>()));
        let platform = platform.map(without_nul);
        let meta = canonical_object(meta);
        let fingerprint = fingerprint(version, display_name.as_deref(), platform.as_deref(), &meta, assignment_count);
        Self { external_id, display_name, platform, meta, assignment_count, fingerprint }
    }
}

impl Observation {
    /// Name and id, folded, one a line: what search looks into.
    pub fn search_text(&self) -> String {
        fold(&format!("{}\n{}", self.display_name.as_deref().unwrap_or_default(), self.external_id))
    }
}

/// What search compares: lower case by Unicode's rules, so that every database folds alike, without U+0000, which their texts can't
/// hold or end at.
pub fn fold(text: &str) -> String {
    text.to_lowercase().replace('\0', "")
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A map of strings, integers, booleans and lists of them has one RFC 8785 text: sorted keys (a `BTreeMap` sorts by code
/// point, the RFC by UTF-16 unit; whitelisted keys are ASCII, where both agree), no white space.
fn canonical_object(meta: &BTreeMap<String, Value>) -> String {
    let meta: serde_json::Map<String, Value> = meta.iter().map(|(key, value)| (key.clone(), value_without_nul(value))).collect();
    Value::Object(meta).to_string()
}

fn value_without_nul(value: &Value) -> Value {
    match value {
        Value::String(text) => without_nul(text).into(),
        Value::Array(values) => values.iter().map(value_without_nul).collect(),
        other => other.clone(),
    }
}

fn fingerprint(version: &ContractVersion, name: Option<&str>, platform: Option<&str>, meta: &str, assignments: Option<u32>) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(version.as_bytes());
    // Each field is led by its length, so that no two different sets of fields have the same bytes.
    for field in [name, platform, Some(meta)] {
        hash.update(field.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(field.unwrap_or_default());
    }
    hash.update(assignments.map_or(u64::MAX, u64::from).to_le_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Fingerprint::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(version: u8, name: Option<&str>, platform: Option<&str>, meta: &[(&str, Value)], assignments: Option<u32>) -> Observation {
        let meta = meta.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Observation::new(&ContractVersion::from_bytes([version; 16]), "id".parse().expect("id"), name, platform, &meta, assignments)
    }

    #[test]
    fn the_fingerprint_moves_with_every_observed_field_and_with_the_contract_version() {
        let base = observe(1, Some("a"), Some("windows"), &[("version", 1.into())], None);
        let others = [
            observe(2, Some("a"), Some("windows"), &[("version", 1.into())], None),
            observe(1, Some("b"), Some("windows"), &[("version", 1.into())], None),
            observe(1, None, Some("windows"), &[("version", 1.into())], None),
            observe(1, Some("a"), None, &[("version", 1.into())], None),
            observe(1, Some("a"), Some("windows"), &[("version", 2.into())], None),
            observe(1, Some("a"), Some("windows"), &[("version", 1.into())], Some(0)),
        ];
        for other in others {
            assert_ne!(other.fingerprint, base.fingerprint, "{other:?}");
        }
    }

    #[test]
    fn i22_the_order_of_fields_never_changes_the_fingerprint() {
        let one = observe(1, None, None, &[("a", 1.into()), ("b", 2.into())], None);
        let two = observe(1, None, None, &[("b", 2.into()), ("a", 1.into())], None);
        assert_eq!(one, two);
    }

    #[test]
    fn a_nul_in_a_text_becomes_the_replacement_character() {
        let item = observe(1, Some("a\0b"), None, &[("k", "x\0y".into()), ("path", r"C:\u0000".into())], None);
        assert_eq!(item.display_name.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(item.meta, "{\"k\":\"x\u{fffd}y\",\"path\":\"C:\\\\u0000\"}");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let item = observe(1, Some(&"é".repeat(2000)), None, &[], None);
        assert_eq!(item.display_name.map(|name| name.chars().count()), Some(DISPLAY_NAME_MAX_CHARS));
    }
}
