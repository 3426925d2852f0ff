//! Which permissions a selection needs, and whether the token has them.

use lastseen_contracts::{PathContract, PathPlan};
use lastseen_graph::AppRole;
use lastseen_model::PolicyType;

/// A permission that some type needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Its name, e.g. `DeviceManagementApps.Read.All`.
    pub name: String,
    /// Whether the token has it, or one that allows more; none where the token can't be read.
    pub granted: Option<bool>,
    /// The types that need it.
    pub types: Vec<PolicyType>,
    /// Whether a tenant may lack all of these types anyway, so that going without it makes no run partial.
    pub is_optional: bool,
}

/// The permissions that these paths need, by name.
pub(super) fn of(plans: &[PathPlan<'_>], roles: Option<&[AppRole]>) -> Vec<Permission> {
    let mut needed: Vec<Permission> = Vec::new();
    for plan in plans {
        let name = &plan.path.permission;
        let types = plan.path.keys(&plan.wanted);
        match needed.iter_mut().find(|known| known.name == *name) {
            Some(known) => {
                known.types.extend(types);
                known.is_optional &= plan.path.optional_feature;
            }
            None => needed.push(Permission {
                name: name.clone(),
                granted: roles.map(|roles| roles.iter().any(|role| allows(role.as_str(), name))),
                types,
                is_optional: plan.path.optional_feature,
            }),
        }
    }
    needed.sort_by(|one, other| one.name.cmp(&other.name));
    needed
}

/// Whether a path's permission is among those that are granted; none where the token can't be read.
pub(super) fn granted(needed: &[Permission], path: &PathContract) -> Option<bool> {
    needed.iter().find(|known| known.name == path.permission)?.granted
}

/// Whether a role allows what a permission to read does: it is that one, or the one that writes as well.
fn allows(role: &str, permission: &str) -> bool {
    role == permission || role == permission.replacen(".Read.", ".ReadWrite.", 1)
}

/// Whether a role allows more than reading.
pub(super) fn is_beyond_reading(role: &str) -> bool {
    !role.split('.').any(|word| word == "Read" || word == "ReadBasic")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("DeviceManagementApps.Read.All", true)]
    #[case("DeviceManagementApps.ReadWrite.All", true)]
    #[case("DeviceManagementApps.Read", false)]
    #[case("DeviceManagementConfiguration.Read.All", false)]
    #[case("devicemanagementapps.read.all", false)]
    fn a_permission_is_given_by_itself_or_by_the_one_that_writes_too(#[case] role: &str, #[case] allowed: bool) {
        assert_eq!(allows(role, "DeviceManagementApps.Read.All"), allowed);
    }

    #[rstest]
    #[case("DeviceManagementApps.Read.All", false)]
    #[case("Policy.Read.AuthenticationMethod", false)]
    #[case("User.ReadBasic.All", false)]
    #[case("DeviceManagementApps.ReadWrite.All", true)]
    #[case("Mail.Send", true)]
    #[case("Sites.FullControl.All", true)]
    fn r16_what_allows_more_than_reading_is_told(#[case] role: &str, #[case] beyond: bool) {
        assert_eq!(is_beyond_reading(role), beyond);
    }
}
