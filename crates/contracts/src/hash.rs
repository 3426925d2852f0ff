//! The two hashes of a type. Both are the first 16 bytes of the SHA-256 of a text that a person can write down: one fact a
//! line, words that hold no white space (see `check`), so no two contracts have the same text.

use lastseen_model::{ContractHash, ContractVersion};
use sha2::{Digest, Sha256};

use crate::contract::{Assignments, MatchRule, MetaField, MetaKind, PathContract, PlatformRule, TypeContract};

/// Led by this, so that a change of what the words mean can change every hash.
const CLASSIFICATION: &str = "lastseen-classification-1";
/// To be raised when the code reads the same whitelist differently (a platform's words, a kind's forms): items are then
/// rewritten quietly, and nobody is told that they changed in the tenant.
const OBSERVATION: &str = "lastseen-observation-1";

/// Sets both hashes of every type of a path.
pub(crate) fn seal(path: &mut PathContract) {
    let contract_hash = ContractHash::from_bytes(digest(&classification(path)));
    for known in &mut path.types {
        known.contract_hash = contract_hash;
        known.contract_version = ContractVersion::from_bytes(digest(&reduction(known, path.assignments)));
    }
}

/// Path, version and all rules in order: the first match decides, so a rule's place matters to the types behind it.
fn classification(path: &PathContract) -> String {
    let mut text = format!("{CLASSIFICATION}\npath {}\nversion {}\n", path.path, path.api_version.as_str());
    for known in &path.types {
        let rule = match &known.matches {
            None => "rest".to_owned(),
            Some(MatchRule::OdataType(names)) => format!("odata_type {}", names.join(" ")),
            Some(MatchRule::FieldStartsWith { field, any_of }) => format!("field {field} starts_with {}", any_of.join(" ")),
        };
        line(&mut text, &format!("type {} {rule}", known.policy_type));
    }
    text
}

/// The classification's hash and what is kept of an object of this type. The whitelist's order does not matter. What a path does not
/// read has no line, so that the hash of those who came before it stays.
fn reduction(known: &TypeContract, assignments: Assignments) -> String {
    let mut text = format!("{OBSERVATION}\ncontract {}\ntype {}\n", known.contract_hash, known.policy_type);
    if let Some(field) = &known.display_name_field {
        line(&mut text, &format!("name {field}"));
    }
    match &known.platform {
        PlatformRule::None => {}
        PlatformRule::Fixed(platform) => line(&mut text, &format!("platform fixed {platform}")),
        PlatformRule::OdataType => line(&mut text, "platform odata_type"),
        PlatformRule::Field(field) => line(&mut text, &format!("platform field {field}")),
    }
    let mut kept: Vec<&MetaField> = known.meta.iter().collect();
    kept.sort_by_key(|kept| &kept.field);
    for MetaField { field, kind } in kept {
        let kind = match kind {
            MetaKind::Text(chars) => format!("text {chars}"),
            MetaKind::Integer => "integer".to_owned(),
            MetaKind::Boolean => "boolean".to_owned(),
            MetaKind::Time => "time".to_owned(),
            MetaKind::TextList { items, chars } => format!("text_list {items} {chars}"),
        };
        line(&mut text, &format!("keep {field} {kind}"));
    }
    if assignments == Assignments::Expand {
        line(&mut text, "assignments expand");
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn digest(text: &str) -> [u8; 16] {
    let digest = Sha256::digest(text);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}
