//! The fixed registry, selections and objects that cases and histories are told with.

use std::collections::BTreeMap;

use lastseen_model::{ContractHash, ContractVersion, ExternalId, Observation, PolicyType, Selection, TenantId, Timestamp};
use lastseen_store::{RegistryType, ScopedType, TenantScope};
use serde_json::Value;

/// A type on a path of its own.
pub(crate) const CONFIG: &str = "deviceConfiguration";
/// A type on a path that pages by offset.
pub(crate) const APP: &str = "mobileApp";
/// A type that a tenant may lack.
pub(crate) const COMPLIANCE: &str = "deviceCompliancePolicy";
/// Shares its path with [`CATALOG`].
pub(crate) const SECURITY: &str = "endpointSecurityPolicy";
/// Shares its path with [`SECURITY`].
pub(crate) const CATALOG: &str = "settingsCatalogPolicy";

/// The types in registry order: key, category, path, whether it pages by offset.
pub(crate) const TYPES: [(&str, &str, &str, bool); 5] = [
    (CONFIG, "Configuration", "/deviceManagement/deviceConfigurations", false),
    (APP, "Apps", "/deviceAppManagement/mobileApps", true),
    (COMPLIANCE, "Compliance", "/deviceManagement/deviceCompliancePolicies", false),
    (SECURITY, "Endpoint security", "/deviceManagement/configurationPolicies", false),
    (CATALOG, "Configuration", "/deviceManagement/configurationPolicies", false),
];

/// A type's key.
pub(crate) fn kind(name: &str) -> PolicyType {
    name.parse().expect("a key of the test registry")
}

/// Graph's id.
pub(crate) fn id(text: &str) -> ExternalId {
    text.parse().expect("an external id")
}

/// The tenants of the suite: 1, 2, ...
pub(crate) fn tenant(number: u8) -> TenantId {
    uuid::Uuid::from_bytes([number; 16]).try_into().expect("not the GUID of zeroes")
}

/// The door to a tenant. The suite plays the part of the caller who was told which tenant by a person.
#[expect(clippy::disallowed_methods, reason = "the suite plays the part of those who were told which tenant")]
pub(crate) fn scope_of(tenant: TenantId) -> TenantScope {
    TenantScope::assume(tenant)
}

/// A time of the database's clock.
pub(crate) fn at_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).expect("a time that can be written")
}

/// The registry as the database's readers see it.
pub(crate) fn registry() -> Vec<RegistryType> {
    let row = |(policy_type, category, path, _): &(&str, &str, &str, bool)| RegistryType {
        policy_type: kind(policy_type),
        category: category.parse().expect("a category"),
        display_name: (*policy_type).to_owned(),
        path: (*path).to_owned(),
        api_version: "beta".to_owned(),
    };
    TYPES.iter().map(row).collect()
}

/// The path of a type.
pub(crate) fn path_of(policy_type: &PolicyType) -> &'static str {
    TYPES.iter().find(|row| row.0 == policy_type.as_str()).map_or("", |row| row.2)
}

/// The types that share a path.
pub(crate) fn on_path(path: &str) -> impl Iterator<Item = &'static str> {
    TYPES.iter().filter(move |row| row.2 == path).map(|row| row.0)
}

/// A type as a run lists it, under the contract with this hash and version.
pub(crate) fn scoped(policy_type: &str, hash: u8, version: u8) -> ScopedType {
    let (place, row) = TYPES.iter().enumerate().find(|(_, row)| row.0 == policy_type).expect("a type of the test registry");
    let seed = u8::try_from(place).expect("few types");
    ScopedType {
        policy_type: kind(policy_type),
        contract_hash: ContractHash::from_bytes([seed, hash, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        contract_version: version_of(seed, version),
        pages_by_offset: row.3,
    }
}

fn version_of(seed: u8, version: u8) -> ContractVersion {
    ContractVersion::from_bytes([seed, version, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2])
}

/// A selection with the types it resolves to.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// What is selected.
    pub(crate) selection: Selection,
    /// The types it resolves to, in registry order.
    pub(crate) types: Vec<ScopedType>,
}

impl Chosen {
    /// Types by their keys, under contract 1.
    pub(crate) fn types(names: &[&str]) -> Self {
        let selection = Selection { policy_types: names.iter().map(|name| kind(name)).collect(), ..Selection::default() };
        Self { selection, types: Self::in_order(|row| names.contains(&row.0)) }
    }

    /// Everything.
    pub(crate) fn everything() -> Self {
        Self { selection: Selection::default(), types: Self::in_order(|_| true) }
    }

    /// The types of a category.
    pub(crate) fn category(name: &str) -> Self {
        let selection = Selection { categories: [name.parse().expect("a category")].into(), ..Selection::default() };
        Self { selection, types: Self::in_order(|row| row.1 == name) }
    }

    /// The same, with a type listed under another contract.
    pub(crate) fn under(mut self, policy_type: &str, hash: u8, version: u8) -> Self {
        for known in self.types.iter_mut().filter(|known| known.policy_type.as_str() == policy_type) {
            *known = scoped(policy_type, hash, version);
        }
        self
    }

    /// The contract version of a type, also of one that it has not.
    pub(crate) fn version(&self, policy_type: &str) -> ContractVersion {
        let own = self.types.iter().find(|known| known.policy_type.as_str() == policy_type);
        own.map_or_else(|| scoped(policy_type, 1, 1).contract_version, |known| known.contract_version)
    }

    fn in_order(wanted: impl Fn(&(&str, &str, &str, bool)) -> bool) -> Vec<ScopedType> {
        TYPES.iter().filter(|row| wanted(row)).map(|row| scoped(row.0, 1, 1)).collect()
    }
}

/// An object as its contract keeps it; `edition` tells one state of its fields from another.
pub(crate) fn observation(version: &ContractVersion, external_id: &str, edition: u8) -> Observation {
    let name = format!("Policy {external_id}, edition {edition}");
    let platform = [None, Some("windows"), Some("ios")][usize::from(edition) % 3];
    named(version, external_id, edition, Some(&name), platform)
}

/// The same under a name and a platform of its own.
pub(crate) fn named(version: &ContractVersion, external_id: &str, edition: u8, name: Option<&str>, platform: Option<&str>) -> Observation {
    let meta: BTreeMap<String, Value> =
        [("edition".to_owned(), Value::from(edition)), ("tags".to_owned(), Value::from(vec!["é", "2"]))].into();
    let assignments = (edition % 2 == 1).then_some(u32::from(edition));
    Observation::new(version, id(external_id), name, platform, &meta, assignments)
}
