//! `lastseen runs`, `runs show` and `runs cancel`.

use lastseen_model::ListingOutcome;
use lastseen_store::{ListingRecord, RunDetail, RunLookup, RunQuery, RunRecord, Store};
use serde_json::json;

use crate::advice;
use crate::app::{App, Tenant};
use crate::args::{Runs, RunsCommand};
use crate::commands::cancel;
use crate::exit::Exit;
use crate::output::{Screen, ago, count, exact, grouped, seconds, selection_words};
use crate::problem::Problem;

pub(crate) async fn run(app: &App, args: &Runs, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    match &args.command {
        Some(RunsCommand::Show { id }) => return show(&tenant, &find(&*store, &tenant, id).await?, screen),
        Some(RunsCommand::Cancel { id }) => return cancel::run(&*store, &tenant, id, screen).await,
        None => {}
    }
    let query = RunQuery { selection: args.selection, status: args.status, before: None, limit: args.limit };
    let runs = store.runs(&tenant.scope, &query).await?;
    if screen.is_json() {
        screen.json(&json!({ "tenant_id": tenant.scope.tenant(), "runs": runs }))?;
        return Ok(Exit::Success);
    }
    if runs.is_empty() {
        screen.line(format!("{}: no run to show", tenant.label()))?;
        return Ok(Exit::Success);
    }
    let mut table = screen.table(&["RUN", "WHEN", "STATUS", "SELECTION", "SEEN", "NEW", "CHANGED", "UNSEEN", "ERRORS"]);
    for run in &runs {
        table.line([
            screen.run(run.run_id),
            ago(screen.now(), run.created_at),
            run.status.to_string(),
            selection_words(&run.selection_payload),
            grouped(run.counts.items_observed),
            grouped(run.counts.items_created),
            grouped(run.counts.items_changed),
            grouped(run.counts.items_unseen),
            run.error_codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        ]);
    }
    screen.show(&table)?;
    Ok(Exit::Success)
}

/// The run that a part of an id stands for.
pub(crate) async fn find(store: &dyn Store, tenant: &Tenant, id: &str) -> Result<RunDetail, Problem> {
    match store.find_run(&tenant.scope, &id.to_lowercase()).await? {
        RunLookup::One(detail) => Ok(*detail),
        RunLookup::None => Err(Problem::failed(format!("{} has no run `{id}`", tenant.label())).next("see them with `lastseen runs`")),
        RunLookup::Several(many) => Err(Problem::usage(format!("`{id}` fits {}", count(many, "run", "runs")))
            .next("write more of the id; `lastseen runs --wide` shows them whole")),
    }
}

fn show(tenant: &Tenant, detail: &RunDetail, screen: &mut Screen) -> Result<Exit, Problem> {
    if screen.is_json() {
        screen.json(detail)?;
        return Ok(Exit::Success);
    }
    let run = &detail.record;
    screen.heading(&format!("{}  {}  run {}", tenant.label(), selection_words(&run.selection_payload), run.run_id))?;
    screen.line(headline(run))?;
    screen.line(format!("  asked for  {}, {}", exact(run.created_at), run.trigger.as_str()))?;
    if let Some(worker) = &run.worker {
        screen.line(format!("  worker     {worker}"))?;
    }
    screen.line(format!("  selection  {}", run.selection_hash))?;
    screen.line(format!("  requests   correlation {}", run.correlation_id))?;
    let traffic = run.counts.traffic;
    screen.line(format!(
        "             {}, {}, {} throttled, {}",
        count(traffic.requests, "request", "requests"),
        count(traffic.retries, "retry", "retries"),
        traffic.throttled,
        count(traffic.bytes_received, "byte", "bytes")
    ))?;
    if !detail.listings.is_empty() {
        screen.line("")?;
        let mut table = screen.table(&["TYPE", "LISTING", "SEEN", "NEW", "CHANGED", "UNSEEN", "PAGES", "WHY"]);
        for listing in &detail.listings {
            table.line(listing_line(listing));
        }
        screen.show(&table)?;
    }
    for error in &detail.errors {
        let about = error.context.policy_type.as_ref().map(|known| format!(" ({known})")).unwrap_or_default();
        screen.line(format!("error {}{about}: {}", error.code, error.code.meaning()))?;
    }
    let kept = detail.errors.len() as u64;
    if run.counts.errors > kept {
        screen.line(format!("and {} more", count(run.counts.errors - kept, "error", "errors")))?;
    }
    Ok(Exit::Success)
}

fn listing_line(listing: &ListingRecord) -> [String; 8] {
    [
        listing.policy_type.to_string(),
        listing.outcome.map_or("open".to_owned(), |outcome| outcome.to_string()),
        grouped(listing.observed),
        grouped(listing.created),
        grouped(listing.changed),
        grouped(listing.unseen),
        listing.pages.to_string(),
        listing.error_code.map(|code| advice::listing(code, &listing.policy_type)).unwrap_or_default(),
    ]
}

/// `partial in 6.2 s: 1,893 items seen, 4 new, 11 changed, 2 unseen`.
pub(crate) fn headline(run: &RunRecord) -> String {
    let took = match (run.started_at, run.finished_at) {
        (Some(started), Some(finished)) => {
            let length = finished.duration_since(started);
            format!(" in {}", seconds(length.try_into().unwrap_or_default()))
        }
        _ => String::new(),
    };
    let counts = &run.counts;
    if run.status.is_completed() {
        format!(
            "{}{took}: {} seen, {} new, {} changed, {} unseen",
            run.status,
            count(counts.items_observed, "item", "items"),
            grouped(counts.items_created),
            grouped(counts.items_changed),
            grouped(counts.items_unseen)
        )
    } else {
        let codes: Vec<&str> = run.error_codes.iter().map(|code| code.meaning()).collect();
        if codes.is_empty() { run.status.to_string() } else { format!("{}: {}", run.status, codes.join("; ")) }
    }
}

/// How many of a run's types could not be read, and were not available.
pub(crate) fn unread(detail: &RunDetail) -> (usize, usize) {
    let with = |wanted: &[ListingOutcome]| {
        detail.listings.iter().filter(|listing| listing.outcome.is_some_and(|outcome| wanted.contains(&outcome))).count()
    };
    (with(&[ListingOutcome::Incomplete, ListingOutcome::NotStarted]), with(&[ListingOutcome::Unavailable]))
}
