//! `lastseen diff`: what became of the items between two runs of one selection.

mod screen;

use lastseen_contracts::Registry;
use lastseen_model::{Confidence, RunId, RunStatus, Selection};
use lastseen_store::{Diff, DiffQuery, RunDetail};
use serde_json::json;

use crate::app::{App, Tenant};
use crate::args;
use crate::commands::items::cursor;
use crate::commands::runs::find;
use crate::exit::Exit;
use crate::output::{Screen, flags, selection_words};
use crate::problem::Problem;

pub(crate) async fn run(app: &App, args: &args::Diff, screen: &mut Screen) -> Result<Exit, Problem> {
    let types = Selection::from_names(&Registry::builtin().vocabulary(), [], args.types.iter().map(String::as_str))?.policy_types;
    let after = cursor(&args.page)?;
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    let (one, other) = (find(&*store, &tenant, &args.one).await?, find(&*store, &tenant, &args.other).await?);
    if one.record.run_id == other.record.run_id {
        return Err(
            Problem::usage(format!("`{}` and `{}` are the same run", args.one, args.other)).next("name two; see them with `lastseen runs`")
        );
    }
    let query = DiffQuery {
        runs: [one.record.run_id, other.record.run_id],
        kinds: args.kinds.clone(),
        types: types.into_iter().collect(),
        // What is not certain is counted, and told only to who asks for it.
        confidence: if args.all { None } else { args.confidence.or(Some(Confidence::High)) },
        after,
        limit: args.page.limit,
    };
    match store.diff(&tenant.scope, &query).await? {
        Diff::Answer(answer) if screen.is_json() => {
            let mut document = serde_json::to_value(&answer).map_err(std::io::Error::from)?;
            document["tenant_id"] = json!(tenant.scope.tenant());
            screen.json(&document)?;
        }
        Diff::Answer(answer) => {
            let newer = if answer.newer.run_id == one.record.run_id { &one } else { &other };
            let older = if answer.older.run_id == one.record.run_id { &one } else { &other };
            screen::show(&tenant, args, &answer, &screen::Runs { older, newer }, screen)?;
        }
        Diff::NoSuchRun(run) => return Err(Problem::failed(format!("run {run} went while it was looked up"))),
        Diff::NotCompleted(run, status) => return Err(not_completed(&tenant, run, status)),
        Diff::OtherSelections => return Err(other_selections(&tenant, &one, &other)),
    }
    Ok(Exit::Success)
}

fn not_completed(tenant: &Tenant, run: RunId, status: RunStatus) -> Problem {
    let runs = format!("take another: lastseen runs {}", flags(tenant.scope.tenant(), None));
    match status {
        RunStatus::Pending | RunStatus::Running => Problem::failed(format!("run {run} is {status}: it has not listed what it will"))
            .next("wait until it has ended, or take another: lastseen runs"),
        _ => Problem::failed(format!("run {run} is {status}: it never listed anything")).next(runs),
    }
}

fn other_selections(tenant: &Tenant, one: &RunDetail, other: &RunDetail) -> Problem {
    let of = |run: &RunDetail| format!("run {}: {}", run.record.run_id, selection_words(&run.record.selection_payload));
    Problem::usage("the two runs list different selections, so one can't be held against the other")
        .with("selections", format!("{}\n{}", of(one), of(other)))
        .next(format!(
            "take two runs of one: lastseen runs {} --selection {}",
            flags(tenant.scope.tenant(), None),
            one.record.selection_hash
        ))
}
