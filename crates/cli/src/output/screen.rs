//! Where answers go.

use std::io::{ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use lastseen_model::{RunId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::Table;
use super::table::plain;
use crate::args::{Global, Output};

/// Standard output, and what is known of it.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    output: Output,
    width: Option<u16>,
    wide: bool,
    now: Timestamp,
}

impl Screen {
    /// Standard output as the command line asks for it.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let width = if terminal && !global.wide { comfy_table::Table::new().width() } else { None };
        Self { out: Box::new(anstream::stdout()), output: global.output, width, wide: global.wide, now: now() }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Whether bars and the like may be drawn on standard error.
    pub(crate) fn may_draw(&self) -> bool {
        self.output == Output::Table && std::io::stderr().is_terminal()
    }

    /// The time that relative times refer to.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets relative times refer to this moment.
    pub(crate) fn refresh(&mut self) {
        self.now = now();
    }

    /// Whether ids and names are to be whole.
    pub(crate) fn is_wide(&self) -> bool {
        self.wide
    }

    /// How many characters fit on a line; none where that is not known, or everything is to be shown.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width.map(usize::from)
    }

    /// A table that fits.
    pub(crate) fn table(&self, headings: &[&str]) -> Table {
        Table::new(headings, self.width)
    }

    /// A run's id: short unless wide; `runs show` takes it either way.
    pub(crate) fn run(&self, run: RunId) -> String {
        self.short(run)
    }

    /// An id of ours: short unless wide. A UUIDv7 begins with the time, so those of one minute begin alike; its end tells them apart.
    pub(crate) fn short(&self, id: impl Into<Uuid>) -> String {
        let whole = id.into().to_string();
        if self.wide { whole } else { whole[whole.len() - 8..].to_owned() }
    }

    /// An id of Graph's: cut on a terminal unless wide. `explain` and `missing ack` take its beginning.
    pub(crate) fn id(&self, id: &str) -> String {
        const SHORT: usize = 13;
        match id.char_indices().nth(SHORT) {
            Some((end, _)) if self.width.is_some() => format!("{}…", &id[..end]),
            _ => id.to_owned(),
        }
    }

    /// A line.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) -> std::io::Result<()> {
        heard(writeln!(self.out, "{}", plain(text.as_ref())))
    }

    /// A table, as it is.
    pub(crate) fn show(&mut self, table: &Table) -> std::io::Result<()> {
        heard(write!(self.out, "{table}"))
    }

    /// A heading, bold on a terminal.
    pub(crate) fn heading(&mut self, text: &str) -> std::io::Result<()> {
        let style = Style::new().bold();
        heard(writeln!(self.out, "{style}{}{style:#}", plain(text)))
    }

    /// A command that a person could have typed.
    pub(crate) fn command(&mut self, text: &str) -> std::io::Result<()> {
        let style = AnsiColor::Cyan.on_default();
        heard(writeln!(self.out, "{style}$ {}{style:#}", plain(text)))
    }

    /// A document for programs.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> std::io::Result<()> {
        heard(serde_json::to_writer_pretty(&mut self.out, document).map_err(std::io::Error::from))?;
        heard(writeln!(self.out))
    }

    /// Whether standard output is a terminal, and shows tables.
    pub(crate) fn may_redraw(&self) -> bool {
        self.output == Output::Table && std::io::stdout().is_terminal()
    }

    /// An empty screen, where one is looked at.
    pub(crate) fn clear(&mut self) -> std::io::Result<()> {
        heard(write!(self.out, "\u{1b}[H\u{1b}[2J"))
    }

    /// Everything written so far is on its way.
    pub(crate) fn flush(&mut self) -> std::io::Result<()> {
        heard(self.out.flush())
    }
}

/// A reader that has heard enough (`| head`) is no error: what the command did, it did.
fn heard(written: std::io::Result<()>) -> std::io::Result<()> {
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

#[expect(clippy::disallowed_methods, reason = "relative times for people, decided by nothing else")]
fn now() -> Timestamp {
    Timestamp::now()
}
