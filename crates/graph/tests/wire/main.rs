//! The client over real sockets, against a server that answers by script.

mod canary;
mod children;
mod fake_timer;
mod fallbacks;
mod hostile;
mod keys;
mod links;
mod listing;
mod patience;
mod probe;
mod proofs;
mod sign_in;
mod support;
mod tenants;
mod turns;
