//! The real binary against the simulator on a socket.

mod answers;
mod asking;
mod contract;
mod credentials;
mod doctor;
mod faults;
mod http;
mod postgres;
mod schedules;
mod served;
mod service;
mod several;
mod status;
mod support;
mod tenants;
mod timeline;
mod tokens;
mod twin;
mod worker;
