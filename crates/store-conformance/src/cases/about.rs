//! What a database says of itself.

use lastseen_store::{BackendAbout, JournalMode};

use crate::fixture::{Lab, MICRO};

pub(crate) async fn a_database_tells_its_schema_its_clock_and_that_its_walls_hold(lab: Lab) {
    let store = lab.database.store();
    let before = store.about().await.expect("an answer");
    assert_eq!((before.schema, before.now), (before.newest_schema, lab.now()), "it was migrated");
    lab.pass(MICRO);
    let about = lab.database.another().await.about().await.expect("an answer");
    assert_eq!(about.now, lab.now());
    let json = serde_json::to_value(&about).expect("JSON");
    match about.backend {
        BackendAbout::Sqlite(sqlite) => {
            assert!(sqlite.version >= (3, 40, 0) && sqlite.path.is_file() && sqlite.bytes > 0, "{sqlite:?}");
            assert_eq!((sqlite.journal_mode, &json["backend"]), (JournalMode::Wal, &"sqlite".into()));
        }
        BackendAbout::Postgres(postgres) => {
            assert!(postgres.version.0 >= 15 && !postgres.is_standby && postgres.walls.hold(), "{postgres:?}");
            assert_eq!((postgres.schema_name.as_deref(), &json["backend"]), (Some("public"), &"postgres".into()));
        }
    }
}
