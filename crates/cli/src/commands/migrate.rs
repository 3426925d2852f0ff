//! `lastseen migrate`: makes the schema, or brings it to the newest version.

use lastseen_store::StoreError;
use lastseen_store_postgres::{Migrated, migrate};
use serde_json::json;

use crate::app::App;
use crate::args;
use crate::config::Database;
use crate::exit::Exit;
use crate::output::Screen;
use crate::problem::Problem;

/// Why the owner could not migrate.
fn refused(error: StoreError) -> Problem {
    match error {
        StoreError::Forbidden(_) => Problem::usage("this role may not make tables in the schema that it has first on its search path")
            .next("make it the owner of the database, or: GRANT USAGE, CREATE ON SCHEMA public TO <owner>"),
        StoreError::Unavailable(_) => {
            Problem::usage("a table was in use for too long, or the connection broke; nothing was changed").next("run the command again")
        }
        other => other.into(),
    }
}

pub(crate) async fn run(app: &App, args: &args::Migrate, screen: &mut Screen) -> Result<Exit, Problem> {
    match (&app.config.database, args.app_role.as_deref()) {
        (Database::Server(owner, _), Some(role)) => {
            let Migrated { from, to } = migrate(owner, role).await.map_err(refused)?;
            if screen.is_json() {
                screen.json(&json!({ "database": owner.place(), "from": from, "to": to, "app_role": role }))?;
                return Ok(Exit::Success);
            }
            screen.line(match from {
                None => format!("{}: schema version {to} was made", owner.place()),
                Some(from) if from == to => format!("{}: schema version {to} was there already", owner.place()),
                Some(from) => format!("{}: from schema version {from} to {to}", owner.place()),
            })?;
            screen.line(format!("{role} may read and write; it may not take an item away"))?;
            screen.line(format!("next: lastseen sync --tenant <GUID>, with {role}'s address in LASTSEEN_DATABASE_URL"))?;
        }
        (Database::Server(..), None) => {
            return Err(Problem::usage("--app-role is missing")
                .with("meaning", "the role that Lastseen works with; the owner's role is for migrations alone")
                .next("name it: lastseen migrate --database <owner's address> --app-role lastseen_app"));
        }
        (Database::File(_), Some(_)) => {
            return Err(Problem::usage("--app-role is for PostgreSQL, and this database is a file").next("leave it out, or name a server"));
        }
        (Database::File(path), None) => {
            // A file is migrated by whoever opens it.
            app.open().await?;
            if screen.is_json() {
                screen.json(&json!({ "database": path.display().to_string() }))?;
                return Ok(Exit::Success);
            }
            screen.line(format!("{}: has the newest schema", path.display()))?;
        }
    }
    Ok(Exit::Success)
}
