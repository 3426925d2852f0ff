//! The API over a real database, by its router.

mod bounds;
mod canary;
mod conditional;
mod events;
mod matrix;
mod operations;
mod paging;
mod problems;
mod reference;
mod support;
mod timer;
mod tokens;
mod twins;
