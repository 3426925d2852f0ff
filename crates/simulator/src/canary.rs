//! Secrets that are no secrets: texts planted where Lastseen must never keep or log anything.

/// In `description` and other free text.
pub(crate) const DESCRIPTION: &str = "canary-description-5e1f";
/// In `omaSettings[].value`.
pub(crate) const OMA_VALUE: &str = "canary-oma-value-91c4";
/// In `scriptContent` and the like, which hold base64.
pub(crate) const SCRIPT: &str = "canary-script-body-77ab";
/// In `tokenValue`, `token`, `enrollmentToken`.
pub(crate) const TOKEN_VALUE: &str = "canary-enrollment-token-20d8";
/// In `preSharedKey` and `wifiPassword`.
pub(crate) const WIFI_KEY: &str = "canary-wifi-key-c3b9";
/// In password fields.
pub(crate) const PASSWORD: &str = "canary-password-48f0";
/// In settings arrays.
pub(crate) const SETTING: &str = "canary-setting-value-6a72";
/// In a whitelisted field of the wrong kind.
pub(crate) const WRONG_KIND: &str = "canary-wrong-kind-b65d";
/// In the text of Graph's errors.
pub(crate) const GRAPH_ERROR: &str = "canary-graph-error-e802";
/// In the text of the token endpoint's errors.
pub(crate) const SIGN_IN_ERROR: &str = "canary-sign-in-error-3d1c";
/// In the signature part of every access token.
pub(crate) const ACCESS_TOKEN: &str = "canary-access-token-f94e";
/// In every page token.
pub(crate) const PAGE_TOKEN: &str = "canary-page-token-0b57";
/// In bodies that are no answers at all.
pub(crate) const GARBAGE: &str = "canary-garbage-d7a6";
/// The client secret of [`crate::SimulatorConfig::demo`] and of the default configuration.
pub(crate) const CLIENT_SECRET: &str = "canary-client-secret-82e3";

/// Every planted text. None of them may turn up in a database, a log, an answer or an export.
///
/// The last one is the beginning of the script body in base64, as Graph carries it.
pub const CANARIES: &[&str] = &[
    DESCRIPTION,
    OMA_VALUE,
    SCRIPT,
    TOKEN_VALUE,
    WIFI_KEY,
    PASSWORD,
    SETTING,
    WRONG_KIND,
    GRAPH_ERROR,
    SIGN_IN_ERROR,
    ACCESS_TOKEN,
    PAGE_TOKEN,
    GARBAGE,
    CLIENT_SECRET,
    "Y2FuYXJ5LXNjcmlwdC1ib2R5LTc3",
];
