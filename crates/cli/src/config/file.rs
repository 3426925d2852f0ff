//! What `lastseen.toml` may say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lastseen_model::{Role, TenantId};
use serde::Deserialize;

/// What `lastseen.toml` may say. Every key is optional; an unknown one is refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FileConfig {
    /// The database: sqlite:PATH, a path, or postgres://...
    pub(crate) database_url: Option<String>,
    /// Connections to PostgreSQL.
    pub(crate) database_connections: Option<u32>,
    pub(crate) graph: GraphConfig,
    pub(crate) run: RunConfig,
    pub(crate) worker: WorkerConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) guard: GuardConfig,
    pub(crate) api: ApiConfig,
    /// Names for tenants, by GUID.
    pub(crate) tenants: BTreeMap<TenantId, TenantConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GraphConfig {
    pub(crate) cloud: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) credential: Option<String>,
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) authority: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) request_timeout: Option<Length>,
    pub(crate) retry_tries: Option<u32>,
    pub(crate) retry_budget: Option<Length>,
    pub(crate) retry_after_ceiling: Option<Length>,
    pub(crate) body_cap_mib: Option<u64>,
    pub(crate) page_cap: Option<u32>,
    pub(crate) requests_at_once: Option<usize>,
    pub(crate) share_percent: Option<u32>,
    pub(crate) contract_overrides: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunConfig {
    pub(crate) lease: Option<Length>,
    pub(crate) renew_every: Option<Length>,
    pub(crate) pending_for: Option<Length>,
    pub(crate) queued_for: Option<Length>,
    pub(crate) store_patience: Option<Length>,
    pub(crate) paths_at_once: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerConfig {
    pub(crate) runs_at_once: Option<usize>,
    pub(crate) poll_every: Option<Length>,
    pub(crate) drain_for: Option<Length>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    pub(crate) global: Option<u32>,
    pub(crate) per_tenant: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GuardConfig {
    pub(crate) min_items: Option<u32>,
    pub(crate) percent: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiConfig {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) oidc: Option<OidcConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcConfig {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) subject_claim: Option<String>,
    pub(crate) name_claim: Option<String>,
    pub(crate) roles_claim: Option<String>,
    #[serde(default)]
    pub(crate) grants: Vec<GrantConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantConfig {
    pub(crate) value: String,
    pub(crate) role: Role,
    pub(crate) tenants: TenantsConfig,
}

/// Which tenants: the word `all`, or their ids.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`tenants` must be \"all\", or a list of tenant GUIDs; docs/operations.md has an example")]
pub(crate) enum TenantsConfig {
    All(AllTenants),
    Some(BTreeSet<TenantId>),
}

/// The word `all`.
#[derive(Debug, Deserialize)]
pub(crate) enum AllTenants {
    #[serde(rename = "all")]
    All,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantConfig {
    pub(crate) name: String,
}

/// A length of time as people write it: `15s`, `5m`, `2h`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length(pub(crate) Duration);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_length(&text).map(Self).map_err(|_| serde::de::Error::custom("not a length of time; write 15s, 5m, 2h or 7d"))
    }
}

/// Reads `15s`, `5m`, `2h`, `100ms`, `7d`.
pub(crate) fn parse_length(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write 15s, 5m, 2h or 7d");
    // A day of this program is 24 hours: it measures ages, not calendars.
    let (text, days) = match text.trim().strip_suffix('d') {
        Some(days) => ("0s", days.trim().parse::<u32>().map_err(|_| wrong())?),
        None => (text.trim(), 0),
    };
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let length = Duration::try_from(span).map_err(|_| wrong())?;
    Ok(length + Duration::from_secs(u64::from(days) * 86_400))
}
