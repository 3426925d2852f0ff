//! A run from claim to finish: paths side by side, under a lease and within the limits.
//!
//! A run is led in one way, whether its starter waits for it ([`Engine::sync`]) or it was left ([`enqueue`]) to a worker
//! ([`Engine::work_queue`]): it is claimed, a session is opened by the access of its tenant ([`Accesses`]), every path of its scope is listed through `graph`, objects become observations with
//! `contracts`, and page after page is stored through the verbs of `store`. What could not be listed is data: a listing's outcome,
//! never an empty list. Nothing here knows SQL or a terminal.

mod access;
pub mod cadence;
mod claim;
mod doctor;
mod events;
mod finish;
mod heartbeat;
mod ids;
mod path;
mod patience;
mod polling;
mod queue;
mod run;
pub mod schedule;
mod scheduler;
mod settings;
pub mod status;
pub mod timeline;
pub mod token;
mod worker;

pub use access::{Accesses, TenantAccess};
pub use doctor::{Examination, Examine, Examiner, Expected, Knock, NotSignedIn, Outlook, PathExamined, Permission, SignedIn};
pub use events::{Event, Observer, Silent};
pub use ids::{new_request_id, new_schedule_id, new_token_id, new_worker_id, unique_suffix};
/// How everything here waits, and whoever stands on it.
pub use lastseen_graph::{Timer, TokioTimer};
pub use queue::enqueue;
pub use run::{Engine, SyncError, SyncRequest};
pub use scheduler::keep_schedules;
pub use settings::{EngineSettings, WorkerSettings};
pub use worker::{WorkerEvent, WorkerObserver};
