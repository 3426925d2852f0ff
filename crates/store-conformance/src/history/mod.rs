//! The state machine property: random histories of two tenants, and every derived answer equal to the model's.

mod command;
mod compare;
mod database;
mod ops;
mod player;
mod tally;
mod tenancy;
pub(crate) mod views;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use self::database::Database;
use self::ops::{Op, history};
use self::player::Player;
use self::tally::Tally;
use crate::backend::Backend;

/// How many histories are played unless `PROPTEST_CASES` says otherwise.
const HISTORIES: u32 = 96;
/// How many moves a history has at most.
const MOVES: usize = 60;

/// Plays random histories against a backend's databases.
///
/// # Panics
/// When a database and the model differ; with the shortest history that was found to show it.
pub fn every_answer_equals_the_models(backend: &dyn Backend) {
    let runtime = crate::runtime();
    let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 4_096, ..config() });
    let outcome = runner.run(&history(MOVES), |moves| {
        runtime.block_on(async {
            let under_test = backend.fresh().await;
            let mut tally = Tally::default();
            let mut player = Player::new(Some(Database::new(&*under_test).await), &mut tally);
            play(&mut player, &moves).await
        })
    });
    if let Err(error) = outcome {
        panic!("{}", told(&error));
    }
}

async fn play(player: &mut Player<'_>, moves: &[Op]) -> Result<(), TestCaseError> {
    for op in moves {
        player.play(op).await?;
        player.compare().await?;
    }
    player.compare_at_the_end().await
}

fn told(error: &TestError<Vec<Op>>) -> String {
    match error {
        TestError::Abort(reason) => format!("the histories were given up: {reason}"),
        TestError::Fail(reason, moves) => {
            let moves: Vec<String> = moves.iter().map(|op| format!("    {op:?}")).collect();
            format!("{reason}\nthe shortest history found:\n{}", moves.join("\n"))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "proptest's own variable; its own reading of it knows no default but 256")]
fn config() -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config { cases: asked.unwrap_or(HISTORIES), ..Config::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each thing must be met in the default number of histories.
    const LEAST: u64 = 10;

    /// The model alone plays as many histories as a backend's test does by default, always the same ones.
    #[test]
    fn random_histories_reach_every_reason_outcome_status_and_refusal() {
        let runtime = crate::runtime();
        let tally = std::cell::RefCell::new(Tally::default());
        let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
        let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
        let played = TestRunner::new_with_rng(config, rng).run(&history(MOVES), |moves| {
            let mut tally = tally.borrow_mut();
            runtime.block_on(play(&mut Player::new(None, &mut tally), &moves))
        });
        played.expect("the model never contradicts itself");
        let unmet = tally.borrow().unmet(LEAST);
        assert!(unmet.is_empty(), "met fewer than {LEAST} times: {unmet:?}\nof {:?}", tally.borrow());
    }
}
