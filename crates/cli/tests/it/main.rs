//! The real binary against the simulator on a socket.

mod answers;
mod faults;
mod support;
