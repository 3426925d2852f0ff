//! How the paths that ship are asked.

use std::collections::BTreeSet;

use lastseen_contracts::{Assignments, Registry};
use rstest::rstest;

#[rstest]
#[case("/deviceManagement/configurationPolicies", Some(100))]
#[case("/deviceManagement/windowsFeatureUpdateProfiles", Some(200))]
#[case("/deviceManagement/windowsQualityUpdateProfiles", Some(200))]
#[case("/deviceManagement/windowsQualityUpdatePolicies", Some(200))]
#[case("/deviceManagement/windowsDriverUpdateProfiles", Some(200))]
#[case("/deviceManagement/compliancePolicies", None)]
fn page_sizes_are_those_that_are_known_to_work(#[case] path: &str, #[case] page_size: Option<u32>) {
    let contract = Registry::builtin().paths().iter().find(|contract| contract.path == path).expect("shipped");
    assert_eq!(contract.page_size, page_size);
}

#[test]
fn assignments_are_read_where_somebody_was_seen_to_list_them_so_and_nowhere_else() {
    let paths = Registry::builtin().paths().iter();
    let read: BTreeSet<&str> = paths.filter(|path| path.assignments == Assignments::Expand).map(|path| path.path.as_str()).collect();
    let expected = [
        "/deviceAppManagement/androidManagedAppProtections",
        "/deviceAppManagement/iosManagedAppProtections",
        "/deviceAppManagement/mdmWindowsInformationProtectionPolicies",
        "/deviceAppManagement/mobileAppConfigurations",
        "/deviceAppManagement/windowsManagedAppProtections",
        "/deviceManagement/configurationPolicies",
        "/deviceManagement/deviceCompliancePolicies",
        "/deviceManagement/deviceConfigurations",
        "/deviceManagement/deviceEnrollmentConfigurations",
        "/deviceManagement/deviceHealthScripts",
        "/deviceManagement/deviceManagementScripts",
        "/deviceManagement/deviceShellScripts",
        "/deviceManagement/groupPolicyConfigurations",
        "/deviceManagement/intents",
        "/deviceManagement/windowsAutopilotDeploymentProfiles",
        "/deviceManagement/windowsDriverUpdateProfiles",
        "/deviceManagement/windowsFeatureUpdateProfiles",
        "/deviceManagement/windowsQualityUpdatePolicies",
        "/deviceManagement/windowsQualityUpdateProfiles",
    ];
    assert_eq!(read, expected.into());
    for path in Registry::builtin().paths().iter().filter(|path| path.assignments == Assignments::Expand) {
        assert!(path.evidence.iter().any(|line| line.contains("$expand=assignments")), "{} says who was seen to", path.path);
    }
}

#[test]
fn enrollment_profiles_are_read_below_the_token_they_belong_to() {
    let (path, _) = Registry::builtin().find(&"depEnrollmentProfile".parse().expect("key")).expect("shipped");
    let parent = path.parent.as_ref().expect("a parent");
    assert_eq!((parent.path.as_str(), parent.page_size, parent.select), ("/deviceManagement/depOnboardingSettings", Some(999), false));
}

#[test]
fn r17_a_selected_path_asks_for_nothing_heavy() {
    for path in Registry::builtin().paths().iter().filter(|path| path.select) {
        let fields = path.select_fields();
        assert!(fields.contains(&"id") && fields.is_sorted(), "{}", path.path);
        for heavy in
            ["settings", "omaSettings", "settingInstance", "largeIcon", "scriptContent", "conditions", "description", "rule", "assignments"]
        {
            assert!(!fields.contains(&heavy), "{}: {heavy}", path.path);
        }
    }
}
