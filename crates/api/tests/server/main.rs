//! The server on real sockets, and clients that mean no good, or know no better.

mod bounds;
mod client;
mod ending;
mod hostile;
mod served;
mod tls;
