//! The API over a real database, by its router.

mod bounds;
mod canary;
mod comparisons;
mod conditional;
mod events;
mod matrix;
mod operations;
mod paging;
mod problems;
mod reference;
mod schedules;
mod starts;
mod support;
mod timer;
mod tokens;
#[cfg(feature = "try-page")]
mod try_page;
mod twins;
