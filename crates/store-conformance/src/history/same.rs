//! A comparison that says where two answers differ, and not all that they agree on.

use std::fmt::Debug;

use proptest::test_runner::TestCaseError;

/// How many lines of a difference are told.
const TOLD: usize = 24;

/// Fails when the two differ, with the lines in which they do.
pub(super) fn same<T: Debug + PartialEq>(what: impl Debug, found: &T, said: &T) -> Result<(), TestCaseError> {
    if found == said {
        return Ok(());
    }
    let (found, said) = (format!("{found:#?}"), format!("{said:#?}"));
    let (found, said): (Vec<&str>, Vec<&str>) = (found.lines().collect(), said.lines().collect());
    let alike = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(one, two)| one == two).count();
    let first = alike(&mut found.iter().zip(&said));
    let last = alike(&mut found[first..].iter().rev().zip(said[first..].iter().rev()));
    let told = |lines: &[&str], mark: &str| {
        let differing = lines[first..lines.len() - last].iter().take(TOLD);
        differing.flat_map(|line| ["\n  ", mark, *line]).collect::<String>()
    };
    let lines = told(&found, "-") + &told(&said, "+");
    Err(TestCaseError::fail(format!("the database (-) and the model (+) differ on {what:?}:{lines}")))
}
