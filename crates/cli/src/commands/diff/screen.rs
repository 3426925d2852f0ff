//! The difference, for people: the answer, what can't be told and why, then a line a change.

use lastseen_model::{ChangeKind, Confidence, PolicyType};
use lastseen_store::{DiffAnswer, DiffCounts, DiffItem, DiffListing, DiffRun, DiffSide, RunDetail};

use crate::advice;
use crate::app::Tenant;
use crate::args;
use crate::output::{Screen, ago, grouped, selection_words};
use crate::problem::Problem;

/// The two runs with their listings, for what the answer does not say: why one is not complete.
pub(super) struct Runs<'a> {
    pub(super) older: &'a RunDetail,
    pub(super) newer: &'a RunDetail,
}

pub(super) fn show(tenant: &Tenant, args: &args::Diff, answer: &DiffAnswer, runs: &Runs<'_>, screen: &mut Screen) -> Result<(), Problem> {
    screen.heading(&format!("{}  {}", tenant.label(), selection_words(&runs.newer.record.selection_payload)))?;
    for (name, run) in [("older", &answer.older), ("newer", &answer.newer)] {
        screen.line(format!("  {name}  {}", about(run, screen)))?;
    }
    screen.line("")?;
    screen.line(headline(&answer.counts, &answer.listings))?;
    for line in answer.listings.iter().flat_map(|listing| doubts(listing, runs)) {
        screen.line(format!("  {line}"))?;
    }
    if answer.counts.changed_since > 0 {
        screen.line(format!(
            "  {} changed after the newer run saw them: whether between the two as well is not kept",
            grouped(answer.counts.changed_since)
        ))?;
    }
    if !answer.changes.is_empty() {
        screen.line("")?;
        changes(&answer.changes, screen)?;
    } else if filtered(args) {
        screen.line("  none of them fits what was asked for")?;
    }
    if uncertain(&answer.counts) > 0 && !args.all && args.confidence.is_none() {
        screen.line("")?;
        screen.line("what is not certain, one by one: the same command with --all")?;
    }
    if let Some(cursor) = &answer.next_cursor {
        screen.line(format!("more: the same command with --cursor {cursor}"))?;
    }
    Ok(())
}

fn filtered(args: &args::Diff) -> bool {
    !args.kinds.is_empty() || !args.types.is_empty() || args.confidence.is_some()
}

fn about(run: &DiffRun, screen: &Screen) -> String {
    format!("run {}, {}, {}", screen.run(run.run_id), run.status, ago(screen.now(), run.finished_at))
}

fn uncertain(counts: &DiffCounts) -> u64 {
    counts.appeared_low + counts.gone_low + counts.reappeared_low
}

/// `3 appeared, 1 gone (certain), 2 reappeared, 11 changed`, and how many can't be told.
fn headline(counts: &DiffCounts, listings: &[DiffListing]) -> String {
    let DiffCounts { appeared, gone, reappeared, changed, .. } = *counts;
    let compared = listings.iter().filter(|listing| listing.older.is_there() && listing.newer.is_there()).count();
    let whole = listings.iter().filter(|listing| listing.older == DiffSide::Complete && listing.newer == DiffSide::Complete).count();
    let open = match uncertain(counts) {
        0 => String::new(),
        number => format!("; {} more can't be told for certain", grouped(number)),
    };
    if appeared + gone + reappeared + changed == 0 {
        let from = if whole == listings.len() {
            format!("{} of {} types were listed completely by both", grouped(whole as u64), grouped(listings.len() as u64))
        } else {
            format!("only {} of {} types were listed completely by both", grouped(whole as u64), grouped(listings.len() as u64))
        };
        let verdict = if compared == 0 { "nothing can be compared" } else { "nothing is known to have changed" };
        let verdict = if whole == listings.len() && uncertain(counts) == 0 { "nothing changed" } else { verdict };
        return format!("{verdict}: {from}{open}");
    }
    let certain = if gone > 0 { " (certain)" } else { "" };
    format!(
        "{} appeared, {} gone{certain}, {} reappeared, {} changed{open}",
        grouped(appeared),
        grouped(gone),
        grouped(reappeared),
        grouped(changed)
    )
}

/// What a type can't tell, and why.
fn doubts(listing: &DiffListing, runs: &Runs<'_>) -> Vec<String> {
    let name = &listing.policy_type;
    for (side, run) in [(listing.older, "older"), (listing.newer, "newer")] {
        match side {
            DiffSide::Dropped => return vec![format!("{name}: nothing can be told: the listing of the {run} run is no longer kept")],
            DiffSide::NotInScope => return vec![format!("{name}: nothing can be told: the {run} run did not cover it")],
            _ => {}
        }
    }
    let counts = &listing.counts;
    let mut doubts = Vec::new();
    if counts.gone_low > 0 {
        let why = why(name, listing.newer, runs.newer, "newer");
        doubts.push(format!("{name}: {} can't be told to be gone: {why}", grouped(counts.gone_low)));
    }
    let new = counts.appeared_low + counts.reappeared_low;
    if new > 0 {
        let why = why(name, listing.older, runs.older, "older");
        doubts.push(format!("{name}: {} may have been there before: {why}", grouped(new)));
    }
    doubts
}

/// Why a run's listing proves nothing.
fn why(name: &PolicyType, side: DiffSide, run: &RunDetail, which: &str) -> String {
    let listing = run.listings.iter().find(|listing| listing.policy_type == *name);
    match (side, listing.and_then(|listing| listing.error_code)) {
        (DiffSide::Complete, _) => "--all says why, one by one".to_owned(),
        (_, Some(code)) => format!("{} in the {which} run", advice::word(Some(code))),
        (_, None) => format!("{} in the {which} run", advice::word(None)),
    }
}

fn changes(items: &[DiffItem], screen: &mut Screen) -> Result<(), Problem> {
    let now = screen.now();
    let doubted = items.iter().any(|item| item.confidence == Confidence::Low);
    let mut headings = vec!["CHANGE", "TYPE", "NAME", "ID", "WHEN"];
    if doubted {
        headings.extend(["CONFIDENCE", "WHY NOT SURE"]);
    }
    let mut table = screen.table(&headings);
    for item in items {
        let when = match item.change {
            ChangeKind::Appeared => format!("first seen {}", ago(now, item.first_seen_at)),
            ChangeKind::Changed => ago(now, item.changed_at),
            ChangeKind::Gone | ChangeKind::Reappeared => format!("last seen {}", ago(now, item.last_seen_at)),
        };
        let mut line = vec![
            item.change.to_string(),
            item.policy_type.to_string(),
            item.display_name.clone().unwrap_or_else(|| "–".to_owned()),
            screen.id(item.external_id.as_str()),
            when,
        ];
        if doubted {
            line.push(item.confidence.to_string());
            line.push(item.reasons.iter().map(|reason| reason.phrase()).collect::<Vec<_>>().join("; "));
        }
        table.line(line);
    }
    Ok(screen.show(&table)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(older: DiffSide, newer: DiffSide, counts: DiffCounts) -> DiffListing {
        DiffListing { policy_type: "deviceConfiguration".parse().expect("a key"), older, newer, counts }
    }

    #[test]
    fn the_answer_comes_first_and_an_empty_one_says_what_it_stands_on() {
        use DiffSide::{Complete, Dropped, Incomplete};
        let none = DiffCounts::default();
        let some = DiffCounts { appeared: 3, gone: 1, reappeared: 2, changed: 11, gone_low: 312, ..none };
        let whole = [listing(Complete, Complete, none)];
        assert_eq!(headline(&some, &whole), "3 appeared, 1 gone (certain), 2 reappeared, 11 changed; 312 more can't be told for certain");
        assert_eq!(headline(&none, &whole), "nothing changed: 1 of 1 types were listed completely by both");
        assert_eq!(
            headline(&none, &[listing(Complete, Incomplete, none)]),
            "nothing is known to have changed: only 0 of 1 types were listed completely by both"
        );
        assert_eq!(
            headline(&none, &[listing(Complete, Dropped, none)]),
            "nothing can be compared: only 0 of 1 types were listed completely by both"
        );
    }
}
