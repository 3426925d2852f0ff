//! Every test here needs the servers of `cargo xtask test`; they are left out by this module's name where there are none.
//!
//! A test lets a process come to a certain message of its conversation with the database (`trap`), does something to one of them there, and
//! lets time pass by ageing leases in the database: nothing waits for a lease.

mod clocks;
mod cut_off;
mod database;
mod failover;
mod invariants;
mod killed;
mod killed_elsewhere;
mod killed_migration;
mod many_workers;
mod outage;
mod points;
mod pooled;
mod process;
mod trap;
mod wait;
mod watch;
mod world;
mod zombie;
