//! `lastseen missing`, `missing ack` and `missing unack`.

use lastseen_model::{ErrorCode, ListingOutcome, Reference, Selection, SelectionHash};
use lastseen_store::{
    Acknowledgement, Coverage, Missing, MissingAnswer, MissingItem, MissingQuery, PossibleSuccessor, SelectionRecord, Store,
};
use serde_json::{Value, json};

use crate::advice;
use crate::app::{App, Tenant, moment, selection};
use crate::args::{self, MissingCommand, ReferenceArg};
use crate::commands::explain;
use crate::commands::items::cursor;
use crate::config::user_name;
use crate::exit::Exit;
use crate::output::{Screen, ago, count, flags, grouped, selection_words};
use crate::problem::Problem;

pub(crate) async fn run(app: &App, args: &args::Missing, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    if let Some(command) = &args.command {
        return note(&*store, &tenant, command, screen).await;
    }
    let since = args.since.as_deref().map(|text| moment("--since", text, screen.now())).transpose()?;
    let used = store.selections(&tenant.scope).await?;
    let (hash, payload) = which(args, &used)?;
    let query = MissingQuery {
        selection: hash,
        reference: args.reference.into(),
        confidence: args.confidence,
        since,
        acknowledged: args.acknowledged,
        after: cursor(&args.page)?,
        limit: args.page.limit,
    };
    let answer = store.missing(&tenant.scope, &query).await?;
    if screen.is_json() {
        screen.json(&document(&tenant, &query, payload.as_ref(), &answer)?)?;
        return Ok(Exit::Success);
    }
    let words = payload.as_ref().map_or_else(|| hash.to_string(), selection_words);
    match answer {
        Missing::NoBaseline => no_baseline(&tenant, &words, query.reference, &used, screen)?,
        Missing::Answer(answer) => {
            let run = store.run(&tenant.scope, answer.reference.reference_run_id).await?;
            let errors = run.map(|run| run.errors).unwrap_or_default();
            let run_errors: Vec<_> = errors.iter().filter(|error| error.context.policy_type.is_none()).map(|error| error.code).collect();
            let asked = Asked { args, words: &words, run_errors: &run_errors };
            show(&tenant, payload.as_ref(), &asked, &answer, screen)?;
        }
    }
    Ok(Exit::Success)
}

/// What was asked, in the words of people, and what is known of the reference run beside the answer.
struct Asked<'a> {
    args: &'a args::Missing,
    words: &'a str,
    run_errors: &'a [ErrorCode],
}

/// The selection that is meant: by hash, else by the names that `sync` takes. No name is everything.
fn which(args: &args::Missing, used: &[SelectionRecord]) -> Result<(SelectionHash, Option<Selection>), Problem> {
    let known = |hash: SelectionHash| used.iter().find(|record| record.selection_hash == hash);
    if let Some(hash) = args.selection {
        let record = known(hash).ok_or_else(|| {
            Problem::usage(format!("this tenant has no selection with the hash {hash}")).next("see them with `lastseen selections --wide`")
        })?;
        return Ok((hash, Some(record.selection_payload.clone())));
    }
    let named = selection(&args.names)?;
    Ok((named.hash(), Some(named)))
}

fn document(tenant: &Tenant, query: &MissingQuery, payload: Option<&Selection>, answer: &Missing) -> Result<Value, Problem> {
    let mut document = match answer {
        Missing::NoBaseline => json!({
            "reference_run_id": null, "reference_status": null, "reference_finished_at": null,
            "coverage": [], "missing": [], "high": 0, "low": 0, "acknowledged": 0, "next_cursor": null,
        }),
        Missing::Answer(answer) => serde_json::to_value(answer).map_err(std::io::Error::from)?,
    };
    document["tenant_id"] = json!(tenant.scope.tenant());
    document["selection_hash"] = json!(query.selection);
    document["selection_payload"] = json!(payload);
    document["reference"] = json!(query.reference);
    document["baseline"] = json!(matches!(answer, Missing::Answer(_)));
    Ok(document)
}

fn no_baseline(tenant: &Tenant, words: &str, reference: Reference, used: &[SelectionRecord], screen: &mut Screen) -> Result<(), Problem> {
    screen.heading(&format!("{}  {words}", tenant.label()))?;
    let never = match reference {
        Reference::LatestSuccess => "no run of this selection has succeeded",
        Reference::LatestCompleted | Reference::LatestComplete => "this selection has never completed a run",
    };
    screen.line(format!("no baseline: {never}, so nothing can be said about what is missing"))?;
    if used.is_empty() {
        screen.line(format!("next: lastseen sync --tenant {}", tenant.scope.tenant()))?;
    } else {
        screen.line("selections that were synced:")?;
        for record in used {
            screen.line(format!("  {}  --selection {}", selection_words(&record.selection_payload), record.selection_hash))?;
        }
    }
    Ok(())
}

fn show(
    tenant: &Tenant,
    selection: Option<&Selection>,
    asked: &Asked<'_>,
    answer: &MissingAnswer,
    screen: &mut Screen,
) -> Result<(), Problem> {
    let (now, reference, args) = (screen.now(), &answer.reference, asked.args);
    let each_type = args.reference == ReferenceArg::LatestComplete;
    let which = if each_type {
        "each type's last complete listing".to_owned()
    } else {
        format!(
            "run {}, {}, {}",
            screen.run(reference.reference_run_id),
            reference.reference_status,
            ago(now, reference.reference_finished_at)
        )
    };
    screen.heading(&format!("{}  {}   reference: {which}", tenant.label(), asked.words))?;
    let total = answer.high + answer.low;
    let verdict = if each_type {
        completeness(&answer.coverage, screen)?;
        let never = answer.coverage.iter().filter(|row| row.latest_complete_at.is_none()).count();
        verdict(answer, answer.coverage.len() - never, "")
    } else {
        coverage(&answer.coverage, screen)?;
        let complete = answer.coverage.iter().filter(|row| row.outcome == ListingOutcome::Complete).count();
        verdict(answer, complete, &format!(" ({})", ago(now, reference.reference_finished_at)))
    };
    screen.line("")?;
    if !answer.items.is_empty() {
        items(&answer.items, screen)?;
        screen.line("")?;
    }
    screen.line(verdict)?;
    if answer.acknowledged > 0 && !args.acknowledged {
        screen.line(format!("  {} acknowledged and not shown: --acknowledged shows them", grouped(answer.acknowledged)))?;
    }
    if answer.items.is_empty() && total > answer.acknowledged && (args.confidence.is_some() || args.since.is_some()) {
        screen.line("  none of them fits --confidence or --since")?;
    }
    for error in asked.run_errors {
        screen.line(format!("  the run {} because {}", reference.reference_status, error.meaning()))?;
    }
    if answer.low > 0
        && args.reference == ReferenceArg::LatestCompleted
        && answer.coverage.iter().any(|row| row.outcome != ListingOutcome::Complete)
    {
        let flags = flags(tenant.scope.tenant(), selection);
        screen.line(format!("  only what complete listings prove:   lastseen missing --reference latest-complete {flags}"))?;
    }
    if let Some(item) = answer.items.first() {
        let id = screen.id(item.external_id.as_str()).trim_end_matches('…').to_owned();
        screen.line(format!(
            "  why one counts as it does:           lastseen explain {} {id} --tenant {}",
            item.policy_type,
            tenant.scope.tenant()
        ))?;
    }
    if let Some(cursor) = &answer.next_cursor {
        screen.line(format!("  more: the same command with --cursor {cursor}"))?;
    }
    Ok(())
}

/// Types that were listed completely and miss nothing share a line, unless everything is to be shown; so do types that the
/// same thing happened to before anything was listed. Each other type has its own line.
fn coverage(rows: &[Coverage], screen: &mut Screen) -> Result<(), Problem> {
    let wide = screen.is_wide();
    let quiet = |row: &&Coverage| row.outcome == ListingOutcome::Complete && row.items_unseen == 0 && !wide;
    let idle = |row: &&Coverage| row.outcome == ListingOutcome::NotStarted && !wide;
    let (whole, unlisted) = (rows.iter().filter(quiet).count() as u64, rows.iter().filter(idle).count() as u64);
    if whole > 0 {
        screen.line(format!("  {} listed completely, nothing unseen", count(whole, "type", "types")))?;
    }
    if unlisted > 0 {
        screen.line(format!("  {} not listed: the run ended before", count(unlisted, "type", "types")))?;
    }
    for row in rows.iter().filter(|row| !quiet(row) && !idle(row)) {
        let seen = count(row.items_observed, "item seen", "items seen");
        let why = match (row.outcome, row.error_code) {
            (ListingOutcome::Complete, _) => format!("complete     {seen}, {} not seen", grouped(row.items_unseen)),
            (outcome, Some(code)) => {
                format!("{:12} {}; {}", outcome.as_str(), advice::listing(code, &row.policy_type), last_complete(row, screen))
            }
            (outcome, None) => format!("{:12} {}", outcome.as_str(), last_complete(row, screen)),
        };
        screen.line(format!("  {:38} {why}", row.policy_type.as_str()))?;
    }
    Ok(())
}

/// What each type's last complete listing is, for the reference that takes them one by one.
fn completeness(rows: &[Coverage], screen: &mut Screen) -> Result<(), Problem> {
    let listed: Vec<_> = rows.iter().filter_map(|row| row.latest_complete_at).collect();
    if let (Some(oldest), Some(newest)) = (listed.iter().min(), listed.iter().max()) {
        let (oldest, newest) = (ago(screen.now(), *oldest), ago(screen.now(), *newest));
        let when = if oldest == newest { newest } else { format!("between {oldest} and {newest}") };
        screen.line(format!("  {} listed completely {when}", count(listed.len() as u64, "type", "types")))?;
    }
    for row in rows.iter().filter(|row| row.latest_complete_at.is_none() || screen.is_wide()).collect::<Vec<_>>() {
        screen.line(format!("  {:38} {}", row.policy_type.as_str(), last_complete(row, screen)))?;
    }
    Ok(())
}

fn last_complete(row: &Coverage, screen: &Screen) -> String {
    row.latest_complete_at
        .map_or("never listed completely".to_owned(), |time| format!("last listed completely {}", ago(screen.now(), time)))
}

/// What an item may live on as, and since when that is known.
pub(crate) fn successor(other: &PossibleSuccessor, screen: &Screen, since: &str) -> String {
    format!("may live on as {} {}, first seen {since}", other.policy_type, screen.id(other.external_id.as_str()))
}

fn items(items: &[MissingItem], screen: &mut Screen) -> Result<(), Problem> {
    let now = screen.now();
    let doubted = items.iter().any(|item| !item.reasons.is_empty());
    let mut headings = vec!["CONFIDENCE", "TYPE", "NAME", "ID", "LAST SEEN", "MISSING SINCE"];
    headings.extend(doubted.then_some("WHY NOT SURE"));
    let mut table = screen.table(&headings);
    for item in items {
        let mut line = vec![
            item.confidence.to_string(),
            item.policy_type.to_string(),
            item.display_name.clone().unwrap_or_else(|| "–".to_owned()),
            screen.id(item.external_id.as_str()),
            ago(now, item.last_seen_at),
            item.missing_since.map_or("–".to_owned(), |time| ago(now, time)),
        ];
        line.extend(doubted.then(|| item.reasons.iter().map(|reason| reason.phrase()).collect::<Vec<_>>().join("; ")));
        table.line(line);
        for other in &item.possible_successors {
            table.hint(&successor(other, screen, &ago(now, other.first_seen_at)));
        }
    }
    Ok(screen.show(&table)?)
}

/// The answer in a sentence. An empty list never stands alone: it says what was looked at.
fn verdict(answer: &MissingAnswer, complete: usize, when: &str) -> String {
    let (total, all) = (answer.high + answer.low, answer.coverage.len());
    match (total, complete == all) {
        (0, true) => format!("nothing is missing: {complete} of {all} types were listed completely{when}"),
        (0, false) => format!(
            "nothing is known to be missing, but only {complete} of {all} types were listed completely{when}: the others can't tell"
        ),
        _ => {
            let sure = match (answer.high, answer.low) {
                (0, _) => "none with high confidence".to_owned(),
                (_, 0) => "all with high confidence".to_owned(),
                (high, low) => format!("{} with high confidence, {} with low", grouped(high), grouped(low)),
            };
            // Not to be mixed up: looked and not found, and not looked.
            let unread: u64 =
                answer.coverage.iter().filter(|row| row.outcome != ListingOutcome::Complete).map(|row| row.items_unseen).sum();
            let unread = if unread > 0 && !when.is_empty() {
                format!("; {} of them only because their type could not be read", grouped(unread))
            } else {
                String::new()
            };
            format!("{} missing, {sure}{unread}", grouped(total))
        }
    }
}

async fn note(store: &dyn Store, tenant: &Tenant, command: &MissingCommand, screen: &mut Screen) -> Result<Exit, Problem> {
    let (policy_type, text) = match command {
        MissingCommand::Ack { policy_type, external_id, .. } | MissingCommand::Unack { policy_type, external_id } => {
            (policy_type, external_id)
        }
    };
    let known = explain::find(store, tenant, policy_type, text).await?;
    let external_id = &known.item.external_id;
    let done = match command {
        MissingCommand::Ack { note, author, .. } => {
            if note.chars().count() > 1_000 {
                return Err(Problem::usage("--note is longer than 1,000 characters"));
            }
            // A note on an item that is there would hide the day it goes.
            if known.standing.iter().all(|standing| standing.missing.is_none()) {
                return Err(Problem::failed(format!("this {policy_type} is not missing, so there is nothing to acknowledge")).next(
                    format!("see where it stands: lastseen explain {policy_type} {external_id} --tenant {}", tenant.scope.tenant()),
                ));
            }
            let author = author.clone().or_else(user_name).unwrap_or_else(|| "unknown".to_owned());
            let note = Acknowledgement {
                policy_type: policy_type.clone(),
                external_id: external_id.clone(),
                author: author.chars().take(200).collect(),
                note: note.clone(),
                acknowledged_at: None,
            };
            store.acknowledge(&tenant.scope, &note).await?;
            "acknowledged: it stays out of `lastseen missing` until it is seen again"
        }
        MissingCommand::Unack { .. } => {
            if !store.unacknowledge(&tenant.scope, policy_type, external_id).await? {
                return Err(Problem::failed(format!("there is no note on this {policy_type}")));
            }
            "the note is gone: the item is listed again while it is missing"
        }
    };
    if screen.is_json() {
        let acknowledged = matches!(command, MissingCommand::Ack { .. });
        screen.json(&json!({ "tenant_id": tenant.scope.tenant(), "policy_type": policy_type, "external_id": external_id, "acknowledged": acknowledged }))?;
    } else {
        screen.line(done)?;
    }
    Ok(Exit::Success)
}
