//! Everything that is known to go wrong between here and Microsoft, one row each, from the socket to the database.

#[path = "../it/support.rs"]
mod support;

mod bodies;
mod codes;
mod evidence;
mod incidents;
mod links;
mod objects;
mod plans;
mod row;
mod seeds;
mod sign_in;
mod statuses;
mod throttling;
