//! How many tests a runner says it ran, read from its own closing lines.

use std::fmt;
use std::ops::Add;

/// Tests that passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
}

impl Tally {
    /// What one line of a runner's output adds: the closing line of a test binary under `cargo test`, or of a whole run under
    /// nextest; nothing for any other line.
    pub(crate) fn of_line(line: &str) -> Self {
        let line = line.trim_start();
        let counts = if let Some(rest) = line.strip_prefix("test result: ") {
            rest
        } else if let Some((_, rest)) = line.strip_prefix("Summary [").and_then(|rest| rest.split_once("run: ")) {
            rest
        } else {
            return Self::default();
        };
        Self { passed: number_before(counts, "passed"), failed: number_before(counts, "failed") }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The number in front of a word: 3 for `passed` in `ok. 3 passed; 0 failed`. A word that is not there stands for none.
fn number_before(counts: &str, word: &str) -> u64 {
    let words: Vec<&str> = counts.split_whitespace().collect();
    words.windows(2).find(|pair| pair[1].trim_end_matches([',', ';']) == word).and_then(|pair| pair[0].parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_binary_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.10s";
        assert_eq!(Tally::of_line(line), Tally { passed: 12, failed: 3 });
    }

    #[test]
    fn the_closing_line_of_nextest_is_counted() {
        let line = "     Summary [   0.019s] 345 tests run: 340 passed (2 slow), 5 failed, 0 skipped";
        assert_eq!(Tally::of_line(line), Tally { passed: 340, failed: 5 });
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["", "running 3 tests", "test tally::passes ... ok", "3 passed", "Summary of 3 passed"] {
            assert_eq!(Tally::of_line(line), Tally::default(), "{line}");
        }
    }
}
