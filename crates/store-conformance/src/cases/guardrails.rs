//! What Lastseen must leave alone in a database that it shares.

use lastseen_model::{ErrorCode, RunStatus};

use crate::fixture::{LEASE, Lab, MICRO, Told};
use crate::world::{APP, CONFIG, Chosen};

/// Tables of a backup product, made by what both databases understand. What refuses writes to them is the database's own.
const NEIGHBOURS: [&str; 2] = ["policy_versions", "backup_items"];

pub(crate) async fn r28_i04_tables_of_the_backup_product_stay_as_they_are_and_no_item_is_deleted(lab: Lab) {
    for table in NEIGHBOURS {
        execute(&lab, &format!("CREATE TABLE {table} (policy_id varchar(64), version integer)")).await;
        execute(&lab, &format!("INSERT INTO {table} (policy_id, version) VALUES ('1', 7)")).await;
        lab.database.refuse(table, &["INSERT", "UPDATE", "DELETE"]).await;
        let written = lab.database.execute(&format!("UPDATE {table} SET version = 8")).await;
        assert!(written.is_err(), "the trap is set");
    }
    // The items are Lastseen's own, and no statement deletes one.
    lab.database.refuse("catalogue", &["DELETE"]).await;
    let desk = lab.desk(1);
    let chosen = Chosen::types(&[CONFIG, APP]);
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1", "2"])), (APP, Told::Saw(&["1"]))]).await;
    desk.sync(&chosen, &[(CONFIG, Told::Saw(&["1"])), (APP, Told::Failed(ErrorCode::GraphForbidden))]).await;
    let dead = desk.start(&chosen).await;
    lab.pass(LEASE + MICRO);
    for _ in 0..3 {
        desk.sync(&chosen, &[(CONFIG, Told::Saw(&[])), (APP, Told::Saw(&[]))]).await;
    }
    assert_eq!(desk.run(dead.run_id).await.record.status, RunStatus::Failed);
    assert!(desk.keep(0).await.listings > 0);
    assert_eq!(desk.missing(&chosen).await.expect("a baseline").items.len(), 3);
    assert!(lab.database.execute("DELETE FROM catalogue").await.is_err(), "the trap was set");
    for table in NEIGHBOURS {
        let rows = lab.database.view(table).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0]["policy_id"].as_str(), rows[0]["version"].as_i64()), (Some("1"), Some(7)), "{table}");
    }
}

async fn execute(lab: &Lab, sql: &str) {
    lab.database.execute(sql).await.expect("a statement that both databases understand");
}
