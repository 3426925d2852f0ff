//! The registry of policy types as data (`contracts/*.toml`, one file a family), and how one Graph object becomes an
//! observation.
//!
//! Nothing here fetches anything. Adding a type is one entry in a data file; what an entry may say is [`PathContract`] and
//! [`TypeContract`].

mod assignments;
mod check;
mod contract;
mod data_file;
mod field;
mod hash;
mod object;
mod observe;
mod overrides;
mod platform;
mod registry;
mod value;

pub use contract::{
    ApiVersion, Assignments, MatchRule, MetaField, MetaKind, Observed, PARENT_ID, Paging, Parent, PathContract, PathKind, PlatformRule,
    Rejection, TypeContract, Workload,
};
pub use overrides::{OverrideError, Overrides, PathOverride};
pub use registry::{PathPlan, Registry, RegistryError};
