//! The API over a real database, by its router.

mod access_log;
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
mod rules;
mod schedules;
mod starts;
mod support;
mod timelines;
mod timer;
mod tokens;
#[cfg(feature = "try-page")]
mod try_page;
mod twins;
