//! `lastseen explain`: the evidence on one item.

use lastseen_contracts::Registry;
use lastseen_model::{ExternalId, ListingOutcome, PolicyType, Selection};
use lastseen_store::{Explanation, ItemQuery, SightingRow, StandingRow, Store};

use crate::advice;
use crate::app::{App, Tenant};
use crate::args;
use crate::commands::missing::successor;
use crate::exit::Exit;
use crate::output::{Screen, ago, count, exact, selection_words};
use crate::problem::Problem;

pub(crate) async fn run(app: &App, args: &args::Explain, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    let explanation = find(&*store, &tenant, &args.policy_type, &args.external_id).await?;
    if screen.is_json() {
        screen.json(&explanation)?;
    } else {
        show(&tenant, &explanation, screen)?;
    }
    Ok(Exit::Success)
}

/// The item with this id, or the only one of its type whose id begins so.
pub(crate) async fn find(store: &dyn Store, tenant: &Tenant, policy_type: &PolicyType, id: &ExternalId) -> Result<Explanation, Problem> {
    if let Some(explanation) = store.explain(&tenant.scope, policy_type, id).await? {
        return Ok(explanation);
    }
    let alike = ItemQuery { types: vec![policy_type.clone()], search: Some(id.to_string()), limit: 10_000, ..ItemQuery::default() };
    let alike = store.items(&tenant.scope, &alike).await?.items;
    let mut fitting = alike.into_iter().filter(|item| item.external_id.as_str().starts_with(id.as_str()));
    match (fitting.next(), fitting.count() as u64) {
        (Some(only), 0) => {
            let found = store.explain(&tenant.scope, policy_type, &only.external_id).await?;
            found.ok_or_else(|| Problem::failed("the item went while it was looked up"))
        }
        (Some(_), more) => Err(Problem::usage(format!("`{id}` fits {}", count(more + 1, "item", "items"))).next("write more of the id")),
        (None, _) => {
            // A type that the registry does not have is more likely misspelt than new.
            Selection::from_names(&Registry::builtin().vocabulary(), [], [policy_type.as_str()])?;
            Err(Problem::failed(format!("{} has never shown a {policy_type} with the id `{id}`", tenant.label()))
                .next("find it with `lastseen items --search <text>`; ids are case-sensitive"))
        }
    }
}

fn show(tenant: &Tenant, explanation: &Explanation, screen: &mut Screen) -> Result<(), Problem> {
    let (item, now) = (&explanation.item, screen.now());
    let name = item.display_name.as_deref().unwrap_or("(no name)");
    screen.heading(&format!("{name}  {}  {}", item.policy_type, tenant.label()))?;
    screen.line(format!("  first seen  {} by run {}", exact(item.first_seen_at), screen.run(item.first_seen_run_id)))?;
    screen.line(format!("  last seen   {} by run {}", ago(now, item.last_seen_at), screen.run(item.last_seen_run_id)))?;
    let changed = if item.changed_at == item.first_seen_at { "never since".to_owned() } else { ago(now, item.changed_at) };
    screen.line(format!("  changed     {changed}"))?;
    screen.line("")?;
    let mut table = screen.table(&["RUN", "WHEN", "RUN STATUS", "SELECTION", "LISTING", "SEEN", ""]);
    for row in &explanation.listings {
        let selection = explanation.standing.iter().find(|standing| standing.selection_hash == row.selection_hash);
        table.line([
            screen.run(row.run_id),
            ago(now, row.started_at),
            row.run_status.to_string(),
            selection
                .map_or_else(|| row.selection_hash.to_string()[..12].to_owned(), |standing| selection_words(&standing.selection_payload)),
            listing(row),
            seen(row).to_owned(),
            if row.is_reference { "← reference" } else { "" }.to_owned(),
        ]);
    }
    screen.show(&table)?;
    screen.line("")?;
    for standing in &explanation.standing {
        verdict(standing, screen)?;
    }
    if let Some(note) = &explanation.acknowledgement {
        let when = note.acknowledged_at.map(|time| ago(now, time)).unwrap_or_default();
        screen.line(format!("acknowledged by {} {when}: {}", note.author, note.note))?;
    }
    Ok(())
}

fn listing(row: &SightingRow) -> String {
    match (row.outcome, row.error_code) {
        (None, _) => "open".to_owned(),
        (Some(ListingOutcome::Complete), _) => "complete".to_owned(),
        (Some(outcome), Some(code)) if row.pages > 0 => format!("{outcome}: {} after page {}", advice::word(Some(code)), row.pages),
        (Some(outcome), Some(code)) => format!("{outcome}: {}", advice::word(Some(code))),
        (Some(outcome), None) => outcome.to_string(),
    }
}

fn seen(row: &SightingRow) -> &'static str {
    match row.seen {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    }
}

fn verdict(standing: &StandingRow, screen: &mut Screen) -> Result<(), Problem> {
    let selection = selection_words(&standing.selection_payload);
    let Some(missing) = &standing.missing else {
        return Ok(screen.line(format!("not missing for {selection}"))?);
    };
    if missing.reasons.is_empty() {
        let since = missing.missing_since.map(|time| format!(", since {}", exact(time))).unwrap_or_default();
        screen.line(format!("missing for {selection}, high confidence{since}: a complete listing of a clean run did not see it"))?;
    } else {
        let reasons: Vec<_> = missing.reasons.iter().map(|reason| reason.phrase()).collect();
        screen.line(format!("missing for {selection}, low confidence: {}.", reasons.join("; ")))?;
        if missing.reasons.iter().any(|reason| reason.is_about_the_run()) || missing.listing_outcome != ListingOutcome::Complete {
            screen.line("  Another complete, clean run that does not see it makes it high.")?;
        }
    }
    for other in &missing.possible_successors {
        let hint = successor(other, screen, &exact(other.first_seen_at));
        screen.line(format!("  {hint}"))?;
    }
    Ok(())
}
