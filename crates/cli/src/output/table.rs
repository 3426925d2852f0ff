//! Aligned lines without borders, one an item.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, presets};

/// A table for people.
pub(crate) struct Table {
    inner: comfy_table::Table,
    cut: bool,
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
        Self { inner, cut: width.is_some() }
    }

    /// Adds a line. What could break the line or steer a terminal is shown as a replacement character.
    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row = Row::from(cells.into_iter().map(|cell| plain(&cell)).collect::<Vec<_>>());
        if self.cut {
            row.max_height(1);
        }
        self.inner.add_row(row);
    }
}

/// Names come from tenants; a name must not be able to steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.inner.lines() {
            writeln!(f, "{}", line.trim_end())?;
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
    fn a_line_stays_one_line_when_it_is_cut() {
        let mut table = Table::new(&["NAME", "SEEN"], Some(30));
        table.line(["a name that is far too long for thirty columns".to_owned(), "yes".to_owned()]);
        let text = table.to_string();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains('…'), "{text}");
    }
}
