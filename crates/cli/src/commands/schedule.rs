//! `lastseen schedule`: runs that come by themselves.

use std::time::Duration;

use lastseen_engine::cadence::{Cadence, CadenceError};
use lastseen_engine::new_schedule_id;
use lastseen_engine::schedule::{self, JITTER_MAX, ScheduleShown, jitter_of};
use lastseen_engine::status::{ScheduleState, schedule_state};
use lastseen_model::Timestamp;
use lastseen_model::suggest::nearest;
use lastseen_store::{NewSchedule, SCHEDULE_NAME_MAX_CHARS, ScheduleRecord, Store, TenantRecord};
use serde_json::json;

use crate::app::{App, selection};
use crate::args::{AddSchedule, ScheduleCommand};
use crate::commands::tenants_meant;
use crate::exit::Exit;
use crate::output::{Screen, length, selection_words, until};
use crate::problem::Problem;

/// What to do where no worker looks.
pub(crate) const NO_WORKER: &str = "no worker looks at the schedules; start one: lastseen serve";

pub(crate) async fn run(app: &App, command: &ScheduleCommand, screen: &mut Screen) -> Result<Exit, Problem> {
    match command {
        ScheduleCommand::Add(args) => add(app, args, screen).await,
        ScheduleCommand::List => list(app, screen).await,
        ScheduleCommand::Show { name } => show(app, name, screen).await,
        ScheduleCommand::Pause { name } => pause(app, name, true, screen).await,
        ScheduleCommand::Resume { name } => pause(app, name, false, screen).await,
        ScheduleCommand::Remove { name } => remove(app, name, screen).await,
    }
}

async fn add(app: &App, args: &AddSchedule, screen: &mut Screen) -> Result<Exit, Problem> {
    let tenants = tenants_meant(app, &args.tenants, args.all_tenants, "a schedule")?;
    if !schedule::is_name(&args.name) {
        return Err(Problem::usage(format!("`{}` is no name for a schedule", args.name))
            .next(format!("use letters, digits, `-`, `_` and `.`, at most {SCHEDULE_NAME_MAX_CHARS}")));
    }
    let cadence = Cadence::parse(&args.cron, &args.time_zone).map_err(|error| refused(&error))?;
    let jitter = args.jitter.unwrap_or_else(|| jitter_of(&tenants));
    if jitter > JITTER_MAX {
        return Err(Problem::usage("--jitter takes 0s to 24h"));
    }
    let schedule = NewSchedule {
        schedule_id: new_schedule_id(),
        name: args.name.clone(),
        cron: cadence.text().to_owned(),
        time_zone: cadence.zone().to_owned(),
        jitter_secs: u32::try_from(jitter.as_secs()).unwrap_or(u32::MAX),
        selection: selection(&args.selection)?,
        tenants,
    };
    let store = app.open().await?;
    let record = store.add_schedule(&schedule).await?;
    if screen.is_json() {
        screen.json(&record)?;
        return Ok(Exit::Success);
    }
    screen.heading(&format!("{}: added", record.name))?;
    facts(app, &*store, &record, screen).await?;
    let first = cadence.next_due(Duration::ZERO, screen.now());
    screen.line(format!("  first      {}, {}", until(screen.now(), first), local(&cadence, first)))?;
    screen.line("next: lastseen serve, unless a worker is there already; it keeps the schedules")?;
    Ok(Exit::Success)
}

fn refused(error: &CadenceError) -> Problem {
    let next = match error {
        CadenceError::NoSuchZone { .. } => "write an IANA name such as Europe/Berlin or America/New_York, or UTC",
        _ => {
            "write five fields such as \"0 */4 * * *\" (every four hours), or @hourly, @daily, @weekly; see `lastseen schedule add --help`"
        }
    };
    Problem::usage(error.to_string()).next(next)
}

/// What a schedule is, a line each.
async fn facts(app: &App, store: &dyn Store, schedule: &ScheduleRecord, screen: &mut Screen) -> Result<(), Problem> {
    let tenants = app.tenants_words(&schedule.tenants, &store.tenants().await?);
    screen.line(format!("  when       {} in the time zone {}", schedule.cron, schedule.time_zone))?;
    screen.line(format!("  tenants    {tenants}"))?;
    screen.line(format!("  selection  {}", selection_words(&schedule.selection_payload)))?;
    let jitter = match schedule.jitter_secs {
        0 => "none: each tenant at the time itself".to_owned(),
        seconds => format!("{}: each tenant up to so much later, always by the same", length(Duration::from_secs(seconds.into()))),
    };
    Ok(screen.line(format!("  jitter     {jitter}"))?)
}

fn local(cadence: &Cadence, time: Timestamp) -> String {
    cadence.local(time).strftime("%-d %B %Y %H:%M %Z").to_string()
}

async fn list(app: &App, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let schedules = store.schedules().await?;
    if screen.is_json() {
        screen.json(&json!({ "schedules": schedules }))?;
        return Ok(Exit::Success);
    }
    if schedules.is_empty() {
        screen.line("there is no schedule: runs come only when somebody asks for them")?;
        screen.line("next: lastseen schedule add everything --cron \"0 */4 * * *\" --all-tenants")?;
        return Ok(Exit::Success);
    }
    // Whether one is late is judged by the clock that it is kept by.
    let now = store.about().await?.now;
    let known = store.tenants().await?;
    let mut table = screen.table(&["SCHEDULE", "NEXT", "WHEN", "TIME ZONE", "TENANTS", "SELECTION"]);
    for schedule in &schedules {
        table.line([
            schedule.name.clone(),
            next_words(schedule, &known, now),
            schedule.cron.clone(),
            schedule.time_zone.clone(),
            app.tenants_words(&schedule.tenants, &known),
            selection_words(&schedule.selection_payload),
        ]);
    }
    screen.show(&table)?;
    if schedules.iter().any(|schedule| schedule_state(schedule, &known, now) == ScheduleState::Late) {
        screen.line("")?;
        screen.line(NO_WORKER)?;
    }
    Ok(Exit::Success)
}

/// When a schedule's next tenant is due, in a few words.
pub(crate) fn next_words(schedule: &ScheduleRecord, tenants: &[TenantRecord], now: Timestamp) -> String {
    match (schedule_state(schedule, tenants, now), schedule.next_due_at) {
        (ScheduleState::Paused, _) => "paused".to_owned(),
        (ScheduleState::Late, Some(due)) => format!("late: due {}", crate::output::ago(now, due)),
        (_, Some(due)) => until(now, due),
        (ScheduleState::Late, None) => "late: never looked at".to_owned(),
        (_, None) => "not looked at yet".to_owned(),
    }
}

async fn show(app: &App, name: &str, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let schedule = find(&*store, name).await?;
    let now = store.about().await?.now;
    let known = store.tenants().await?;
    let shown = ScheduleShown::at(schedule, now);
    if screen.is_json() {
        screen.json(&shown)?;
        return Ok(Exit::Success);
    }
    let ScheduleShown { schedule, next_times } = shown;
    screen.heading(&format!("{}: {}", schedule.name, next_words(&schedule, &known, now)))?;
    facts(app, &*store, &schedule, screen).await?;
    match &schedule::cadence(&schedule) {
        Ok(_) if schedule.paused_at.is_some() => screen.line("next: lastseen schedule resume <NAME>".replace("<NAME>", &schedule.name))?,
        Ok(cadence) => {
            for (place, time) in next_times.iter().enumerate() {
                let head = if place == 0 { "next times" } else { "" };
                screen.line(format!("  {head:10} {:32} {}", local(cadence, *time), until(now, *time)))?;
            }
        }
        Err(error) => screen.line(format!("  this program can't read it: {error}; a newer one may"))?,
    }
    match schedule_state(&schedule, &known, now) {
        ScheduleState::Late => screen.line(NO_WORKER)?,
        ScheduleState::NotReckoned => screen.line("a worker looks at it within seconds, if one runs: lastseen serve")?,
        ScheduleState::OnTime | ScheduleState::Paused => {}
    }
    Ok(Exit::Success)
}

async fn pause(app: &App, name: &str, paused: bool, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let before = find(&*store, name).await?;
    let schedule = store.pause_schedule(before.schedule_id, paused).await?.ok_or_else(|| unknown(name, &[]))?;
    if screen.is_json() {
        screen.json(&schedule)?;
        return Ok(Exit::Success);
    }
    let said = match (paused, before.paused_at.is_some() == paused) {
        (true, true) => "it rested already",
        (true, false) => "paused: it asks for no run until it is resumed",
        (false, true) => "it was not paused",
        (false, false) => "resumed: it goes on from its next time",
    };
    screen.line(format!("{}: {said}", schedule.name))?;
    Ok(Exit::Success)
}

async fn remove(app: &App, name: &str, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let schedule = find(&*store, name).await?;
    if !store.remove_schedule(schedule.schedule_id).await? {
        return Err(unknown(name, &[]));
    }
    if screen.is_json() {
        screen.json(&schedule)?;
        return Ok(Exit::Success);
    }
    screen.line(format!("{}: removed; the runs that it asked for stay", schedule.name))?;
    Ok(Exit::Success)
}

async fn find(store: &dyn Store, name: &str) -> Result<ScheduleRecord, Problem> {
    let schedules = store.schedules().await?;
    let found = schedules.iter().find(|schedule| schedule.name == name).cloned();
    found.ok_or_else(|| unknown(name, &schedules))
}

fn unknown(name: &str, known: &[ScheduleRecord]) -> Problem {
    let meant = nearest(name, known.iter().map(|schedule| schedule.name.as_str()));
    let meant = meant.map(|name| format!("; is {name} meant?")).unwrap_or_default();
    Problem::failed(format!("there is no schedule `{name}`{meant}")).next("see them with `lastseen schedule list`")
}
