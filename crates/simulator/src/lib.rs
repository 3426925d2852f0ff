//! Microsoft Graph and its token endpoint on a loopback socket, with tenants, churn, latency, limits and faults by script.
//!
//! For `lastseen demo`, `lastseen simulate` and tests; nothing in it is ever part of a client. It answers what the contract
//! registry lists, with objects made up from a seed, and it knows the ways in which the real service is awkward.
//! How to script faults is in this crate's `README.md`.
//!
//! It does not judge a client: it counts and records what it was asked, and tests assert on that. [`Watched`] is how they do so
//! without having to think of it.

mod answer;
mod canary;
mod catalogue;
mod config;
mod connection;
mod count;
mod fault;
mod graph_error;
mod identity;
mod ids;
mod kinds;
mod listing;
mod mix;
mod names;
mod object;
mod organization;
mod page;
mod payload;
mod proof;
mod query;
mod route;
mod script;
mod server;
mod simulator;
mod throttle;
mod token;
mod watched;
mod world;

pub use canary::CANARIES;
pub use config::{FederatedPlan, MachinePlan, SimulatorConfig, SizePlan, TenantPlan, ThrottlePlan};
pub use count::{Counts, Recorded};
pub use fault::{Fault, FaultAction, FaultBody, Faults, RejectedObject};
pub use graph_error::NamedError;
pub use script::{FaultScript, ScriptError};
pub use simulator::Simulator;
pub use watched::Watched;
pub use world::{ChurnPlan, Churned, World, WorldError};
