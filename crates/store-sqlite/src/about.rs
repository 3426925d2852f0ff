//! What there is to say about the file itself.

use lastseen_store::{About, AboutSqlite, BackendAbout, JournalMode, Result};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::migrate::newest_version;
use crate::rows::Stored;

pub(crate) async fn about(store: &SqliteStore) -> Result<About> {
    let now = store.now();
    let mut tx = store.read().await?;
    // The macro looks for the table of a plain column, and a pragma is none; hence the `+`.
    let found = sqlx::query!(
        r#"SELECT sqlite_version() AS "version!: String", +user_version AS "schema!: i64", +journal_mode AS "journal_mode!: String",
                  (SELECT +page_count FROM pragma_page_count) * (SELECT +page_size FROM pragma_page_size) AS "bytes!: i64"
           FROM pragma_user_version, pragma_journal_mode"#,
    )
    .fetch_one(tx.db())
    .await
    .map_err(of_statement)?;
    let file = Stored { table: "sqlite_schema", key: "the file" };
    let mut numbers = found.version.split('.').map(str::parse::<u32>);
    let mut number = || numbers.next().and_then(std::result::Result::ok);
    let sqlite = AboutSqlite {
        version: file.there("sqlite_version", number().zip(number()).zip(number()).map(|((major, minor), patch)| (major, minor, patch)))?,
        path: store.path().to_owned(),
        bytes: file.number("page_count", found.bytes)?,
        journal_mode: match found.journal_mode.as_str() {
            "wal" => JournalMode::Wal,
            "delete" | "truncate" | "persist" => JournalMode::Rollback,
            _ => JournalMode::Unsafe,
        },
    };
    Ok(About { schema: found.schema, newest_schema: newest_version(), now: file.time("now", now)?, backend: BackendAbout::Sqlite(sqlite) })
}
