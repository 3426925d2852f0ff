//! The client over real sockets, against a server that answers by script.

mod canary;
mod fake_timer;
mod keys;
mod links;
mod listing;
mod patience;
mod proofs;
mod sign_in;
mod support;
mod tenants;
mod turns;
