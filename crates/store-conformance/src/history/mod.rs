//! The state machine property: random histories of two tenants, and every derived answer equal to the model's.

mod command;
mod compare;
mod database;
mod differential;
mod diffs;
mod ops;
mod paths;
mod player;
mod same;
mod tally;
mod tenancy;
pub(crate) mod views;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use self::database::Database;
pub use self::differential::two_databases_answer_alike;
use self::ops::{Op, history};
use self::player::Player;
use self::tally::Tally;
use crate::backend::Backend;

/// How many are played at the same time, each against a database of its own.
const THREADS: u32 = 2;
/// How many moves a history has at most.
const MOVES: usize = 60;
/// After how many moves the answers of both tenants are compared, whomever the move was about.
const BOTH_EVERY: usize = 5;
/// How often a history that failed is played again to find a shorter one.
const REPLAYS: usize = 500;

/// Plays random histories against a backend's databases.
///
/// # Panics
/// When a database and the model differ; with the shortest history that was found to show it.
pub fn every_answer_equals_the_models(backend: &dyn Backend) {
    let config = config(backend.histories());
    let config = Config { cases: config.cases.div_ceil(THREADS), ..config };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| play_histories(backend, &config));
        }
    });
}

fn play_histories(backend: &dyn Backend, config: &Config) {
    let runtime = crate::runtime();
    let played = |moves: &[Op]| {
        runtime.block_on(async {
            let under_test = backend.fresh().await;
            let mut tally = Tally::default();
            let mut player = Player::new(Some(Database::new(&*under_test).await), &mut tally);
            play(&mut player, moves).await
        })
    };
    // Histories are made shorter here and not by proptest, which would first make every number of a move smaller.
    let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 0, ..config.clone() });
    match runner.run(&history(MOVES), |moves| played(&moves)) {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("the histories were given up: {reason}"),
        Err(TestError::Fail(reason, moves)) => panic!("{}", shortest(moves, reason.to_string(), played)),
    }
}

/// Drops what moves it can, in halves, quarters and so on down to single ones, while what is left still fails.
fn shortest(mut moves: Vec<Op>, mut reason: String, played: impl Fn(&[Op]) -> Result<(), TestCaseError>) -> String {
    let (mut replays, mut chunk) = (0, moves.len().div_ceil(2));
    while chunk > 0 && replays < REPLAYS {
        let before = moves.len();
        // From the end: what came after the failure goes first.
        let mut end = moves.len();
        while end > 0 && replays < REPLAYS {
            let begin = end.saturating_sub(chunk);
            let mut fewer = moves.clone();
            fewer.drain(begin..end);
            replays += 1;
            if let Err(failure) = played(&fewer) {
                (moves, reason) = (fewer, failure.to_string());
            }
            end = begin;
        }
        if chunk > 1 || moves.len() == before {
            chunk /= 2;
        }
    }
    let moves: Vec<String> = moves.iter().map(|op| format!("    {op:?}")).collect();
    format!("{reason}\nin the history:\n{}", moves.join("\n"))
}

async fn play(player: &mut Player<'_>, moves: &[Op]) -> Result<(), TestCaseError> {
    for (place, op) in moves.iter().enumerate() {
        player.play(op).await?;
        if place % BOTH_EVERY == 0 {
            player.touched.extend([0, 1]);
        }
        player.compare().await?;
    }
    player.touched.extend([0, 1]);
    player.compare().await?;
    player.compare_at_the_end().await
}

#[expect(clippy::disallowed_methods, reason = "proptest's own variable; its own reading of it knows no default but 256")]
fn config(by_default: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config { cases: asked.unwrap_or(by_default), ..Config::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::HISTORIES;

    /// How often each thing must be met in the default number of histories.
    const LEAST: u64 = 8;

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
