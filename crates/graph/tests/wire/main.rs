//! The client over real sockets, against a server that answers by script.

mod canary;
mod children;
mod fallbacks;
mod links;
mod listing;
mod patience;
mod sign_in;
mod support;
mod turns;
