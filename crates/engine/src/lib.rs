//! A run from claim to finish: paths side by side, under a lease and within the limits.
//!
//! [`Engine::sync`] is the one way a tenant is synced. It starts a run, lists every path of its scope through `graph`,
//! turns objects into observations with `contracts`, and stores page after page through the verbs of `store`. What could not
//! be listed is data: a listing's outcome, never an empty list. Nothing here knows SQL or a terminal.

mod events;
mod heartbeat;
mod ids;
mod path;
mod patience;
mod run;
mod settings;

pub use events::{Event, Observer, Silent};
pub use ids::{new_worker_id, unique_suffix};
pub use run::{Engine, SyncError, SyncRequest};
pub use settings::EngineSettings;
