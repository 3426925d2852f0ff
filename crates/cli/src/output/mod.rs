//! How answers look: text for people, JSON for programs.

mod screen;
mod table;
mod words;

use std::io::Write;

pub(crate) use screen::Screen;
pub(crate) use table::{Table, plain};
pub(crate) use words::{ago, count, exact, first_few, flags, grouped, length, seconds, selection_words, until};

/// A line on standard error; where nobody hears it, nothing is lost.
pub(crate) fn say(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}
