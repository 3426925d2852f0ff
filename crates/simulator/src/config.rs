//! What a simulator is started with.

use std::collections::BTreeMap;
use std::time::Duration;

use lastseen_contracts::Registry;
use lastseen_model::{PolicyType, TenantId};
use uuid::Uuid;

use crate::canary;

/// What a simulator is started with. What can change while it runs is in [`crate::World`] and [`crate::Faults`].
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// What every id, name and value is made from.
    pub seed: u64,
    /// The tenants; any other is unknown to the token endpoint.
    pub tenants: Vec<TenantPlan>,
    /// How long every answer is held back.
    pub latency: Duration,
    /// The request limits; none: no limit.
    pub throttle: Option<ThrottlePlan>,
    /// The one application that may sign in.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Its certificates, in DER: each may sign an assertion instead.
    pub certificates: Vec<Vec<u8>>,
    /// Its federated credentials: whose assertions it takes instead.
    pub federated: Vec<FederatedPlan>,
    /// The machine whose identity endpoint is served, if one is.
    pub machine: Option<MachinePlan>,
    /// Whether requests are recorded one by one, for [`crate::Simulator::requests`]. Counts are always kept.
    pub record: bool,
}

/// A federated credential: assertions of one issuer about one subject, signed by RS256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedPlan {
    /// `iss`, to the letter.
    pub issuer: String,
    /// `sub`, to the letter.
    pub subject: String,
    /// `aud`; of the global cloud `api://AzureADTokenExchange`.
    pub audience: String,
    /// A certificate of the issuer's key, in DER.
    pub certificate: Vec<u8>,
}

/// A machine with a managed identity. Its endpoint is `/metadata/identity/oauth2/token`, and App Service's is `/msi/token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachinePlan {
    /// The tenant that the identity is of.
    pub tenant_id: TenantId,
    /// The client id that must be asked for; none: the machine's own identity, asked for without one.
    pub client_id: Option<String>,
    /// What App Service gives as `IDENTITY_HEADER`.
    pub header: String,
}

/// A made-up tenant.
#[derive(Debug, Clone)]
pub struct TenantPlan {
    /// Its Entra id.
    pub tenant_id: TenantId,
    /// Its name for people.
    pub name: String,
    /// How much it holds.
    pub sizes: SizePlan,
}

/// How many objects a tenant holds at the start. A singleton is there when its size is not 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizePlan {
    /// Of every type that is not named.
    pub default: u32,
    /// Of these types.
    pub types: BTreeMap<PolicyType, u32>,
}

/// The limits: Intune's sliding window for one application in a tenant, and conditional access's pace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThrottlePlan {
    /// Requests in a window; Intune allows 1,000.
    pub requests: u32,
    /// The window; Intune's is 20 s.
    pub window: Duration,
    /// The least time between two requests to conditional access in a tenant: one second at Microsoft.
    pub conditional_access_interval: Duration,
    /// What both times are multiplied by, so that tests need not wait for real windows.
    pub scale: f64,
    /// Whether the client's clock is scaled as well: then `Retry-After` tells the time that a client measures by such a clock.
    pub clients_clock_too: bool,
}

impl SizePlan {
    /// So many of every type.
    pub fn each(default: u32) -> Self {
        Self { default, types: BTreeMap::new() }
    }

    /// The same plan, but so many of this type.
    #[must_use]
    pub fn with(mut self, policy_type: PolicyType, size: u32) -> Self {
        self.types.insert(policy_type, size);
        self
    }

    /// How many of a type.
    pub fn of(&self, policy_type: &PolicyType) -> u32 {
        self.types.get(policy_type).copied().unwrap_or(self.default)
    }
}

impl Default for SizePlan {
    fn default() -> Self {
        Self::each(12)
    }
}

impl ThrottlePlan {
    /// The published limits: 1,000 requests in 20 s, conditional access one a second.
    pub fn intune() -> Self {
        Self {
            requests: 1_000,
            window: Duration::from_secs(20),
            conditional_access_interval: Duration::from_secs(1),
            scale: 1.0,
            clients_clock_too: false,
        }
    }

    /// The same plan with its times multiplied by `scale`.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// The same plan, for a client whose clock is scaled as the plan's times are.
    #[must_use]
    pub fn with_the_clients_clock(mut self) -> Self {
        self.clients_clock_too = true;
        self
    }
}

impl TenantPlan {
    /// A tenant whose id and name come from its number, with the default sizes.
    pub fn numbered(number: u32) -> Self {
        let id = crate::mix::Mix::new(u64::from(number)).and_text("tenant").guid();
        Self { tenant_id: tenant_id(id), name: format!("Tenant {number}"), sizes: SizePlan::default() }
    }
}

impl Default for SimulatorConfig {
    /// One small tenant, no latency, no limits, nothing recorded.
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            tenants: vec![TenantPlan::numbered(1)],
            latency: Duration::ZERO,
            throttle: None,
            client_id: "11d4f0c6-5b0e-4c39-9c57-2f7a44a1c2b1".to_owned(),
            client_secret: canary::CLIENT_SECRET.to_owned(),
            certificates: Vec::new(),
            federated: Vec::new(),
            machine: None,
            record: false,
        }
    }
}

impl SimulatorConfig {
    /// Three made-up tenants with names, for the demo: a small one, a middling one and a large one.
    pub fn demo() -> Self {
        let tenant = |id: u128, name: &str, default: u32, larger: &[(&str, u32)]| TenantPlan {
            tenant_id: tenant_id(Uuid::from_u128(id)),
            name: name.to_owned(),
            sizes: larger
                .iter()
                .filter_map(|(key, size)| Some((key.parse::<PolicyType>().ok()?, *size)))
                // A type that this registry doesn't have has no size either.
                .filter(|(key, _)| Registry::builtin().find(key).is_some())
                .fold(SizePlan::each(default), |sizes, (key, size)| sizes.with(key, size)),
        };
        Self {
            seed: 2026,
            tenants: vec![
                tenant(0x0a1b_5c1e_3d4f_4e6a_9b01_c0ff_ee00_0001, "Alpenglow Logistics", 6, &[("deviceConfiguration", 18)]),
                tenant(
                    0x0b2c_6d2f_4e50_4f7b_8c12_c0ff_ee00_0002,
                    "Kvarn Energi",
                    10,
                    &[("deviceConfiguration", 44), ("settingsCatalogPolicy", 61), ("mobileApp", 90)],
                ),
                tenant(
                    0x0c3d_7e30_5f61_4a8c_9d23_c0ff_ee00_0003,
                    "桜 Foods",
                    14,
                    &[("deviceConfiguration", 120), ("settingsCatalogPolicy", 180), ("deviceCompliancePolicy", 48), ("mobileApp", 260)],
                ),
            ],
            latency: Duration::from_millis(15),
            ..Self::default()
        }
    }
}

/// Every GUID made here has version bits, so none is the GUID of zeroes.
fn tenant_id(id: Uuid) -> TenantId {
    TenantId::try_from(id).expect("a made-up GUID is not the GUID of zeroes")
}
