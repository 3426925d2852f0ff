//! The platforms, and how Graph's many words for them are read.

use crate::field::ODATA_TYPE;

/// Every platform an item can have, lower case.
pub(crate) const PLATFORMS: [&str; 6] = ["android", "ios", "macos", "windows", "linux", "chromeos"];

/// How Graph's words begin, and the platform they stand for. `aosp` is Android without Google; the store's names for Windows
/// apps do not begin with Windows. What begins otherwise (`apple`, which is two platforms, `tvOS`, `all`, `unknown`, ...)
/// stands for none.
const BEGINNINGS: [(&str, &str); 20] = [
    ("android", "android"),
    ("aosp", "android"),
    ("managedAndroid", "android"),
    ("ios", "ios"),
    ("managedIOS", "ios"),
    ("depIOS", "ios"),
    ("macOS", "macos"),
    ("depMacOS", "macos"),
    ("windows", "windows"),
    ("azureADWindows", "windows"),
    ("activeDirectoryWindows", "windows"),
    ("mdmWindows", "windows"),
    ("win32", "windows"),
    ("winGet", "windows"),
    ("microsoftStoreForBusiness", "windows"),
    ("officeSuite", "windows"),
    ("sharedPC", "windows"),
    ("editionUpgrade", "windows"),
    ("linux", "linux"),
    ("chromeOS", "chromeos"),
];

/// The platform one of Graph's words stands for: a value such as `windows10AndLater`, or the name of a type such as
/// `iosGeneralDeviceConfiguration`.
pub(crate) fn of_word(word: &str) -> Option<&'static str> {
    let begins = |beginning: &str| word.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning));
    BEGINNINGS.iter().find(|(beginning, _)| begins(beginning)).map(|(_, platform)| *platform)
}

/// The one platform that all the words stand for; none where there are several, or none, or a word that stands for none.
pub(crate) fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut platforms = words.into_iter().map(of_word);
    let first = platforms.next()??;
    platforms.all(|platform| platform == Some(first)).then_some(first)
}

/// The name of a type without the words that all of them begin with.
pub(crate) fn type_name(odata_type: &str) -> &str {
    let name = odata_type.strip_prefix('#').unwrap_or(odata_type);
    name.strip_prefix("microsoft.graph.").unwrap_or(name)
}

/// The words of a text that stands in a field.
pub(crate) fn words<'a>(field: &str, text: &'a str) -> impl Iterator<Item = &'a str> {
    let text = if field == ODATA_TYPE { type_name(text) } else { text };
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("#microsoft.graph.androidWorkProfileCompliancePolicy", Some("android"))]
    #[case("#microsoft.graph.aospDeviceOwnerCompliancePolicy", Some("android"))]
    #[case("#microsoft.graph.iosiPadOSWebClip", Some("ios"))]
    #[case("#microsoft.graph.managedIOSStoreApp", Some("ios"))]
    #[case("#microsoft.graph.macOSGeneralDeviceConfiguration", Some("macos"))]
    #[case("#microsoft.graph.macOsVppApp", Some("macos"))]
    #[case("#microsoft.graph.windows10GeneralConfiguration", Some("windows"))]
    #[case("#microsoft.graph.windowsPhone81GeneralConfiguration", Some("windows"))]
    #[case("#microsoft.graph.windows81TrustedRootCertificate", Some("windows"))]
    #[case("#microsoft.graph.win32LobApp", Some("windows"))]
    #[case("#microsoft.graph.winGetApp", Some("windows"))]
    #[case("#microsoft.graph.sharedPCConfiguration", Some("windows"))]
    #[case("#microsoft.graph.appleVpnConfiguration", None)]
    #[case("#microsoft.graph.easEmailProfileConfigurationBase", None)]
    #[case("#microsoft.graph.webApp", None)]
    #[case("#microsoft.graph.unsupportedDeviceConfiguration", None)]
    #[case("#microsoft.graph.", None)]
    #[case("linuxMdm", Some("linux"))]
    fn the_platform_of_a_type_is_in_its_name(#[case] odata_type: &str, #[case] platform: Option<&str>) {
        assert_eq!(of_words(words(ODATA_TYPE, odata_type)), platform);
    }

    #[rstest]
    #[case("windows10", Some("windows"))]
    #[case("windows10, windows10X", Some("windows"))]
    #[case("iOS", Some("ios"))]
    #[case("IOSMOBILEAPPLICATIONMANAGEMENT", Some("ios"))]
    #[case("androidAOSP,androidForWork", Some("android"))]
    #[case("chromeOS", Some("chromeos"))]
    #[case("iOS,macOS", None)]
    #[case("iOS,visionOS", None)]
    #[case("visionOS,iOS", None)]
    #[case("none", None)]
    #[case("all", None)]
    #[case("", None)]
    #[case(",", None)]
    #[case("日本語ウィンドウズ", None)]
    fn several_platforms_are_none(#[case] value: &str, #[case] platform: Option<&str>) {
        assert_eq!(of_words(words("platforms", value)), platform);
    }

    #[test]
    fn every_word_leads_to_a_known_platform() {
        assert!(BEGINNINGS.iter().all(|(_, platform)| PLATFORMS.contains(platform)));
    }
}
