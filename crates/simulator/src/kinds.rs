//! What the objects of a path look like: their `@odata.type`, platform and believable names.

use lastseen_contracts::{MatchRule, PathContract, TypeContract};

/// One kind of object on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// `@odata.type` without its prefix; empty where Graph gives none, because the objects are of the declared type.
    pub(crate) odata: &'static str,
    /// The platform as Graph's `platforms` writes it; empty where there is none.
    pub(crate) platform: &'static str,
    /// What such an object is called; empty: after its policy type.
    pub(crate) stems: &'static [&'static str],
}

const fn kind(odata: &'static str, platform: &'static str, stems: &'static [&'static str]) -> Kind {
    Kind { odata, platform, stems }
}

const CONFIGURATIONS: &[Kind] = &[
    kind("windows10CustomConfiguration", "windows10", &["Windows 11 – baseline", "Windows custom OMA-URI", "Windows Hello defaults"]),
    kind("iosWiFiConfiguration", "iOS", &["iOS Wi-Fi"]),
    kind("macOSGeneralDeviceConfiguration", "macOS", &["macOS restrictions", "macOS login window"]),
    kind("androidDeviceOwnerGeneralDeviceConfiguration", "android", &["Android kiosk", "Android dedicated devices"]),
    kind("windows10EndpointProtectionConfiguration", "windows10", &["BitLocker", "Windows Firewall"]),
    kind("iosGeneralDeviceConfiguration", "iOS", &["iOS restrictions", "iPad shared"]),
    kind("macOSExtensionsConfiguration", "macOS", &["macOS system extensions"]),
    kind("androidWorkProfileWiFiConfiguration", "android", &["Android work Wi-Fi"]),
    kind("windows81TrustedRootCertificate", "windows10", &["Root CA"]),
    kind("editionUpgradeConfiguration", "windows10", &["Edition upgrade"]),
    kind("sharedPCConfiguration", "windows10", &["Shared PC"]),
    kind("windowsUpdateForBusinessConfiguration", "windows10", &["Update ring", "Early adopters"]),
    kind("iosUpdateConfiguration", "iOS", &["iOS updates"]),
    kind("macOSSoftwareUpdateConfiguration", "macOS", &["macOS updates"]),
];

const CATALOGUE: &[Kind] = &[
    kind("", "windows10", &["Windows 11 – baseline", "Edge hardening", "OneDrive known folders", "Defender exclusions"]),
    kind("", "macOS", &["macOS FileVault", "macOS Gatekeeper", "macOS passcode"]),
    kind("", "iOS", &["iOS passcode", "iPadOS supervised"]),
    kind("", "android", &["Android passcode"]),
    kind("", "linux", &["Linux custom compliance"]),
];

const COMPLIANCE: &[Kind] = &[
    kind("windows10CompliancePolicy", "windows10", &["Windows compliance", "Windows encryption required"]),
    kind("iosCompliancePolicy", "iOS", &["iOS compliance"]),
    kind("macOSCompliancePolicy", "macOS", &["macOS compliance"]),
    kind("androidWorkProfileCompliancePolicy", "android", &["Android work profile compliance"]),
    kind("aospDeviceOwnerCompliancePolicy", "android", &["Headset compliance"]),
];

const APPS: &[Kind] = &[
    kind("win32LobApp", "windows10", &["Company Portal", "7-Zip", "Zoom Workplace", "VPN client"]),
    kind("iosStoreApp", "iOS", &["Outlook", "Authenticator"]),
    kind("macOSPkgApp", "macOS", &["Rectangle", "Slack"]),
    kind("androidManagedStoreApp", "android", &["Chrome", "Teams"]),
    kind("webApp", "", &["Intranet", "人事ポータル"]),
    kind("winGetApp", "windows10", &["PowerToys"]),
    kind("officeSuiteApp", "windows10", &["Microsoft 365 Apps"]),
    kind("iosVppApp", "iOS", &["Keynote"]),
];

const APP_PROTECTION: &[Kind] = &[
    kind("iosManagedAppProtection", "iOS", &["iOS app protection"]),
    kind("androidManagedAppProtection", "android", &["Android app protection"]),
    kind("windowsManagedAppProtection", "windows10", &["Edge on unmanaged Windows"]),
    kind("targetedManagedAppConfiguration", "", &["Outlook settings"]),
    kind("mdmWindowsInformationProtectionPolicy", "windows10", &["WIP, enrolled"]),
    kind("defaultManagedAppProtection", "", &["Default app protection"]),
];

const APP_CONFIGURATION: &[Kind] = &[
    kind("iosMobileAppConfiguration", "iOS", &["Outlook for iOS"]),
    kind("androidManagedStoreAppConfiguration", "android", &["Outlook for Android"]),
];

const ENROLLMENT: &[Kind] = &[
    kind("deviceEnrollmentPlatformRestrictionConfiguration", "", &["Block personal Android", "Allow corporate only"]),
    kind("windows10EnrollmentCompletionPageConfiguration", "windows10", &["Enrollment status page"]),
    kind("deviceEnrollmentLimitConfiguration", "", &["Device limit"]),
    kind("deviceEnrollmentPlatformRestrictionsConfiguration", "", &["All users and all devices"]),
    kind("deviceEnrollmentWindowsHelloForBusinessConfiguration", "windows10", &["Windows Hello for Business"]),
    kind("deviceComanagementAuthorityConfiguration", "windows10", &["Co-management"]),
    kind("deviceEnrollmentNotificationConfiguration", "", &["Welcome mail"]),
    kind("windowsRestoreDeviceEnrollmentConfiguration", "windows10", &["Restore apps"]),
];

const AUTOPILOT: &[Kind] = &[
    kind("azureADWindowsAutopilotDeploymentProfile", "windows10", &["Autopilot user-driven", "Autopilot self-deploying"]),
    kind("activeDirectoryWindowsAutopilotDeploymentProfile", "windows10", &["Autopilot hybrid"]),
];

const DEP_PROFILES: &[Kind] = &[
    kind("depIOSEnrollmentProfile", "iOS", &["iPads of the warehouse", "Supervised iPhones, no PIN"]),
    kind("depMacOSEnrollmentProfile", "macOS", &["Macs with a local administrator"]),
    kind("depTvOSEnrollmentProfile", "", &["Meeting room screens"]),
];

const FILTERS: &[Kind] = &[
    kind("", "windows10AndLater", &["Corporate Windows", "Windows 11 only"]),
    kind("", "iOS", &["Supervised iPhones"]),
    kind("", "androidMobileApplicationManagement", &["Unmanaged Android apps"]),
    kind("", "macOS", &["Macs of designers"]),
];

const NAMED_LOCATIONS: &[Kind] =
    &[kind("ipNamedLocation", "", &["Office network", "VPN exit"]), kind("countryNamedLocation", "", &["Allowed countries", "منع الدول"])];

const TEMPLATES: &[Kind] = &[kind("securityBaselineTemplate", "windows10AndLater", &["Security baseline"])];

const ROLES: &[Kind] = &[kind("deviceAndAppManagementRoleDefinition", "", &["Help desk", "Application manager", "Read only operator"])];

const WINDOWS_ONLY: &[Kind] = &[kind("", "windows10", &[])];
const NONE: &[Kind] = &[kind("", "", &[])];
const CONDITIONAL_ACCESS: &[Kind] = &[kind("", "", &["Require MFA", "Block legacy authentication", "Require a compliant device"])];
const SHELL_SCRIPTS: &[Kind] = &[kind("", "macOS", &["Install Rosetta", "Set the time zone"])];
const SCRIPTS: &[Kind] = &[kind("", "windows10", &["Map network drives", "Remove bloatware"])];
const REMEDIATIONS: &[Kind] = &[kind("", "windows10", &["Restart reminder", "Clear the print queue"])];

/// The last part of a path.
pub(crate) fn segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn kinds_of_path(path: &str) -> &'static [Kind] {
    match segment(path) {
        "deviceConfigurations" => CONFIGURATIONS,
        "configurationPolicies" | "compliancePolicies" | "inventoryPolicies" => CATALOGUE,
        "deviceCompliancePolicies" => COMPLIANCE,
        "mobileApps" => APPS,
        "managedAppPolicies" => APP_PROTECTION,
        "mobileAppConfigurations" => APP_CONFIGURATION,
        "deviceEnrollmentConfigurations" => ENROLLMENT,
        "windowsAutopilotDeploymentProfiles" => AUTOPILOT,
        "enrollmentProfiles" => DEP_PROFILES,
        "assignmentFilters" => FILTERS,
        "namedLocations" => NAMED_LOCATIONS,
        "templates" => TEMPLATES,
        "roleDefinitions" => ROLES,
        "policies" => CONDITIONAL_ACCESS,
        "deviceShellScripts" | "deviceCustomAttributeShellScripts" => SHELL_SCRIPTS,
        "deviceManagementScripts" => SCRIPTS,
        "deviceHealthScripts" => REMEDIATIONS,
        "groupPolicyConfigurations" | "windowsFeatureUpdateProfiles" | "windowsQualityUpdateProfiles" | "windowsDriverUpdateProfiles" => {
            WINDOWS_ONLY
        }
        _ => NONE,
    }
}

/// What an object looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen<'a> {
    /// Its kind.
    pub(crate) kind: Kind,
    /// The `@odata.type` that sorts it to its type; empty where there is none.
    pub(crate) odata: &'a str,
    /// Its number among those of its kind.
    pub(crate) number: usize,
}

/// What object `index` of a type looks like.
pub(crate) fn choose<'a>(path: &'a PathContract, of: &'a TypeContract, index: u32) -> Chosen<'a> {
    let kinds = kinds_of_path(&path.path);
    let index = index as usize;
    match &of.matches {
        Some(MatchRule::OdataType(types)) if !types.is_empty() => {
            let odata = types[index % types.len()].as_str();
            let known = kinds.iter().find(|kind| kind.odata == odata).copied();
            let kind = known.unwrap_or(kind("", platform_of(odata), &[]));
            let number = if kind.stems.is_empty() { index } else { index / types.len() };
            Chosen { kind, odata, number }
        }
        Some(_) => {
            // A view by a field: the path's platforms, but names after the type.
            let Kind { odata, platform, .. } = kinds[index % kinds.len()];
            Chosen { kind: kind(odata, platform, &[]), odata, number: index }
        }
        None => {
            let own: Vec<&Kind> = kinds.iter().filter(|kind| kind.odata.is_empty() || !is_a_views(path, kind.odata)).collect();
            if own.is_empty() {
                return Chosen { kind: NONE[0], odata: "", number: index };
            }
            let kind = *own[index % own.len()];
            // Kinds without names of their own share the type's, and so must not count alone.
            let number = if kind.stems.is_empty() { index } else { index / own.len() };
            Chosen { kind, odata: kind.odata, number }
        }
    }
}

fn is_a_views(path: &PathContract, odata: &str) -> bool {
    path.types.iter().any(|of| matches!(&of.matches, Some(MatchRule::OdataType(types)) if types.iter().any(|known| known == odata)))
}

/// What the beginning of a type's name tells.
fn platform_of(odata: &str) -> &'static str {
    let begins = [("windows", "windows10"), ("ios", "iOS"), ("macOS", "macOS"), ("android", "android"), ("aosp", "android")];
    begins.iter().find(|(prefix, _)| odata.starts_with(prefix)).map_or("", |(_, platform)| *platform)
}
