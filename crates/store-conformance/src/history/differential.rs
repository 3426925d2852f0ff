//! Two databases that are told the same answer the same, to the byte.

use lastseen_model::{Reference, Tenants};
use lastseen_store::{Diff, ItemQuery, Missing, MissingQuery, RunQuery, Store, TenantScope};
use proptest::test_runner::{Config, TestError, TestRunner};
use proptest::{prop_assert, prop_assert_eq};

use super::database::Database;
use super::diffs::everything_about;
use super::ops::{Op, history};
use super::player::{Played, Player, selections, tenant_of};
use super::same::same;
use super::tally::Tally;
use super::{MOVES, config, shortest};
use crate::backend::Backend;
use crate::world;

/// How many histories are played on both unless `PROPTEST_CASES` says otherwise. The model is held against each database elsewhere.
const HISTORIES: u32 = 12;

/// Plays the same random histories on two databases, and compares the JSON of what they say after every move.
///
/// # Panics
/// When they differ; with the shortest history that was found to show it.
pub fn two_databases_answer_alike(one: &dyn Backend, two: &dyn Backend) {
    let runtime = crate::runtime();
    let played = |moves: &[Op]| runtime.block_on(play(one, two, moves));
    let mut runner = TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 0, ..config(HISTORIES) });
    match runner.run(&history(MOVES), |moves| played(&moves)) {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("the histories were given up: {reason}"),
        Err(TestError::Fail(reason, moves)) => panic!("{}", shortest(moves, reason.to_string(), played)),
    }
}

async fn play(one: &dyn Backend, two: &dyn Backend, moves: &[Op]) -> Played<()> {
    let (one, two) = (one.fresh().await, two.fresh().await);
    let (mut tally, mut other_tally) = (Tally::default(), Tally::default());
    let mut players =
        [Player::new(Some(Database::new(&*one).await), &mut tally), Player::new(Some(Database::new(&*two).await), &mut other_tally)];
    for (place, op) in moves.iter().enumerate() {
        for player in &mut players {
            player.play(op).await?;
        }
        let touched = players.each_mut().map(|player| std::mem::take(&mut player.touched));
        prop_assert_eq!(&touched[0], &touched[1], "one model, one history");
        for part in &touched[0] {
            let scope = world::scope_of(tenant_of(*part));
            let (one, two) = (said(&*one.store(), &scope).await, said(&*two.store(), &scope).await);
            prop_assert!(one.len() == two.len());
            for ((what, one), (_, two)) in one.iter().zip(&two) {
                same((what, "after move", place), one, two)?;
            }
        }
    }
    Ok(())
}

/// All that a tenant is told of itself, as the programs that read JSON get it.
async fn said(store: &dyn Store, scope: &TenantScope) -> Vec<(String, String)> {
    let json = |value: serde_json::Result<String>| value.expect("answers are JSON");
    let items = store.items(scope, &ItemQuery { limit: 10_000, ..ItemQuery::default() }).await.expect("items");
    let mut said = vec![("items".to_owned(), json(serde_json::to_string(&items)))];
    let tenants = store.tenants().await.expect("tenants");
    said.push(("tenants".to_owned(), json(serde_json::to_string(&tenants))));
    let fleet = store.fleet_state(&Tenants::All).await.expect("the fleet's state");
    said.push(("the fleet".to_owned(), json(serde_json::to_string(&fleet))));
    let counts = store.missing_counts(scope, Reference::LatestCompleted).await.expect("counts");
    said.push(("counts".to_owned(), json(serde_json::to_string(&counts))));
    let runs = store.runs(scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs");
    said.push(("runs".to_owned(), json(serde_json::to_string(&runs))));
    if let Some(newest) = runs.first() {
        let detail = store.run(scope, newest.run_id).await.expect("a run");
        said.push(("the newest run".to_owned(), json(serde_json::to_string(&detail))));
    }
    for (place, chosen) in selections().iter().enumerate() {
        for reference in [Reference::LatestCompleted, Reference::LatestSuccess, Reference::LatestComplete] {
            let selection = chosen.selection.hash();
            let query =
                MissingQuery { selection, reference, confidence: None, since: None, acknowledged: true, after: None, limit: 10_000 };
            let answer = match store.missing(scope, &query).await.expect("missing") {
                Missing::NoBaseline => "no baseline".to_owned(),
                Missing::Answer(answer) => json(serde_json::to_string(&answer)),
            };
            said.push((format!("missing for selection {place} against {reference:?}"), answer));
        }
    }
    let completed: Vec<_> = runs.iter().filter(|run| run.status.is_completed()).collect();
    if let (Some(newest), Some(oldest)) =
        (completed.first(), completed.iter().rfind(|run| run.selection_hash == completed[0].selection_hash))
    {
        let answer = match store.diff(scope, &everything_about([newest.run_id, oldest.run_id])).await.expect("a diff") {
            Diff::Answer(answer) => json(serde_json::to_string(&answer)),
            other => format!("{other:?}"),
        };
        said.push(("the newest run and the oldest of its selection".to_owned(), answer));
    }
    if let Some(item) = items.items.last() {
        let explained = store.explain(scope, &item.policy_type, &item.external_id).await.expect("an explanation");
        said.push(("an explanation".to_owned(), json(serde_json::to_string(&explained))));
    }
    said
}
