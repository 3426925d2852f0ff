//! What real objects carry and Lastseen must never keep: settings, scripts, icons, keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::canary;
use crate::kinds::segment;
use crate::mix::Mix;

/// One object in so many is heavy.
const HEAVY_EVERY: u32 = 64;

/// Adds the fields of a path's objects that hold payloads and secrets, each with a canary.
pub(crate) fn add(object: &mut Map<String, Value>, path: &str, odata: &str, mut mix: Mix, index: u32) {
    let heavy = index % HEAVY_EVERY == 7;
    let mut put = |field: &str, value: Value| {
        object.insert(field.to_owned(), value);
    };
    put("description", format!("Owner: it@simulated.example – {}", canary::DESCRIPTION).into());
    put("settings", settings(mix, if heavy { 60 } else { 2 }));
    put("assignments@odata.context", "https://graph.simulated.example/$metadata#assignments".into());
    match segment(path) {
        "deviceConfigurations" => {
            put("omaSettings", oma_settings(if heavy { 40 } else { 1 }));
            if odata.contains("WiFi") {
                put("preSharedKey", canary::WIFI_KEY.into());
                put("ssid", "simulated-net".into());
            }
        }
        "deviceManagementScripts" | "deviceShellScripts" | "deviceCustomAttributeShellScripts" | "deviceComplianceScripts" => {
            put("scriptContent", script(heavy));
        }
        "deviceHealthScripts" => {
            put("detectionScriptContent", script(heavy));
            put("remediationScriptContent", script(heavy));
        }
        "mobileApps" => {
            put("largeIcon", json!({ "type": "image/png", "value": noise(mix.and(1), if heavy { 24_000 } else { 300 }) }));
            put("installCommandLine", format!("setup.exe /key:{}", canary::PASSWORD).into());
        }
        "androidDeviceOwnerEnrollmentProfiles" | "androidForWorkEnrollmentProfiles" => {
            put("tokenValue", canary::TOKEN_VALUE.into());
            put("qrCodeContent", format!("{{\"token\":\"{}\"}}", canary::TOKEN_VALUE).into());
            put("wifiPassword", canary::WIFI_KEY.into());
        }
        "vppTokens" | "depOnboardingSettings" => {
            put("token", canary::TOKEN_VALUE.into());
            put("appleId", format!("{}@simulated.example", canary::TOKEN_VALUE).into());
        }
        "enrollmentProfiles" => {
            put("adminAccountPassword", canary::PASSWORD.into());
            put("adminAccountUserName", "admin".into());
        }
        "onPremisesConnections" => put("adDomainPassword", canary::PASSWORD.into()),
        "policies" => put("conditions", json!({ "users": { "includeUsers": [mix.guid()] }, "note": canary::SETTING })),
        "applePushNotificationCertificate" => put("appleIdentifier", format!("{}@simulated.example", canary::TOKEN_VALUE).into()),
        _ if heavy => put("certificate", noise(mix.and(2), 12_000).into()),
        _ => {}
    }
}

fn settings(mix: Mix, count: u64) -> Value {
    let setting = |number: u64| {
        let mut mix = mix.and(number);
        json!({
            "@odata.type": "#microsoft.graph.deviceManagementConfigurationSetting",
            "id": number.to_string(),
            "settingInstance": {
                "settingDefinitionId": format!("simulated_setting_{:x}", mix.next()),
                "simpleSettingValue": { "value": format!("{}-{number}", canary::SETTING) },
            },
        })
    };
    (0..count).map(setting).collect()
}

fn oma_settings(count: u32) -> Value {
    let setting = |number: u32| {
        json!({
            "@odata.type": "#microsoft.graph.omaSettingString",
            "displayName": format!("setting {number}"),
            "omaUri": format!("./Device/Vendor/MSFT/Policy/Config/Simulated/{number}"),
            "isEncrypted": false,
            "value": canary::OMA_VALUE,
        })
    };
    (0..count).map(setting).collect()
}

fn script(heavy: bool) -> Value {
    // The canary comes first, so that its base64 is the same in every script.
    let body = format!("{}\n# does nothing\n{}", canary::SCRIPT, "echo simulated\n".repeat(if heavy { 1_500 } else { 3 }));
    STANDARD.encode(body).into()
}

/// That much base64 that means nothing.
fn noise(mut mix: Mix, bytes: usize) -> String {
    let words: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| mix.next().to_le_bytes()).collect();
    STANDARD.encode(&words[..bytes.min(words.len())])
}
