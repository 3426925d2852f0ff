//! What a doctor says of the database.

use std::path::Path;
use std::sync::Arc;

use lastseen_model::Timestamp;
use lastseen_store::{About, BackendAbout, JournalMode, Store};
use serde_json::json;

use super::findings::{Finding, Mark};
use crate::app::App;
use crate::config::Database;
use crate::output::{Screen, count};
use crate::problem::Problem;

/// From how many seconds on two clocks that differ are worth a word.
const SKEW_TOLD: i64 = 60;

/// Opens the database where there is one, and says what it is.
pub(super) async fn look(app: &App, screen: &mut Screen) -> Result<(Option<Arc<dyn Store>>, Finding), Problem> {
    if let Some(path) = app.config.database.missing_file() {
        return Ok((None, not_yet(path)));
    }
    // Whoever opens an older file brings it to the newest version; looking does not.
    if let Database::File(path) = &app.config.database {
        let newest = lastseen_store_sqlite::newest_version();
        match lastseen_store_sqlite::version_of(path).await? {
            Some(version) if version == newest => {}
            Some(version) => {
                let text = format!("{}, version {version}: the next command that uses it brings it to version {newest}", path.display());
                return Ok((None, Finding::note("database", text)));
            }
            None => return Ok((None, Finding::note("database", format!("{} is empty; the first sync makes its tables", path.display())))),
        }
    }
    let store = app.open().await?;
    let about = store.about().await?;
    screen.refresh();
    let finding = of(&about, screen.now());
    Ok((Some(store), finding))
}

/// That there is no file yet, and whether one can be made.
fn not_yet(path: &Path) -> Finding {
    let folder = path
        .ancestors()
        .skip(1)
        .map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
        .find(|folder| folder.is_dir());
    // A file without a name, gone when it is closed: whatever keeps the first sync from making one keeps this from being made.
    match folder.map(tempfile::tempfile_in) {
        Some(Ok(_)) => Finding::note("database", format!("none yet; the first sync makes {}", path.display())),
        _ => Finding::failed(
            "database",
            &Problem::usage(format!("there is none, and {} can't be made: its folder is not this user's to write to", path.display()))
                .next("name another place with --database or LASTSEEN_DATABASE_URL, or let this user write there"),
        ),
    }
}

fn of(about: &About, here: Timestamp) -> Finding {
    let (kind, trouble) = match &about.backend {
        BackendAbout::Sqlite(file) => {
            let (major, minor, patch) = file.version;
            let trouble = match file.journal_mode {
                JournalMode::Wal | JournalMode::Rollback => None,
                JournalMode::Unsafe => Some("another program has switched its journal off: a crash could damage it".to_owned()),
            };
            (format!("{} ({}), SQLite {major}.{minor}.{patch}", file.path.display(), count(file.bytes, "byte", "bytes")), trouble)
        }
        BackendAbout::Postgres(server) => {
            let (major, minor) = server.version;
            let schema = server.schema_name.as_deref().map(|name| format!(", schema {name}")).unwrap_or_default();
            let walls = if server.walls.hold() { ", row-level security forced" } else { "" };
            let trouble = if !server.walls.hold() {
                Some("the walls between tenants do not hold this role: let the owner run `lastseen migrate`, and use a role without special rights".to_owned())
            } else if server.is_standby {
                Some("it is a standby, which answers questions and takes no sync: name the primary".to_owned())
            } else {
                None
            };
            (format!("PostgreSQL {major}.{minor}, database {}{schema}, role {}{walls}", server.database, server.role), trouble)
        }
    };
    let skew = about.now.as_second() - here.as_second();
    let version = if about.schema == about.newest_schema {
        format!("version {}", about.schema)
    } else {
        format!("version {} (this program knows {})", about.schema, about.newest_schema)
    };
    let mut text = format!("{kind}, {version}");
    if skew.abs() >= SKEW_TOLD {
        let way = if skew > 0 { "ahead of" } else { "behind" };
        text = format!("{text}; its clock is {} {way} this machine's", count(skew.unsigned_abs(), "second", "seconds"));
    }
    let mark = if trouble.is_some() { Mark::Failed } else { Mark::Good };
    let text = trouble.map_or_else(|| text.clone(), |trouble| format!("{text}: {trouble}"));
    Finding { mark, check: "database", text, next: None, facts: json!({ "about": about, "clock_skew_seconds": skew }) }
}
