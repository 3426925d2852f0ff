//! The simulator, asked over its socket as a client asks Graph.

mod faults;
mod listing;
mod proofs;
mod sign_in;
mod support;
mod world;
