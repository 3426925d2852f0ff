//! External ids in the forms that Graph gives them.

use crate::kinds::segment;
use crate::mix::Mix;

/// The id of an object on a path of collections.
pub(crate) fn external_id(path: &str, odata: &str, mut mix: Mix, index: u32) -> String {
    let guid = mix.guid();
    match segment(path) {
        // "0" is the default scope tag of every tenant.
        "roleScopeTags" => index.to_string(),
        "authenticationContextClassReferences" => format!("c{}", index + 1),
        "configurationPolicyTemplates" => format!("{guid}_{}", 1 + index % 3),
        "deviceEnrollmentConfigurations" => format!("{guid}_{}", enrollment_suffix(odata)),
        "targetedManagedAppConfigurations" => format!("A_{guid}"),
        "managedAppPolicies" if odata == "targetedManagedAppConfiguration" => format!("A_{guid}"),
        name if name == "managedAppPolicies"
            || name.ends_with("ManagedAppProtections")
            || name.ends_with("InformationProtectionPolicies") =>
        {
            format!("T_{guid}")
        }
        _ => guid.to_string(),
    }
}

fn enrollment_suffix(odata: &str) -> &'static str {
    match odata {
        "deviceEnrollmentLimitConfiguration" => "DefaultLimit",
        "deviceEnrollmentPlatformRestrictionsConfiguration" => "DefaultPlatformRestrictions",
        "deviceEnrollmentPlatformRestrictionConfiguration" => "SinglePlatformRestriction",
        "windows10EnrollmentCompletionPageConfiguration" => "Windows10EnrollmentCompletionPageConfiguration",
        "deviceEnrollmentWindowsHelloForBusinessConfiguration" => "DefaultWindowsHelloForBusiness",
        "windowsRestoreDeviceEnrollmentConfiguration" => "WindowsRestore",
        _ => "DefaultConfiguration",
    }
}

/// The id of the object behind a singleton path; none where Graph gives it none.
pub(crate) fn singleton_id(path: &str, mut mix: Mix) -> Option<String> {
    match segment(path) {
        "settings" => None,
        "deviceRegistrationPolicy" => Some("deviceRegistrationPolicy".to_owned()),
        _ => Some(mix.guid().to_string()),
    }
}
