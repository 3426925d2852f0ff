//! Aligned lines without borders, one an item.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, presets};

/// A table for people.
pub(crate) struct Table {
    inner: comfy_table::Table,
    width: Option<u16>,
    /// What is said below a line: its place, and the text.
    hints: Vec<(usize, String)>,
    lines: usize,
}

impl Table {
    /// With these headings; cut to `width` columns, or as wide as it gets.
    pub(crate) fn new(headings: &[&str], width: Option<u16>) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_header(headings.to_vec());
        match width {
            Some(width) => inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => inner.set_content_arrangement(ContentArrangement::Disabled),
        };
        for column in inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        // What is cut where the terminal is narrow: texts. Numbers, times and ids stay whole.
        for (column, heading) in headings.iter().enumerate().filter(|_| width.is_some()) {
            if !["NAME", "WHY", "WHY NOT SURE", "SELECTION", "PATH", "PERMISSION", "ERRORS", "TYPE"].contains(heading)
                && let Some(column) = inner.column_mut(column)
            {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        Self { inner, width, hints: Vec::new(), lines: 0 }
    }

    /// Adds a line. What could break the line or steer a terminal is shown as a replacement character.
    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row = Row::from(cells.into_iter().map(|cell| plain(&cell)).collect::<Vec<_>>());
        if self.width.is_some() {
            row.max_height(1);
        }
        self.inner.add_row(row);
        self.lines += 1;
    }

    /// Says something below the last line, indented, across all columns.
    pub(crate) fn hint(&mut self, text: &str) {
        self.hints.push((self.lines, cut(&format!("  {}", plain(text)), self.width)));
    }
}

/// A text that is no wider than the terminal. Counted in characters: a hint is a sentence of ours around types and ids.
fn cut(text: &str, width: Option<u16>) -> String {
    match width.map(usize::from) {
        Some(width) if text.chars().count() > width => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}

/// Names come from tenants; a name must not be able to steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The headings are line 0, and every line after them is one of the screen.
        for (place, line) in self.inner.lines().enumerate() {
            writeln!(f, "{}", line.trim_end())?;
            for (_, hint) in self.hints.iter().filter(|(below, _)| *below == place) {
                writeln!(f, "{hint}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\nc\u{202e}d"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d");
    }

    #[test]
    fn a_hint_stands_below_its_line_and_is_cut_with_it() {
        for (width, said) in [(None, "  it may live on as x, or as y"), (Some(20), "  it may live on as…")] {
            let mut table = Table::new(&["NAME", "SEEN"], width);
            table.line(["one".to_owned(), "yes".to_owned()]);
            table.hint("it may live on as x, or as y");
            table.line(["two".to_owned(), "no".to_owned()]);
            let text = table.to_string();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!((lines.len(), lines[2]), (4, said), "{text}");
            assert!(lines[1].starts_with("one") && lines[3].starts_with("two"), "{text}");
        }
    }

    #[test]
    fn a_line_stays_one_line_when_it_is_cut() {
        let mut table = Table::new(&["NAME", "SEEN"], Some(30));
        table.line(["a name that is far too long for thirty columns".to_owned(), "yes".to_owned()]);
        let text = table.to_string();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains('…'), "{text}");
    }
}
