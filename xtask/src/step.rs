//! Steps in a row: a heading and a duration for each, a stop at the first failure with what to do, and a summary.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::tally::Tally;

/// One thing that `cargo xtask` does.
pub(crate) struct Step {
    /// What the heading and the summary call it.
    pub(crate) name: &'static str,
    /// What a person does when it fails.
    pub(crate) remedy: &'static str,
    /// The work.
    pub(crate) run: Box<dyn FnOnce() -> anyhow::Result<Outcome>>,
}

impl Step {
    /// A step that does `run`, and the advice for when it fails.
    pub(crate) fn new(name: &'static str, remedy: &'static str, run: impl FnOnce() -> anyhow::Result<Outcome> + 'static) -> Self {
        Self { name, remedy, run: Box::new(run) }
    }
}

/// How a step ended that did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It did its work.
    Done,
    /// It did its work, which was running tests.
    Tested(Tally),
    /// It left its work undone, for this reason.
    Skipped(String),
}

/// Runs the steps in order until one fails, then prints the summary. Answers whether all of them went well.
///
/// The last line is `N passed, N failed`, the tests' own count, when a step ran tests: whoever reads only the end of a log sees that
/// tests were executed.
///
/// # Errors
/// Only of writing to `out`.
pub(crate) fn run_all(steps: Vec<Step>, out: &mut impl Write) -> io::Result<bool> {
    let mut lines = Vec::new();
    let mut tested: Option<Tally> = None;
    let mut failed = None;
    let mut rest = steps.into_iter();

    for step in rest.by_ref() {
        writeln!(out, "\n==> {}", step.name)?;
        out.flush()?;
        let begun = Instant::now();
        let result = (step.run)();
        let took = seconds(begun.elapsed());
        let verdict = match result {
            Ok(Outcome::Done) => "ok".to_owned(),
            Ok(Outcome::Tested(tally)) => {
                tested = Some(tested.unwrap_or_default() + tally);
                format!("ok, {tally}")
            }
            Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
            Err(error) => {
                failed = Some((step.name, step.remedy));
                format!("FAILED: {error:#}")
            }
        };
        writeln!(out, "<== {} [{took}] {verdict}", step.name)?;
        lines.push(format!("{took:>9}  {:<24}  {verdict}", step.name));
        if failed.is_some() {
            break;
        }
    }

    lines.extend(rest.map(|step| format!("{:>9}  {:<24}  not run", "-", step.name)));
    writeln!(out, "\n==> summary")?;
    for line in lines {
        writeln!(out, "{line}")?;
    }
    if let Some((name, remedy)) = failed {
        writeln!(out, "\n`{name}` failed. {remedy}")?;
        return Ok(false);
    }
    if let Some(tally) = tested {
        writeln!(out, "\n{tally}")?;
    }
    Ok(true)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(steps: Vec<Step>) -> (bool, String) {
        let mut out = Vec::new();
        let ok = run_all(steps, &mut out).expect("a vector takes every write");
        (ok, String::from_utf8(out).expect("the report is text"))
    }

    #[test]
    fn all_steps_run_in_order_and_the_tests_are_counted_in_the_last_line() {
        let (ok, text) = report(vec![
            Step::new("first", "-", || Ok(Outcome::Done)),
            Step::new("doc tests", "-", || Ok(Outcome::Tested(Tally { passed: 2, failed: 0 }))),
            Step::new("tests", "-", || Ok(Outcome::Tested(Tally { passed: 40, failed: 0 }))),
            Step::new("deny", "-", || Ok(Outcome::Skipped("not installed".into()))),
        ]);
        assert!(ok);
        assert!(text.find("==> first") < text.find("==> tests"));
        assert!(text.contains("skipped: not installed"));
        assert_eq!(text.lines().last(), Some("42 passed, 0 failed"));
    }

    #[test]
    fn the_first_failure_stops_the_row_and_says_what_to_do() {
        let (ok, text) = report(vec![
            Step::new("format", "Run `cargo fmt`.", || anyhow::bail!("1 file differs")),
            Step::new("tests", "-", || panic!("a step after a failure must not run")),
        ]);
        assert!(!ok);
        assert!(text.contains("FAILED: 1 file differs"));
        assert!(text.contains("tests                     not run"));
        assert_eq!(text.lines().last(), Some("`format` failed. Run `cargo fmt`."));
    }

    #[test]
    fn without_a_test_step_no_count_is_claimed() {
        let (ok, text) = report(vec![Step::new("only", "-", || Ok(Outcome::Done))]);
        assert!(ok);
        assert!(!text.contains("passed"));
    }
}
