//! `lastseen missing`, `missing ack` and `missing unack`.

use lastseen_contracts::Registry;
use lastseen_model::{ListingOutcome, Reference, Selection, SelectionHash};
use lastseen_store::{Acknowledgement, Coverage, Missing, MissingAnswer, MissingItem, MissingQuery, SelectionRecord, Store};
use serde_json::{Value, json};

use crate::advice;
use crate::app::{App, Tenant, moment, selection};
use crate::args::{self, MissingCommand, ReferenceArg};
use crate::commands::items::cursor;
use crate::config::user_name;
use crate::exit::Exit;
use crate::output::{Screen, ago, count, grouped, long_ago, selection_words};
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
        Missing::Answer(answer) => show(&tenant, &words, args, &answer, screen)?,
    }
    Ok(Exit::Success)
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

fn show(tenant: &Tenant, words: &str, args: &args::Missing, answer: &MissingAnswer, screen: &mut Screen) -> Result<(), Problem> {
    let now = screen.now();
    let reference = &answer.reference;
    let which = match args.reference {
        ReferenceArg::LatestComplete => "each type's last complete listing".to_owned(),
        _ => format!(
            "run {}, {}, {}",
            screen.run(reference.reference_run_id),
            reference.reference_status,
            ago(now, reference.reference_finished_at)
        ),
    };
    screen.heading(&format!("{}  {words}   reference: {which}", tenant.label()))?;
    coverage(&answer.coverage, screen)?;
    screen.line("")?;
    if !answer.items.is_empty() {
        items(&answer.items, screen)?;
        screen.line("")?;
    }
    let total = answer.high + answer.low;
    screen.line(verdict(answer, total, now))?;
    if answer.acknowledged > 0 && !args.acknowledged {
        screen.line(format!("  {} acknowledged and not shown: --acknowledged shows them", answer.acknowledged))?;
    }
    let unread: Vec<_> =
        answer.coverage.iter().filter(|row| matches!(row.outcome, ListingOutcome::Incomplete | ListingOutcome::NotStarted)).collect();
    if answer.low > 0 && args.reference == ReferenceArg::LatestCompleted && !unread.is_empty() {
        screen.line("  only what complete listings prove:   lastseen missing --reference latest-complete")?;
    }
    if let Some(cursor) = &answer.next_cursor {
        screen.line(format!("  more: the same command with --cursor {cursor}"))?;
    }
    Ok(())
}

/// Types that were listed completely and miss nothing share a line, unless everything is to be shown; each other type has
/// its own.
fn coverage(rows: &[Coverage], screen: &mut Screen) -> Result<(), Problem> {
    let quiet = |row: &&Coverage| row.outcome == ListingOutcome::Complete && row.items_unseen == 0 && !screen.is_wide();
    let whole = rows.iter().filter(quiet).count() as u64;
    let loud: Vec<_> = rows.iter().filter(|row| !quiet(row)).collect();
    let mut lines = Vec::new();
    for row in loud {
        let seen = count(row.items_observed, "item seen", "items seen");
        let why = match (row.outcome, row.error_code) {
            (ListingOutcome::Complete, _) => format!("complete     {seen}, {} not seen", grouped(row.items_unseen)),
            (outcome, Some(code)) => {
                let last = row
                    .latest_complete_at
                    .map_or("never listed completely".to_owned(), |time| format!("last listed completely {}", ago(screen.now(), time)));
                format!("{:12} {}; {last}", outcome.as_str(), advice::listing(code, &row.policy_type))
            }
            (outcome, None) => outcome.to_string(),
        };
        lines.push(format!("  {:38} {why}", row.policy_type.as_str()));
    }
    if whole > 0 {
        screen.line(format!("  {} listed completely, nothing unseen", count(whole, "type", "types")))?;
    }
    lines.iter().try_for_each(|line| screen.line(line))?;
    Ok(())
}

fn items(items: &[MissingItem], screen: &mut Screen) -> Result<(), Problem> {
    let now = screen.now();
    let mut table = screen.table(&["CONFIDENCE", "TYPE", "NAME", "LAST SEEN", "MISSING SINCE", "WHY NOT SURE", "ID"]);
    for item in items {
        table.line([
            item.confidence.to_string(),
            kind(item),
            item.display_name.clone().unwrap_or_else(|| "–".to_owned()),
            ago(now, item.last_seen_at),
            item.missing_since.map_or("–".to_owned(), |time| ago(now, time)),
            item.reasons.iter().map(|reason| reason.phrase()).collect::<Vec<_>>().join("; "),
            item.external_id.to_string(),
        ]);
    }
    Ok(screen.show(&table)?)
}

fn kind(item: &MissingItem) -> String {
    Registry::builtin().find(&item.policy_type).map_or_else(|| item.policy_type.to_string(), |(_, known)| known.name.clone())
}

/// The answer in a sentence. An empty list never stands alone: it says what was looked at.
fn verdict(answer: &MissingAnswer, total: u64, now: lastseen_model::Timestamp) -> String {
    let complete = answer.coverage.iter().filter(|row| row.outcome == ListingOutcome::Complete).count();
    let all = answer.coverage.len();
    let when = long_ago(now, answer.reference.reference_finished_at);
    match (total, complete == all) {
        (0, true) => format!("nothing is missing: {complete} of {all} types were listed completely ({when})"),
        (0, false) => format!(
            "nothing is known to be missing, but only {complete} of {all} types were listed completely ({when}): the others can't tell"
        ),
        _ => {
            let total = grouped(total);
            let sure = match (answer.high, answer.low) {
                (0, _) => "none with high confidence".to_owned(),
                (_, 0) => "all with high confidence".to_owned(),
                (high, low) => format!("{} with high confidence, {} with low", grouped(high), grouped(low)),
            };
            format!("{total} missing, {sure}")
        }
    }
}

async fn note(store: &dyn Store, tenant: &Tenant, command: &MissingCommand, screen: &mut Screen) -> Result<Exit, Problem> {
    let (policy_type, external_id) = match command {
        MissingCommand::Ack { policy_type, external_id, .. } | MissingCommand::Unack { policy_type, external_id } => {
            (policy_type, external_id)
        }
    };
    let unknown = || {
        Problem::failed(format!("{} has never shown a {policy_type} with the id `{external_id}`", tenant.label()))
            .next("see the ids with `lastseen missing --wide`; they are case-sensitive")
    };
    let done = match command {
        MissingCommand::Ack { note, author, .. } => {
            if note.chars().count() > 1_000 {
                return Err(Problem::usage("--note is longer than 1,000 characters"));
            }
            let author = author.clone().or_else(user_name).unwrap_or_else(|| "unknown".to_owned());
            let note = Acknowledgement {
                policy_type: policy_type.clone(),
                external_id: external_id.clone(),
                author: author.chars().take(200).collect(),
                note: note.clone(),
                acknowledged_at: None,
            };
            if !store.acknowledge(&tenant.scope, &note).await? {
                return Err(unknown());
            }
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
