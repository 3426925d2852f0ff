//! The real binary against the simulator on a socket.

mod answers;
mod contract;
mod faults;
mod postgres;
mod several;
mod support;
mod tenants;
mod twin;
mod worker;
