//! A throwaway PostgreSQL for tests: a cluster, its synchronous replica, PgBouncer, and a loopback proxy.
//!
//! Everything listens on 127.0.0.1 only, lives in a folder of its own below the system's temporary folder, and is gone with its value, or
//! with the process that made it, however that ended (`guard.rs` says how). The programs are the system's: nothing is built or downloaded here.
//!
//! Most tests want [`Shared`], the one cluster that `cargo xtask test` starts for all of them. A test that crashes, promotes or reconfigures
//! a server starts a [`Cluster`] of its own. Either way it stands in a module named `on_postgres`: by that word `cargo xtask test` leaves it
//! out where PostgreSQL is not installed.
//!
//! It knows nothing of Lastseen's schema, and nothing of it is needed at run time.

mod address;
mod cluster;
mod config;
mod frame;
mod guard;
mod pooler;
mod port;
mod process;
mod programs;
mod proxy;
mod psql;
mod replica;
mod shared;
mod wait;

pub use cluster::{APP_ROLE, Cluster, Mode, OWNER_ROLE, Options, SUPERUSER};
pub use frame::FrontendMessage;
pub use pooler::Pooler;
pub use proxy::{Proxy, Verdict};
pub use psql::psql;
pub use shared::{MODULE, POOLER_VARIABLE, POSTGRES_VARIABLE, Servers, Shared};
