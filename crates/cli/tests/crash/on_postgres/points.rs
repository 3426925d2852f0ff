//! The messages of a run at which something happens to it.

use lastseen_test_postgres::Verdict;

use crate::on_postgres::trap::Moment;
use crate::on_postgres::watch::{Step, Verb, Watch};

/// One path after the other, so that the n-th message is the same one in every run.
pub(crate) const ONE_BY_ONE: &str = "[run]\npaths_at_once = 1\n";

/// How many are taken by chance, beside every beginning and every commit.
const BY_CHANCE: usize = 10;

/// Of an undisturbed run: every transaction's beginning, every commit, and some statements by chance.
pub(crate) fn points(undisturbed: &Watch, seed: u64) -> Vec<Moment> {
    let all = |step| (1..=undisturbed.count(step)).map(move |number| (step, number));
    let mut chance = Chance(seed);
    let statements = undisturbed.count(Step::Statement);
    let by_chance = (0..BY_CHANCE).map(|_| (Step::Statement, chance.below(statements) + 1));
    all(Step::Begin).chain(all(Step::Commit(Verb::Other))).chain(by_chance).collect()
}

/// The same as ways to be killed there: the message itself arrives or does not, where that makes a difference.
pub(crate) fn ways_to_die(undisturbed: &Watch, seed: u64) -> Vec<(Moment, Verdict)> {
    let ways = |moment: Moment| match moment.0 {
        Step::Commit(_) => vec![(moment, Verdict::Cut), (moment, Verdict::Forward)],
        Step::Begin | Step::Statement => vec![(moment, Verdict::Cut)],
    };
    points(undisturbed, seed).into_iter().flat_map(ways).collect()
}

/// Chance that is the same in every run of a test: Knuth's generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(limit)).expect("below a small number")
    }
}
