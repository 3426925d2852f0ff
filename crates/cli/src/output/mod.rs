//! How answers look: text for people, JSON for programs.

mod screen;
mod table;
mod words;

pub(crate) use screen::Screen;
pub(crate) use table::Table;
pub(crate) use words::{ago, count, exact, flags, grouped, seconds, selection_words};
