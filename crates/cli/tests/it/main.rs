//! The real binary against the simulator on a socket.

mod answers;
mod asking;
mod contract;
mod credentials;
mod doctor;
mod faults;
mod postgres;
mod several;
mod support;
mod tenants;
mod twin;
mod worker;
