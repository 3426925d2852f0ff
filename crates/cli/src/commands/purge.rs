//! `lastseen tenant purge`: deletes everything that is known of a tenant, after its GUID was typed again.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::Path;

use lastseen_model::TenantId;
use lastseen_store::{Purged, Store, StoreError, TenantScope};
use lastseen_store_sqlite::SqliteStore;
use serde_json::json;

use crate::app::App;
use crate::commands::tenant::{same_tenant, unknown};
use crate::config::Database;
use crate::exit::Exit;
use crate::output::{Screen, count, say};
use crate::problem::Problem;

/// A GUID is 36 characters; more than this was not typed for one.
const TYPED_CAP: u64 = 128;

pub(crate) async fn run(app: &App, guid: TenantId, confirm: Option<&str>, screen: &mut Screen) -> Result<Exit, Problem> {
    same_tenant(app, guid)?;
    let database = &app.config.database;
    if let Some(path) = database.missing_file() {
        return Err(Problem::usage(format!("there is no database at {}", path.display())).next("name another with --database"));
    }
    let typed = match confirm {
        Some(typed) => typed.to_owned(),
        None => ask(guid, database)?,
    };
    if typed.trim().parse::<TenantId>() != Ok(guid) {
        return Err(Problem::usage("what was typed is not the tenant's GUID; nothing was purged").next("run the command again"));
    }
    let scope = app.tenant_of(guid, &[]).scope;
    let purged = match database {
        Database::File(path) => delete(path, &scope).await,
        Database::Server(owner, _) => lastseen_store_postgres::purge(owner, &scope).await,
    }
    .map_err(refused)?;
    if !purged.knew_it() {
        return Err(unknown(guid));
    }
    if screen.is_json() {
        let tables: BTreeMap<&str, u64> = purged.tables.iter().map(|purged| (purged.table, purged.rows)).collect();
        screen.json(&json!({ "tenant_id": guid, "purged": tables }))?;
        return Ok(Exit::Success);
    }
    screen.line(format!("{guid}: everything that was known of it is gone"))?;
    for purged in purged.tables.iter().filter(|purged| purged.rows > 0) {
        screen.line(format!("  {:16}  {}", purged.table, count(purged.rows, "row", "rows")))?;
    }
    Ok(Exit::Success)
}

async fn delete(path: &Path, scope: &TenantScope) -> Result<Purged, StoreError> {
    let store = SqliteStore::open(path).await?;
    let purged = store.purge(scope).await;
    store.close().await;
    purged
}

/// Asks for the GUID on a terminal.
fn ask(guid: TenantId, database: &Database) -> Result<String, Problem> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Problem::usage("a purge must be confirmed, and there is no terminal to ask on")
            .next(format!("say it: lastseen tenant purge {guid} --confirm {guid}")));
    }
    say(&format!(
        "everything that is known of {guid} goes from {database}: items, runs, notes. This can't be undone.\ntype the tenant's GUID to take it away for good:"
    ));
    let mut typed = String::new();
    std::io::Read::take(stdin.lock(), TYPED_CAP).read_line(&mut typed)?;
    Ok(typed)
}

/// Why the owner could not purge.
fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::Forbidden(_) => Problem::usage("this role may not purge a tenant; nothing was taken away")
            .next("name the owner's address: lastseen tenant purge <GUID> --database postgres://<owner>@host/database"),
        other => other.into(),
    }
}
