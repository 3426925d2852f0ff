//! The real binary against the simulator on a socket.

mod answers;
mod contract;
mod faults;
mod support;
mod worker;
