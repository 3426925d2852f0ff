//! The server on real sockets, and clients that mean no good, or know no better.

mod bounds;
mod by_schemathesis;
mod client;
mod ending;
mod hostile;
mod load;
mod served;
mod tls;
mod whole;
