//! What a run lists: selection, canonical text, hash and scope.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ids::{Category, PolicyType, SelectionHash};
use crate::suggest::nearest;

/// At most this many names in one array of a selection; more than any registry has.
pub const SELECTION_MAX_NAMES: usize = 1_000;

/// What to list. Both sets empty means every type that is enabled by default. Holds nothing that does not change what is
/// listed: who asked, why and how urgently is no part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Every enabled type of these categories.
    pub categories: BTreeSet<Category>,
    /// These types, the ones that are off by default too.
    pub policy_types: BTreeSet<PolicyType>,
}

/// The names a selection may use, in registry order.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary(Vec<KnownType>);

/// One type of the registry, as far as a selection needs it.
#[derive(Debug, Clone)]
pub struct KnownType {
    /// Its key.
    pub policy_type: PolicyType,
    /// Its category.
    pub category: Category,
    /// Whether it is listed without being named.
    pub enabled: bool,
}

impl FromIterator<KnownType> for Vocabulary {
    fn from_iter<I: IntoIterator<Item = KnownType>>(types: I) -> Self {
        Self(types.into_iter().collect())
    }
}

/// A selection that can't be used. No run is made of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Not a JSON object.
    #[error("the selection must be a JSON object with the keys `categories` and `policy_types`")]
    NotAnObject,
    /// A key that is neither `categories` nor `policy_types`.
    #[error("unknown key `{name}` in the selection{}", hint(nearest.as_deref()))]
    UnknownKey {
        /// What was written, cut to 64 characters.
        name: String,
        /// The nearest known key.
        nearest: Option<String>,
    },
    /// A value that is no array of texts.
    #[error("`{key}` in the selection must be an array of names, at most {SELECTION_MAX_NAMES}")]
    NotAnArray {
        /// Which key.
        key: &'static str,
    },
    /// A type the registry does not have.
    #[error("unknown policy type `{name}`{}", hint(nearest.as_deref()))]
    UnknownType {
        /// What was written, cut to 64 characters.
        name: String,
        /// The nearest known type.
        nearest: Option<String>,
    },
    /// A category the registry does not have.
    #[error("unknown category `{name}`{}", hint(nearest.as_deref()))]
    UnknownCategory {
        /// What was written, cut to 64 characters.
        name: String,
        /// The nearest known category.
        nearest: Option<String>,
    },
    /// Known names, but no type among them is enabled.
    #[error("the selection resolves to no type: every type of its categories is off by default; name types with `policy_types`")]
    Empty,
}

const KEYS: [&str; 2] = ["categories", "policy_types"];

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn cut(name: &str) -> String {
    name.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl Selection {
    /// From names as a person types them, in any order, repeated or not.
    pub fn from_names<'a>(
        vocabulary: &Vocabulary,
        categories: impl IntoIterator<Item = &'a str>,
        policy_types: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SelectionError> {
        let categories = categories.into_iter().map(|name| vocabulary.category(name)).collect::<Result<_, _>>()?;
        let policy_types = policy_types.into_iter().map(|name| vocabulary.policy_type(name)).collect::<Result<_, _>>()?;
        Ok(Self { categories, policy_types })
    }

    /// From a JSON payload; a missing key is an empty array.
    pub fn from_json(vocabulary: &Vocabulary, payload: &Value) -> Result<Self, SelectionError> {
        let object = payload.as_object().ok_or(SelectionError::NotAnObject)?;
        if let Some(name) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(SelectionError::UnknownKey { name: cut(name), nearest: nearest(name, KEYS).map(str::to_owned) });
        }
        let names = |key: &'static str| -> Result<Vec<&str>, SelectionError> {
            let Some(value) = object.get(key) else { return Ok(Vec::new()) };
            let wrong = SelectionError::NotAnArray { key };
            let array = value.as_array().filter(|array| array.len() <= SELECTION_MAX_NAMES).ok_or(wrong.clone())?;
            array.iter().map(|name| name.as_str().ok_or(wrong.clone())).collect()
        };
        Self::from_names(vocabulary, names(KEYS[0])?, names(KEYS[1])?)
    }

    /// The canonical text (RFC 8785): both keys always present, keys and arrays sorted, no duplicates, no white space.
    pub fn canonical(&self) -> String {
        // Names are ASCII, so code point order, the sets' order and the RFC's order are one.
        serde_json_canonicalizer::to_string(self).unwrap_or_default()
    }

    /// Lowercase hex SHA-256 of the canonical text.
    pub fn hash(&self) -> SelectionHash {
        SelectionHash::from_bytes(Sha256::digest(self.canonical()).into())
    }

    /// Whether it asks for everything that is enabled.
    pub fn is_everything(&self) -> bool {
        self.categories.is_empty() && self.policy_types.is_empty()
    }
}

impl Vocabulary {
    /// The types a run of this selection lists, in registry order: those named, and the enabled ones of the categories
    /// named; without any name, every enabled one. A type that is off by default comes in by its key only.
    pub fn scope(&self, selection: &Selection) -> Result<Vec<PolicyType>, SelectionError> {
        let wanted = |known: &&KnownType| {
            selection.policy_types.contains(&known.policy_type)
                || (known.enabled && (selection.is_everything() || selection.categories.contains(&known.category)))
        };
        let scope: Vec<_> = self.0.iter().filter(wanted).map(|known| known.policy_type.clone()).collect();
        if scope.is_empty() { Err(SelectionError::Empty) } else { Ok(scope) }
    }

    fn policy_type(&self, name: &str) -> Result<PolicyType, SelectionError> {
        let known = || self.0.iter().map(|known| &known.policy_type);
        known().find(|key| key.as_str() == name).cloned().ok_or_else(|| SelectionError::UnknownType {
            name: cut(name),
            nearest: nearest(name, known().map(PolicyType::as_str)).map(str::to_owned),
        })
    }

    fn category(&self, name: &str) -> Result<Category, SelectionError> {
        let known = || self.0.iter().map(|known| &known.category);
        known().find(|key| key.as_str() == name).cloned().ok_or_else(|| SelectionError::UnknownCategory {
            name: cut(name),
            nearest: nearest(name, known().map(Category::as_str)).map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn vocabulary() -> Vocabulary {
        let known = |policy_type: &str, category: &str, enabled| KnownType {
            policy_type: policy_type.parse().expect("key"),
            category: category.parse().expect("key"),
            enabled,
        };
        [
            known("deviceConfiguration", "Configuration", true),
            known("settingsCatalogPolicy", "Configuration", true),
            known("deviceCompliancePolicy", "Compliance", true),
            known("endpointSecurityPolicy", "Endpoint security", true),
            known("deviceManagementScript", "Scripts", false),
        ]
        .into_iter()
        .collect()
    }

    fn select(categories: &[&str], types: &[&str]) -> Result<Selection, SelectionError> {
        Selection::from_names(&vocabulary(), categories.iter().copied(), types.iter().copied())
    }

    // Golden vectors, made by hand with `printf '%s' '<canonical text>' | sha256sum`. They freeze the hash forever.
    #[rstest]
    #[case::everything(&[], &[], r#"{"categories":[],"policy_types":[]}"#, "a875b387f6eed0f5b8e1d68108a59db5c3dd2d8c23e5f8e7f1e9187fe98aefac")]
    #[case::one_type(&[], &["deviceConfiguration"], r#"{"categories":[],"policy_types":["deviceConfiguration"]}"#, "72fee50827dc83575e7c1e3314cee04f32a6a493a7d85d7f54df075a75169012")]
    #[case::types_in_any_order(&[], &["deviceConfiguration", "deviceCompliancePolicy", "deviceConfiguration"], r#"{"categories":[],"policy_types":["deviceCompliancePolicy","deviceConfiguration"]}"#, "0b1e890b43056bc8b98d55f3f4967dc667984b20fb08c11d72e6d878bdb5410a")]
    #[case::one_category(&["Compliance"], &[], r#"{"categories":["Compliance"],"policy_types":[]}"#, "9d045473977a5351977fd041571f9f197fff587a7c6e4ba4d9cb626d004a23ba")]
    #[case::categories_in_any_order(&["Endpoint security", "Compliance", "Compliance"], &[], r#"{"categories":["Compliance","Endpoint security"],"policy_types":[]}"#, "6e8364baf5377d0f99cd68406731c3be30afe0d6a64b8f9015bdadede1b5b8a2")]
    #[case::both(&["Endpoint security", "Compliance"], &["settingsCatalogPolicy", "deviceConfiguration"], r#"{"categories":["Compliance","Endpoint security"],"policy_types":["deviceConfiguration","settingsCatalogPolicy"]}"#, "fd86ce7579feef81237c60802251f4f4a89cbd9ba88f52d958a7f21f050601ad")]
    fn r03_golden_vectors_freeze_the_selection_hash(
        #[case] categories: &[&str],
        #[case] types: &[&str],
        #[case] canonical: &str,
        #[case] hash: &str,
    ) {
        let selection = select(categories, types).expect("known names");
        assert_eq!(selection.canonical(), canonical);
        assert_eq!(selection.hash().to_string(), hash);
    }

    #[test]
    fn r25_white_space_key_order_and_missing_keys_do_not_change_the_hash() {
        let one: Value = serde_json::from_str(r#"{ "policy_types" : ["deviceConfiguration"] , "categories": [ ] }"#).expect("json");
        let two = json!({"policy_types": ["deviceConfiguration"]});
        let read = |payload| Selection::from_json(&vocabulary(), payload).expect("known").hash();
        assert_eq!(read(&one), read(&two));
    }

    proptest! {
        #[test]
        fn r25_the_hash_is_invariant_under_order_and_repetition(picked in prop::collection::vec(0usize..5, 0..12), rotate in 0usize..12) {
            let all = ["deviceConfiguration", "settingsCatalogPolicy", "deviceCompliancePolicy", "endpointSecurityPolicy", "deviceManagementScript"];
            let names: Vec<&str> = picked.iter().map(|n| all[*n]).collect();
            let mut turned = names.clone();
            turned.rotate_left(rotate.min(names.len()));
            turned.extend(names.iter().rev());
            let (one, two) = (select(&[], &names).expect("known"), select(&[], &turned).expect("known"));
            prop_assert_eq!(one.hash(), two.hash());
            // A second implementation of RFC 8785 agrees on the text.
            prop_assert_eq!(serde_jcs::to_string(&one).expect("json"), one.canonical());
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_known_one() {
        let message = |result: Result<Selection, SelectionError>| result.expect_err("refused").to_string();
        assert_eq!(
            message(select(&[], &["deviceConfigurations"])),
            "unknown policy type `deviceConfigurations`; did you mean `deviceConfiguration`?"
        );
        assert_eq!(message(select(&["compliance"], &[])), "unknown category `compliance`; did you mean `Compliance`?");
        assert_eq!(message(select(&[], &["payroll"])), "unknown policy type `payroll`");
        let keyed = Selection::from_json(&vocabulary(), &json!({"policy_type": []}));
        assert_eq!(message(keyed), "unknown key `policy_type` in the selection; did you mean `policy_types`?");
    }

    #[rstest]
    #[case(json!([]), SelectionError::NotAnObject)]
    #[case(json!({"categories": "Compliance"}), SelectionError::NotAnArray { key: "categories" })]
    #[case(json!({"policy_types": [1]}), SelectionError::NotAnArray { key: "policy_types" })]
    fn a_malformed_payload_names_the_key_at_fault(#[case] payload: Value, #[case] error: SelectionError) {
        assert_eq!(Selection::from_json(&vocabulary(), &payload), Err(error));
    }

    #[test]
    fn the_scope_is_the_union_of_types_and_enabled_types_of_categories() {
        let names = |categories: &[&str], types: &[&str]| {
            let scope = vocabulary().scope(&select(categories, types).expect("known"));
            scope.map(|scope| scope.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(names(&[], &[]).expect("all").len(), 4);
        assert_eq!(names(&["Compliance"], &["deviceConfiguration"]).expect("union"), ["deviceConfiguration", "deviceCompliancePolicy"]);
        assert_eq!(names(&[], &["deviceManagementScript"]).expect("by key"), ["deviceManagementScript"]);
        assert_eq!(names(&["Scripts"], &[]), Err(SelectionError::Empty));
    }
}
