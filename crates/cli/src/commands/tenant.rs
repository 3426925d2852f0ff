//! `lastseen tenant`: which tenants there are, and how each is reached.

use std::fmt::Display;
use std::str::FromStr;

use lastseen_model::TenantId;
use lastseen_store::{Change, SelectionRecord, TenantChange, TenantRecord};
use serde_json::{Value, json};

use crate::app::{App, Tenant, active, name_of};
use crate::args::{AddTenant, TenantCommand, Unset};
use crate::exit::Exit;
use crate::output::{Screen, ago, count, exact, selection_words};
use crate::problem::Problem;

/// The longest name of a tenant, in characters.
const NAME_MAX_CHARS: usize = 200;

pub(crate) async fn run(app: &App, command: &TenantCommand, screen: &mut Screen) -> Result<Exit, Problem> {
    match command {
        TenantCommand::Add(args) => add(app, args, screen).await,
        TenantCommand::List { all } => list(app, *all, screen).await,
        TenantCommand::Show { guid } => show(app, *guid, screen).await,
        TenantCommand::Remove { guid } => remove(app, *guid, screen).await,
        TenantCommand::Purge { guid, confirm } => super::purge::run(app, *guid, confirm.as_deref(), screen).await,
    }
}

async fn add(app: &App, args: &AddTenant, screen: &mut Screen) -> Result<Exit, Problem> {
    same_tenant(app, args.guid)?;
    let change = change(args)?;
    let store = app.open().await?;
    let tenant = app.tenant_of(args.guid, &[]);
    let before = store.tenant(&tenant.scope).await?;
    let record = store.set_tenant(&tenant.scope, &change).await?;
    if screen.is_json() {
        screen.json(&document(app, &record))?;
        return Ok(Exit::Success);
    }
    let did = match &before {
        None => "added",
        Some(before) if before.is_removed() => "brought back",
        Some(before) if *before == record => "as it was",
        Some(_) => "changed",
    };
    screen.heading(&format!("{}: {did}", label(app, &record)))?;
    facts(app, &record, screen)?;
    if before.is_none_or(|before| before.is_removed() || before != record) {
        screen.line(format!("next: lastseen doctor --tenant {}", record.tenant_id))?;
    }
    Ok(Exit::Success)
}

/// What the flags change.
fn change(args: &AddTenant) -> Result<TenantChange, Problem> {
    let name = args.name.as_deref().map(|name| valid_name(name.trim())).transpose()?;
    Ok(TenantChange {
        name: of("--name", name, args, Unset::Name)?,
        cloud: of("--cloud", args.cloud, args, Unset::Cloud)?,
        client_id: of("--client-id", read("--client-id", args.client_id.as_deref())?, args, Unset::ClientId)?,
        credential: of("--credential", read("--credential", args.credential.as_deref())?, args, Unset::Credential)?,
        runs_at_once: of("--runs-at-once", args.runs_at_once, args, Unset::RunsAtOnce)?,
        requests_at_once: of("--requests-at-once", args.requests_at_once, args, Unset::RequestsAtOnce)?,
    })
}

/// Reads a value whose error does not repeat it.
fn read<T: FromStr<Err: Display>>(flag: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(str::parse).transpose().map_err(|error| Problem::usage(format!("{flag}: {error}")).next("see `lastseen tenant add --help`"))
}

fn of<T>(flag: &str, value: Option<T>, args: &AddTenant, what: Unset) -> Result<Change<T>, Problem> {
    match (value, args.unset.contains(&what)) {
        (Some(_), true) => Err(Problem::usage(format!("{flag} gives what --unset takes away")).next("leave one of them out")),
        (Some(value), false) => Ok(Change::Set(value)),
        (None, true) => Ok(Change::Clear),
        (None, false) => Ok(Change::Leave),
    }
}

fn valid_name(name: &str) -> Result<String, Problem> {
    let fits = (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Problem::usage(format!("--name takes 1 to {NAME_MAX_CHARS} characters on one line")).next("or --unset name"))
    }
}

async fn list(app: &App, all: bool, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let known = store.tenants().await?;
    let shown: Vec<&TenantRecord> = if all { known.iter().collect() } else { active(&known).collect() };
    if screen.is_json() {
        let tenants: Vec<_> = shown.iter().map(|record| document(app, record)).collect();
        screen.json(&json!({ "tenants": tenants }))?;
        return Ok(Exit::Success);
    }
    let removed = known.len() - active(&known).count();
    if shown.is_empty() {
        screen.line("no tenant is known")?;
        screen.line("next: lastseen tenant add <GUID>, or just sync one: lastseen sync --tenant <GUID>")?;
    } else {
        let headings = ["TENANT", "NAME", "CLOUD", "APP", "CREDENTIAL", "RUNS", "REQUESTS"];
        let since = if all { &["REMOVED"][..] } else { &[] };
        let mut table = screen.table(&[&headings, since].concat());
        for record in &shown {
            let mut line = vec![
                record.tenant_id.to_string(),
                name(app, record).unwrap_or_default().to_owned(),
                or_default(record.cloud.as_ref()),
                or_default(record.client_id.as_ref()),
                or_default(record.credential.as_ref()),
                or_default(record.runs_at_once.as_ref()),
                or_default(record.requests_at_once.as_ref()),
            ];
            if all {
                line.push(record.removed_at.map(|at| ago(screen.now(), at)).unwrap_or_default());
            }
            table.line(line);
        }
        screen.show(&table)?;
        screen.line("")?;
        screen.line("– stands for what the configuration says")?;
    }
    if removed > 0 && !all {
        screen.line(format!("{} not shown: removed; --all shows {}", count(removed as u64, "tenant is", "tenants are"), them(removed)))?;
    }
    Ok(Exit::Success)
}

fn them(number: usize) -> &'static str {
    if number == 1 { "it" } else { "them" }
}

async fn show(app: &App, guid: Option<TenantId>, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let Tenant { scope, .. } = match guid {
        Some(guid) => {
            same_tenant(app, guid)?;
            app.tenant_of(guid, &[])
        }
        None => app.known_tenant(&*store).await?,
    };
    let record = store.tenant(&scope).await?.ok_or_else(|| unknown(scope.tenant()))?;
    let selections = store.selections(&scope).await?;
    if screen.is_json() {
        let mut document = document(app, &record);
        document["selections"] = json!(selections);
        screen.json(&document)?;
        return Ok(Exit::Success);
    }
    screen.heading(&label(app, &record))?;
    facts(app, &record, screen)?;
    synced(&selections, &record, screen)?;
    Ok(Exit::Success)
}

fn synced(selections: &[SelectionRecord], record: &TenantRecord, screen: &mut Screen) -> Result<(), Problem> {
    if selections.is_empty() {
        screen.line("  synced       nothing yet")?;
        if !record.is_removed() {
            screen.line(format!("next: lastseen doctor --tenant {}", record.tenant_id))?;
        }
    }
    for selection in selections {
        let words = selection_words(&selection.selection_payload);
        let when = ago(screen.now(), selection.last_run_at);
        screen.line(format!(
            "  synced       {words}: {}, {when}, by run {}",
            selection.last_run_status,
            screen.run(selection.last_run_id)
        ))?;
    }
    Ok(())
}

async fn remove(app: &App, guid: TenantId, screen: &mut Screen) -> Result<Exit, Problem> {
    same_tenant(app, guid)?;
    let store = app.open_existing().await?;
    let tenant = app.tenant_of(guid, &store.tenants().await?);
    let removal = store.remove_tenant(&tenant.scope).await?.ok_or_else(|| unknown(guid))?;
    if screen.is_json() {
        let mut document = json!(removal);
        document["tenant_id"] = json!(guid);
        screen.json(&document)?;
        return Ok(Exit::Success);
    }
    screen.line(format!("{}: removed; it is synced no more, and no list shows it unless it is named", tenant.label()))?;
    if !removal.cancelled.is_empty() {
        screen.line(format!("  {} that waited did not begin", count(removal.cancelled.len() as u64, "run", "runs")))?;
    }
    if !removal.running.is_empty() {
        let running = count(removal.running.len() as u64, "run that is running ends", "runs that are running end");
        screen.line(format!("  {running} in its own time"))?;
    }
    screen.line("what was seen of it stays:")?;
    screen.line(format!("  see it         lastseen items --tenant {guid}"))?;
    screen.line(format!("  bring it back  lastseen tenant add {guid}"))?;
    screen.line(format!("  for good       lastseen tenant purge {guid}"))?;
    Ok(Exit::Success)
}

/// How a tenant is reached, for people.
fn facts(app: &App, record: &TenantRecord, screen: &mut Screen) -> Result<(), Problem> {
    let default = |key: &str| format!("as configured ({key})");
    let requests = app.config.graph.tenant_concurrency;
    let of = |set: Option<String>, otherwise: String| set.unwrap_or(otherwise);
    let lines = [
        ("tenant", record.tenant_id.to_string()),
        ("cloud", of(record.cloud.map(|cloud| cloud.to_string()), default("graph.cloud"))),
        ("app", of(record.client_id.as_ref().map(ToString::to_string), default("graph.client_id"))),
        ("credential", of(record.credential.as_ref().map(ToString::to_string), default("graph.credential"))),
        ("runs", format!("at most {} at once", record.runs_at_once.unwrap_or(app.config.engine.limits.per_tenant))),
        ("requests", format!("at most {} at once", record.requests_at_once.map_or(requests, |number| number as usize))),
        ("known since", exact(record.registered_at)),
    ];
    for (label, text) in lines {
        screen.line(format!("  {label:11}  {text}"))?;
    }
    if let Some(at) = record.removed_at {
        screen.line(format!("  removed      {}", exact(at)))?;
    }
    Ok(())
}

/// A record for programs, under the name that people see.
fn document(app: &App, record: &TenantRecord) -> Value {
    let mut document = json!(record);
    document["name"] = json!(name(app, record));
    document
}

fn name<'a>(app: &'a App, record: &'a TenantRecord) -> Option<&'a str> {
    name_of(&app.config.names, record.tenant_id, Some(record))
}

fn label(app: &App, record: &TenantRecord) -> String {
    name(app, record).map_or_else(|| record.tenant_id.to_string(), str::to_owned)
}

fn or_default(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// That the database does not know a tenant.
pub(crate) fn unknown(tenant: TenantId) -> Problem {
    Problem::failed(format!("this database does not know the tenant {tenant}")).next("see them with `lastseen tenant list --all`")
}

/// Refuses two different tenants in one command.
pub(crate) fn same_tenant(app: &App, guid: TenantId) -> Result<(), Problem> {
    match app.tenant {
        Some(other) if other != guid => {
            Err(Problem::usage(format!("two tenants are named: {guid} and, with --tenant, {other}")).next("leave --tenant out"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> AddTenant {
        AddTenant {
            guid: "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10".parse().expect("a tenant"),
            name: None,
            cloud: None,
            client_id: None,
            credential: None,
            runs_at_once: None,
            requests_at_once: None,
            unset: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_said_stays_and_what_is_unset_goes() {
        let args = AddTenant { name: Some(" Contoso ".to_owned()), unset: vec![Unset::Cloud], ..args() };
        let expected = TenantChange { name: Change::Set("Contoso".to_owned()), cloud: Change::Clear, ..TenantChange::default() };
        assert_eq!(change(&args).expect("a change"), expected);
    }

    #[test]
    fn a_flag_and_its_unset_together_are_refused_by_name() {
        let args = AddTenant { runs_at_once: Some(3), unset: vec![Unset::RunsAtOnce], ..args() };
        assert!(change(&args).expect_err("refused").what.starts_with("--runs-at-once"));
    }

    #[test]
    fn a_name_is_one_line() {
        for name in ["", "  ", "a\nb", &"a".repeat(201)] {
            assert!(change(&AddTenant { name: Some(name.to_owned()), ..args() }).is_err(), "{name:?}");
        }
    }
}
