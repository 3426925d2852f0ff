//! The registry that ships.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_contracts::{MatchRule, MetaKind, PathKind, Registry, Workload};
use rstest::rstest;

fn keys(filter: impl Fn(&lastseen_contracts::PathContract, &lastseen_contracts::TypeContract) -> bool) -> BTreeSet<String> {
    Registry::builtin().types().filter(|(path, known)| filter(path, known)).map(|(_, known)| known.policy_type.to_string()).collect()
}

#[test]
fn the_shipped_registry_can_be_read_and_is_of_some_size() {
    assert!(Registry::builtin().types().count() >= 110);
}

#[test]
fn types_whose_permission_exposes_bodies_are_off_unless_named() {
    let scripts = keys(|path, _| path.permission == "DeviceManagementScripts.Read.All");
    assert!(!scripts.is_empty());
    assert!(scripts.is_disjoint(&keys(|_, known| known.is_on())));
}

#[test]
fn what_is_off_unless_named() {
    let off = [
        "androidDeviceOwnerEnrollmentProfile",
        "androidForWorkEnrollmentProfile",
        "androidForWorkSettings",
        "androidManagedAppProtection",
        "applePushNotificationCertificate",
        "authenticationContext",
        "authenticationStrengthPolicy",
        "certificateConnector",
        "chromeOSOnboardingSettings",
        "cloudCertificationAuthority",
        "configurationPolicyTemplate",
        "dataSharingConsent",
        "defaultManagedAppProtection",
        "depEnrollmentProfile",
        "deviceComplianceScript",
        "deviceCustomAttributeShellScript",
        "deviceHealthScript",
        "deviceManagementScript",
        "deviceManagementTemplate",
        "deviceRegistrationPolicy",
        "deviceShellScript",
        "domainJoinConnector",
        "embeddedSIMActivationCodePool",
        "enterpriseCodeSigningCertificate",
        "groupPolicyMigrationReport",
        "importedDeviceIdentity",
        "inventoryPolicy",
        "iosLobAppProvisioningConfiguration",
        "iosManagedAppProtection",
        "managedEBookCategory",
        "mdmWindowsInformationProtectionPolicy",
        "microsoftTunnelConfiguration",
        "microsoftTunnelSite",
        "ndesConnector",
        "remoteAssistanceSettings",
        "resourceAccessProfile",
        "serviceNowConnection",
        "termsOfUseAgreement",
        "userExperienceAnalyticsBaseline",
        "vppToken",
        "windowsInformationProtectionPolicy",
        "windowsManagedAppProtection",
        "zebraFotaConnector",
        "zebraFotaDeployment",
    ];
    assert_eq!(keys(|_, known| !known.is_on()), off.map(str::to_owned).into());
}

#[test]
fn every_enabled_type_has_a_category_that_selects_it() {
    let mut categories: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, known) in Registry::builtin().types().filter(|(_, known)| known.is_on()) {
        *categories.entry(known.category.as_str()).or_default() += 1;
    }
    let names: Vec<&str> = categories.into_keys().collect();
    assert_eq!(
        names,
        [
            "Apps",
            "Compliance",
            "Conditional access",
            "Configuration",
            "Endpoint security",
            "Enrollment",
            "Scripts",
            "Tenant administration",
            "Updates"
        ]
    );
}

#[test]
fn conditional_access_has_its_own_budget() {
    for path in Registry::builtin().paths() {
        assert_eq!(path.workload == Workload::ConditionalAccess, path.path.starts_with("/identity/conditionalAccess/"), "{}", path.path);
        assert_eq!(path.workload == Workload::CloudPc, path.path.contains("/virtualEndpoint/"), "{}", path.path);
    }
}

#[test]
fn a_path_that_a_tenant_need_not_have_says_so() {
    for path in Registry::builtin().paths().iter().filter(|path| path.workload == Workload::CloudPc) {
        assert!(path.optional_feature, "{}", path.path);
    }
}

#[test]
fn there_are_singletons_views_and_types_without_a_name() {
    assert!(keys(|path, _| path.kind == PathKind::Singleton).len() >= 3);
    assert!(keys(|_, known| matches!(known.matches, Some(MatchRule::OdataType(_)))).len() >= 5);
    assert!(keys(|_, known| matches!(known.matches, Some(MatchRule::FieldStartsWith { .. }))).len() >= 5);
    assert!(keys(|_, known| known.display_name_field.is_none()).contains("mobileThreatDefenseConnector"));
}

// What Graph lists, and the type it is filed under. Shapes from what tenants hold, contents made up.
#[rstest]
#[case(
    "/deviceManagement/configurationPolicies",
    r#"{"id":"1","name":"n","platforms":"windows10","technologies":"mdm","templateReference":{"templateFamily":"none"}}"#,
    "settingsCatalogPolicy",
    Some("windows")
)]
#[case(
    "/deviceManagement/configurationPolicies",
    r#"{"id":"1","name":"n","platforms":"macOS","templateReference":{"templateFamily":"endpointSecurityAntivirus"}}"#,
    "endpointSecurityPolicy",
    Some("macos")
)]
#[case(
    "/deviceManagement/configurationPolicies",
    r#"{"id":"1","name":"n","platforms":"windows10","templateReference":{"templateFamily":"endpointSecurityEndpointPrivilegeManagement"}}"#,
    "endpointPrivilegeManagementPolicy",
    Some("windows")
)]
#[case(
    "/deviceManagement/configurationPolicies",
    r#"{"id":"1","name":"n","platforms":"windows10","templateReference":{"templateFamily":"baseline"}}"#,
    "securityBaselinePolicy",
    Some("windows")
)]
#[case(
    "/deviceManagement/configurationPolicies",
    r#"{"id":"1","name":"n","platforms":"linux","templateReference":{"templateFamily":"deviceConfigurationScripts"}}"#,
    "linuxScriptPolicy",
    Some("linux")
)]
#[case(
    "/deviceManagement/configurationPolicies",
    r#"{"id":"1","name":"n","platforms":["iOS"],"templateReference":null}"#,
    "settingsCatalogPolicy",
    Some("ios")
)]
#[case(
    "/deviceManagement/deviceConfigurations",
    r##"{"id":"1","@odata.type":"#microsoft.graph.windowsUpdateForBusinessConfiguration","displayName":"n"}"##,
    "windowsUpdateRing",
    Some("windows")
)]
#[case(
    "/deviceManagement/deviceConfigurations",
    r##"{"id":"1","@odata.type":"#microsoft.graph.macOSSoftwareUpdateConfiguration","displayName":"n"}"##,
    "appleUpdatePolicy",
    Some("macos")
)]
#[case(
    "/deviceManagement/deviceConfigurations",
    r##"{"id":"1","@odata.type":"#microsoft.graph.aospDeviceOwnerWiFiConfiguration","displayName":"n"}"##,
    "deviceConfiguration",
    Some("android")
)]
#[case(
    "/deviceAppManagement/managedAppPolicies",
    r##"{"id":"T_1","@odata.type":"#microsoft.graph.iosManagedAppProtection","displayName":"n","version":"\"1d005e3a\""}"##,
    "managedAppPolicy",
    Some("ios")
)]
#[case(
    "/deviceAppManagement/managedAppPolicies",
    r##"{"id":"A_1","@odata.type":"#microsoft.graph.targetedManagedAppConfiguration","displayName":"n"}"##,
    "targetedManagedAppConfiguration",
    None
)]
#[case("/deviceManagement/deviceEnrollmentConfigurations", r##"{"id":"1_DefaultLimit","@odata.type":"#microsoft.graph.deviceEnrollmentLimitConfiguration","displayName":"All users and all devices","priority":0}"##, "enrollmentLimitRestriction", None)]
#[case(
    "/deviceManagement/reusablePolicySettings",
    r#"{"id":"1","displayName":"n","settingDefinitionId":"linux_customcompliance_discoveryscript_reusablesetting"}"#,
    "linuxComplianceScript",
    Some("linux")
)]
#[case("/deviceManagement/roleScopeTags", r#"{"id":"0","displayName":"Default","isBuiltIn":true}"#, "roleScopeTag", None)]
#[case(
    "/deviceManagement/assignmentFilters",
    r#"{"id":"1","displayName":"n","platform":"windows10AndLater","rule":"(device.deviceName -eq \"x\")"}"#,
    "assignmentFilter",
    Some("windows")
)]
#[case(
    "/deviceManagement/configurationPolicyTemplates",
    r#"{"id":"1_1","displayName":"n","platforms":"windows10","templateFamily":"baseline","version":1}"#,
    "configurationPolicyTemplate",
    Some("windows")
)]
#[case(
    "/deviceManagement/groupPolicyMigrationReports",
    r#"{"id":"1","displayName":"n","migrationReadiness":"partial"}"#,
    "groupPolicyMigrationReport",
    Some("windows")
)]
#[case("/deviceManagement/inventoryPolicies", r#"{"id":"1","name":"n","platforms":"macOS"}"#, "inventoryPolicy", Some("macos"))]
#[case(
    "/deviceManagement/resourceAccessProfiles",
    r##"{"id":"1","@odata.type":"#microsoft.graph.windows10XWifiConfiguration","displayName":"n"}"##,
    "resourceAccessProfile",
    Some("windows")
)]
#[case(
    "/deviceManagement/templates",
    r##"{"id":"1","@odata.type":"#microsoft.graph.securityBaselineTemplate","displayName":"n","platformType":"windows10AndLater"}"##,
    "deviceManagementTemplate",
    Some("windows")
)]
#[case(
    "/deviceAppManagement/iosManagedAppProtections",
    r#"{"id":"T_1","displayName":"n","targetedAppManagementLevels":"unspecified"}"#,
    "iosManagedAppProtection",
    Some("ios")
)]
#[case(
    "/deviceAppManagement/androidManagedAppProtections",
    r#"{"id":"T_1","displayName":"n","isAssigned":true}"#,
    "androidManagedAppProtection",
    Some("android")
)]
#[case(
    "/deviceAppManagement/windowsManagedAppProtections",
    r#"{"id":"T_1","displayName":"n","deployedAppCount":1}"#,
    "windowsManagedAppProtection",
    Some("windows")
)]
#[case(
    "/deviceAppManagement/mdmWindowsInformationProtectionPolicies",
    r#"{"id":"T_1","displayName":"n"}"#,
    "mdmWindowsInformationProtectionPolicy",
    Some("windows")
)]
#[case(
    "/deviceAppManagement/windowsInformationProtectionPolicies",
    r#"{"id":"T_1","displayName":"n"}"#,
    "windowsInformationProtectionPolicy",
    Some("windows")
)]
#[case("/deviceAppManagement/defaultManagedAppProtections", r#"{"id":"T_1","displayName":"n"}"#, "defaultManagedAppProtection", None)]
#[case("/deviceAppManagement/managedEBookCategories", r#"{"id":"1","displayName":"n"}"#, "managedEBookCategory", None)]
#[case(
    "/deviceAppManagement/iosLobAppProvisioningConfigurations",
    r#"{"id":"1","displayName":"n","version":1}"#,
    "iosLobAppProvisioningConfiguration",
    Some("ios")
)]
#[case(
    "/deviceManagement/androidForWorkEnrollmentProfiles",
    r#"{"id":"1","displayName":"n","enrolledDeviceCount":0}"#,
    "androidForWorkEnrollmentProfile",
    Some("android")
)]
#[case(
    "/deviceManagement/androidForWorkSettings",
    r#"{"ownerOrganizationName":"n","bindStatus":"notBound"}"#,
    "androidForWorkSettings",
    Some("android")
)]
#[case(
    "/deviceManagement/depOnboardingSettings/{id}/enrollmentProfiles",
    r##"{"id":"1_2","@odata.type":"#microsoft.graph.depMacOSEnrollmentProfile","displayName":"n","adminAccountPassword":"p"}"##,
    "depEnrollmentProfile",
    Some("macos")
)]
#[case(
    "/deviceManagement/depOnboardingSettings/{id}/enrollmentProfiles",
    r##"{"id":"1_3","@odata.type":"#microsoft.graph.depTvOSEnrollmentProfile","displayName":"n"}"##,
    "depEnrollmentProfile",
    None
)]
#[case("/deviceManagement/embeddedSIMActivationCodePools", r#"{"id":"1","displayName":"n"}"#, "embeddedSIMActivationCodePool", None)]
#[case("/deviceManagement/zebraFotaDeployments", r#"{"id":"1","displayName":"n"}"#, "zebraFotaDeployment", Some("android"))]
#[case("/deviceManagement/ndesConnectors", r#"{"id":"1","displayName":"n","state":"active"}"#, "ndesConnector", None)]
#[case("/deviceManagement/certificateConnectorDetails", r#"{"id":"1","connectorName":"n"}"#, "certificateConnector", None)]
#[case("/deviceManagement/domainJoinConnectors", r#"{"id":"1","displayName":"n","version":"6.2"}"#, "domainJoinConnector", Some("windows"))]
#[case("/deviceManagement/microsoftTunnelConfigurations", r#"{"id":"1","displayName":"n"}"#, "microsoftTunnelConfiguration", None)]
#[case("/deviceManagement/microsoftTunnelSites", r#"{"id":"1","displayName":"n","upgradeAvailable":true}"#, "microsoftTunnelSite", None)]
#[case("/deviceManagement/cloudCertificationAuthority", r#"{"id":"1","displayName":"n"}"#, "cloudCertificationAuthority", None)]
#[case("/deviceManagement/dataSharingConsents", r#"{"id":"1","serviceDisplayName":"n","granted":true}"#, "dataSharingConsent", None)]
#[case(
    "/deviceManagement/userExperienceAnalyticsBaselines",
    r#"{"id":"1","displayName":"n","isBuiltIn":true}"#,
    "userExperienceAnalyticsBaseline",
    None
)]
#[case("/identityGovernance/termsOfUse/agreements", r#"{"id":"1","displayName":"n"}"#, "termsOfUseAgreement", None)]
fn real_shapes_are_filed_under_their_type(#[case] path: &str, #[case] object: &str, #[case] key: &str, #[case] platform: Option<&str>) {
    let contract = Registry::builtin().paths().iter().find(|contract| contract.path == path).expect("shipped");
    let seen = contract.observe(object).expect("observed");
    assert_eq!(contract.types[seen.type_index].policy_type.as_str(), key);
    assert_eq!(seen.observation.platform.as_deref(), platform);
    assert!(seen.observation.display_name.is_some());
}

// What is secret, a person's or a device's in an answer, and all that is kept of it.
#[rstest]
#[case(
    "/deviceAppManagement/enterpriseCodeSigningCertificates",
    r#"{"id":"1","subjectName":"E=a@b.example","issuer":"E=c@d.example","content":"AAAA","status":"provisioned"}"#,
    r#"{"status":"provisioned"}"#
)]
#[case(
    "/deviceManagement/chromeOSOnboardingSettings",
    r#"{"id":"1","ownerUserPrincipalName":"a@b.example","onboardingStatus":"onboarded"}"#,
    r#"{"onboardingStatus":"onboarded"}"#
)]
#[case(
    "/deviceManagement/importedDeviceIdentities",
    r#"{"id":"1","importedDeviceIdentifier":"490154203237518","description":"a","platform":"ios"}"#,
    r#"{"platform":"ios"}"#
)]
#[case(
    "/deviceManagement/zebraFotaConnector",
    r#"{"id":"1","enrollmentToken":"a","enrollmentAuthorizationUrl":"https://b.example","state":"connected"}"#,
    r#"{"state":"connected"}"#
)]
#[case(
    "/deviceManagement/remoteAssistanceSettings",
    r#"{"id":"1","remoteAssistanceState":"enabled","blockChat":true}"#,
    r#"{"blockChat":true,"remoteAssistanceState":"enabled"}"#
)]
#[case(
    "/deviceManagement/serviceNowConnections",
    r#"{"id":"1","instanceUrl":"https://a.example","authenticationMethod":{"appId":"b"},"serviceNowConnectionStatus":"enabled"}"#,
    r#"{"serviceNowConnectionStatus":"enabled"}"#
)]
fn i18_what_has_no_harmless_name_has_none(#[case] path: &str, #[case] object: &str, #[case] kept: &str) {
    let contract = Registry::builtin().paths().iter().find(|contract| contract.path == path).expect("shipped");
    let seen = contract.observe(object).expect("observed");
    assert_eq!(seen.observation.display_name, None);
    assert_eq!(seen.observation.meta.as_str(), kept);
}

#[test]
fn the_metadata_of_an_item_is_small_by_its_bounds() {
    for (_, known) in Registry::builtin().types() {
        let most: usize = known
            .meta
            .iter()
            .map(|kept| match kept.kind {
                MetaKind::Text(chars) => chars,
                MetaKind::TextList { items, chars } => items * chars,
                MetaKind::Integer | MetaKind::Boolean | MetaKind::Time => 32,
            })
            .sum();
        assert!(most < 16_384, "{}: up to {most} characters", known.policy_type);
    }
}

#[test]
fn r08_a_field_that_is_both_kept_and_the_platform_is_counted_once() {
    let contract = Registry::builtin().paths().iter().find(|path| path.path == "/deviceManagement/configurationPolicies").expect("shipped");
    let seen = contract.observe(r#"{"id":"1","name":"n","platforms":7}"#).expect("observed");
    assert_eq!((seen.dropped, seen.observation.platform, seen.observation.meta.as_str()), (1, None, "{}"));
}
