//! The client over real sockets, against a server that answers by script.

mod canary;
mod children;
mod fallbacks;
mod links;
mod listing;
mod patience;
mod probe;
mod sign_in;
mod support;
mod turns;
