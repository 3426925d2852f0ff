//! The screen: the answer first, then what needs somebody, then what goes on by itself.

use lastseen_engine::status::{FleetStatus, Health, Live, ScheduleState, SelectionStatus, StatusCounts};
use lastseen_store::{RunDetail, RunRecord, Store};

use super::{Shown, failing};
use crate::app::App;
use crate::commands::schedule::{NO_WORKER, next_words};
use crate::output::{Screen, ago, count, grouped, selection_words};
use crate::problem::Problem;

/// How many lines of a section there are at most, unless everything is to be shown.
const LINES: usize = 10;

pub(super) async fn draw(app: &App, store: &dyn Store, shown: &Shown, screen: &mut Screen) -> Result<(), Problem> {
    let status = &shown.status;
    screen.heading(&answer(&status.counts))?;
    let with = |wanted: Health| status.selections.iter().filter(|selection| selection.health == wanted).collect::<Vec<_>>();
    let live = |wanted: Live| status.selections.iter().filter(|selection| selection.live == Some(wanted)).collect::<Vec<_>>();
    let failed = with(Health::Failing);
    section("failing", &failed, screen)?;
    for selection in few(&failed, screen) {
        let tenant = app.tenant_of(selection.tenant.tenant_id, &shown.tenants);
        failing::show(store, &tenant, selection, status.now, screen).await?;
    }
    more(&failed, screen)?;
    lines("stale", &with(Health::Stale), screen, |selection, _| {
        format!("{}   last success {}{}", named(selection), success(selection, status), asked_since(selection, status))
    })?;
    lines("never completed", &with(Health::Never), screen, |selection, _| {
        format!("{}   asked for {}{}", named(selection), ago(status.now, selection.runs.newest.created_at), asked_since(selection, status))
    })?;
    let unsynced = status.tenants_without_runs.iter().collect::<Vec<_>>();
    lines("never synced", &unsynced, screen, |tenant, _| {
        let name = tenant.tenant_name.as_ref().map(|name| format!("{name}   ")).unwrap_or_default();
        format!("{name}lastseen sync --tenant {}", tenant.tenant_id)
    })?;
    let running = live(Live::Running);
    section("running", &running, screen)?;
    for selection in few(&running, screen) {
        let tenant = app.tenant_of(selection.tenant.tenant_id, &shown.tenants);
        let Some(run) = &selection.runs.live_run else { continue };
        let detail = store.run(&tenant.scope, run.run_id).await?;
        screen.line(format!("  {}   {}", named(selection), progress(run, detail.as_ref(), status, screen)))?;
    }
    more(&running, screen)?;
    lines("waiting", &live(Live::Waiting), screen, |selection, screen| {
        let run = selection.runs.live_run.as_ref().unwrap_or(&selection.runs.newest);
        format!("{}   asked for {}   run {}", named(selection), ago(status.now, run.created_at), screen.run(run.run_id))
    })?;
    schedules(shown, screen)?;
    Ok(())
}

/// `42 of 45 selections are fresh; 1 is stale, 2 are failing; 1 run is running, none waits`.
fn answer(counts: &StatusCounts) -> String {
    if counts.selections == 0 {
        return "nothing was synced yet; next: lastseen sync --tenant <GUID>".to_owned();
    }
    let fresh = if counts.fresh == counts.selections {
        match counts.selections {
            1 => "the one selection is fresh".to_owned(),
            all => format!("all {} selections are fresh", grouped(all)),
        }
    } else {
        format!("{} of {} fresh", grouped(counts.fresh), count(counts.selections, "selection is", "selections are"))
    };
    let bad: Vec<String> = [(counts.failing, "failing"), (counts.stale, "stale"), (counts.never, "never completed")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", grouped(number)))
        .chain((counts.tenants_without_runs > 0).then(|| count(counts.tenants_without_runs, "tenant never synced", "tenants never synced")))
        .collect();
    let live = match (counts.running, counts.waiting) {
        (0, 0) => "nothing runs".to_owned(),
        (running, 0) => format!("{} running", grouped(running)),
        (running, waiting) => format!("{} running, {} waiting", grouped(running), grouped(waiting)),
    };
    [fresh, bad.join(", "), live].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// A tenant and what is synced of it.
pub(super) fn named(selection: &SelectionStatus) -> String {
    let tenant = selection.tenant.tenant_name.clone().unwrap_or_else(|| selection.tenant.tenant_id.to_string());
    format!("{tenant}   {}", selection_words(&selection.runs.newest.selection_payload))
}

/// When it last succeeded.
fn success(selection: &SelectionStatus, status: &FleetStatus) -> String {
    selection.runs.latest_success_at.map_or("never".to_owned(), |time| ago(status.now, time))
}

/// Why the newest run came to nothing, where it was never claimed.
fn asked_since(selection: &SelectionStatus, status: &FleetStatus) -> String {
    let run = &selection.runs.newest;
    let codes: Vec<&str> = run.error_codes.iter().map(|code| code.as_str()).collect();
    if run.status == lastseen_model::RunStatus::Skipped {
        format!("   skipped {} ({})", ago(status.now, run.created_at), codes.join(", "))
    } else {
        String::new()
    }
}

/// How far a run has come.
fn progress(run: &RunRecord, detail: Option<&RunDetail>, status: &FleetStatus, screen: &Screen) -> String {
    let since = run.started_at.map_or_else(String::new, |time| format!("begun {}   ", ago(status.now, time)));
    let so_far = detail.map_or_else(String::new, |detail| {
        let (done, all) = (detail.listings.iter().filter(|listing| listing.outcome.is_some()).count(), detail.listings.len());
        let pages: u64 = detail.listings.iter().map(|listing| u64::from(listing.pages)).sum();
        let items: u64 = detail.listings.iter().map(|listing| listing.observed).sum();
        format!(
            "{done} of {} listed, {}, {} so far   ",
            count(all as u64, "type", "types"),
            count(items, "item", "items"),
            count(pages, "page", "pages")
        )
    });
    format!("{so_far}{since}run {}", screen.run(run.run_id))
}

fn schedules(shown: &Shown, screen: &mut Screen) -> Result<(), Problem> {
    let now = shown.status.now;
    let all: Vec<_> = shown.status.schedules.iter().collect();
    lines("schedules", &all, screen, |schedule, _| {
        let record = shown.schedules.iter().find(|record| record.schedule_id == schedule.schedule_id);
        record.map_or_else(
            || schedule.name.clone(),
            |record| format!("{}   next {}   {} ({})", record.name, next_words(record, &shown.tenants, now), record.cron, record.time_zone),
        )
    })?;
    if all.iter().any(|schedule| schedule.state == ScheduleState::Late) {
        screen.line(format!("  {NO_WORKER}"))?;
    }
    Ok(())
}

/// A heading with how many there are, where there are any.
fn section<T>(title: &str, all: &[T], screen: &mut Screen) -> Result<(), Problem> {
    if !all.is_empty() {
        screen.line("")?;
        screen.heading(&format!("{title} ({})", grouped(all.len() as u64)))?;
    }
    Ok(())
}

/// The first of them, as many as a section shows.
fn few<'a, T>(all: &'a [T], screen: &Screen) -> &'a [T] {
    if screen.is_wide() { all } else { &all[..all.len().min(LINES)] }
}

/// How many are not shown.
fn more<T>(all: &[T], screen: &mut Screen) -> Result<(), Problem> {
    let left = all.len() - few(all, screen).len();
    if left > 0 {
        screen.line(format!("  and {} more; --wide shows them all", grouped(left as u64)))?;
    }
    Ok(())
}

/// A section of one line each.
fn lines<T>(title: &str, all: &[T], screen: &mut Screen, line: impl Fn(&T, &Screen) -> String) -> Result<(), Problem> {
    section(title, all, screen)?;
    for one in few(all, screen) {
        let line = line(one, screen);
        screen.line(format!("  {line}"))?;
    }
    more(all, screen)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(StatusCounts::default(), "nothing was synced yet; next: lastseen sync --tenant <GUID>")]
    #[case(StatusCounts { selections: 1, fresh: 1, ..StatusCounts::default() }, "the one selection is fresh; nothing runs")]
    #[case(StatusCounts { selections: 45, fresh: 45, running: 2, ..StatusCounts::default() }, "all 45 selections are fresh; 2 running")]
    #[case(
        StatusCounts { selections: 45, fresh: 42, stale: 1, failing: 2, waiting: 3, ..StatusCounts::default() },
        "42 of 45 selections are fresh; 2 failing, 1 stale; 0 running, 3 waiting"
    )]
    #[case(
        StatusCounts { selections: 1, fresh: 1, tenants_without_runs: 1, ..StatusCounts::default() },
        "the one selection is fresh; 1 tenant never synced; nothing runs"
    )]
    fn the_answer_comes_first_in_a_sentence(#[case] counts: StatusCounts, #[case] said: &str) {
        assert_eq!(answer(&counts), said);
    }
}
