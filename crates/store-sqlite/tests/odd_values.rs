//! Values that are odd. Ids and all else of an item travel to SQLite inside JSON, and ids are compared as its texts; neither may change a
//! byte of them. And what the file can't have got from Lastseen is told by its place.

use std::collections::BTreeMap;
use std::time::Duration;

use lastseen_model::{
    ContractHash, ContractVersion, Guard, Limits, Observation, OnLimit, PageEnd, PolicyType, Selection, TenantId, Trigger, WorkerId,
};
use lastseen_store::{
    ClaimTerms, ItemQuery, ListingPage, MissingQuery, NewRun, PageRecord, PageStored, RegistryType, ScopedType, Start, Store, StoreError,
    TenantScope,
};
use lastseen_store_sqlite::SqliteStore;
use sqlx::Connection;
use uuid::Uuid;

const IDS: [&str; 12] = [
    "plain",
    "007",
    "7",
    "1e3",
    "null",
    " ",
    "with \"quotes\" and 'these'",
    r"back\slash \u0041",
    "line\nand\ttab\u{1}",
    "\u{feff}mark",
    "e\u{301} is not \u{e9}",
    "\u{e9} \u{1f980} \u{10ffff}",
];

fn policy_type() -> PolicyType {
    "deviceConfiguration".parse().expect("a key")
}

#[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
fn tenant() -> TenantScope {
    TenantScope::assume(TenantId::try_from(Uuid::from_u128(1)).expect("not nil"))
}

fn terms() -> ClaimTerms {
    let hash = ContractHash::from_bytes([1; 16]);
    let version = ContractVersion::from_bytes([2; 16]);
    let types = vec![ScopedType { policy_type: policy_type(), contract_hash: hash, contract_version: version, pages_by_offset: false }];
    let time = Duration::from_mins(1);
    ClaimTerms { worker: WorkerId::new("w"), lease_for: time, pending_for: time, limits: Limits::default(), guard: Guard::default(), types }
}

async fn start(store: &SqliteStore, number: u128) -> Result<Start, StoreError> {
    let id = Uuid::from_u128(number);
    let run = NewRun {
        run_id: id.try_into().expect("not nil"),
        correlation_id: id.try_into().expect("not nil"),
        selection: Selection::default(),
        trigger: Trigger::Manual,
        on_limit: OnLimit::Skip,
        pending_for: Duration::from_mins(1),
        start_key: None,
    };
    store.start_run(&tenant(), &run, &terms()).await
}

/// A whole run that sees these ids.
async fn sync(store: &SqliteStore, number: u128, ids: &[&str]) -> PageStored {
    let Start::Claimed(claimed) = start(store, number).await.expect("starts") else { panic!("not claimed") };
    let version = terms().types[0].contract_version;
    let meta = |id: &str| BTreeMap::from([("name".to_owned(), id.into())]);
    let observe = |id: &&str| Observation::new(&version, id.parse().expect("an id"), Some(id), Some(id), &meta(id), None);
    let listings = vec![ListingPage { policy_type: policy_type(), observations: ids.iter().map(observe).collect() }];
    let page = PageRecord { page: 1, listings, passed_over: Vec::new(), rejected: 0, end: Some(PageEnd::Complete) };
    let stored = store.record_page(&tenant(), &claimed.lease, &page).await.expect("stored");
    let finish =
        lastseen_store::FinishRun { ending: lastseen_model::Ending::Finished, error: None, traffic: lastseen_store::Traffic::default() };
    store.finish_run(&tenant(), &claimed.lease, &finish).await.expect("ends");
    stored
}

async fn mirrored(folder: &tempfile::TempDir) -> SqliteStore {
    let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
    let known = RegistryType {
        policy_type: policy_type(),
        category: "Configuration".parse().expect("a category"),
        display_name: "Device configuration".into(),
        path: "/deviceManagement/deviceConfigurations".into(),
        api_version: "v1.0".into(),
    };
    store.mirror_registry(&[known]).await.expect("mirrored");
    store
}

#[tokio::test]
async fn i19_every_id_is_kept_and_found_again_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = mirrored(&folder).await;
    let all = u32::try_from(IDS.len()).expect("few");
    assert_eq!(sync(&store, 1, &IDS).await, PageStored::Stored { created: all, changed: 0 });
    assert_eq!(sync(&store, 2, &IDS).await, PageStored::Stored { created: 0, changed: 0 }, "each is found again");

    let mut wanted = IDS.to_vec();
    wanted.sort_unstable();
    let mut found = Vec::new();
    let mut query = ItemQuery { limit: 3, ..ItemQuery::default() };
    loop {
        let page = store.items(&tenant(), &query).await.expect("items");
        for item in &page.items {
            let id = item.external_id.as_str();
            assert_eq!((item.display_name.as_deref(), item.platform.as_deref()), (Some(id), Some(id)));
            assert_eq!(item.meta_jsonb.get(), serde_json::json!({ "name": id }).to_string());
        }
        found.extend(page.items.into_iter().map(|item| String::from(item.external_id)));
        query.after = page.next_cursor;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found, wanted, "in the order of their bytes, by cursors");

    sync(&store, 3, &[]).await;
    let query = MissingQuery {
        selection: Selection::default().hash(),
        reference: lastseen_model::Reference::LatestCompleted,
        confidence: None,
        since: None,
        acknowledged: true,
        after: None,
        limit: 1_000,
    };
    let lastseen_store::Missing::Answer(answer) = store.missing(&tenant(), &query).await.expect("answers") else { panic!("no baseline") };
    assert_eq!(answer.items.iter().map(|item| item.external_id.as_str()).collect::<Vec<_>>(), wanted);
    for id in IDS {
        let explained = store.explain(&tenant(), &policy_type(), &id.parse().expect("an id")).await.expect("answers");
        assert_eq!(explained.expect("known").listings.len(), 3, "{id:?}");
    }
}

#[tokio::test]
async fn a_type_that_was_not_mirrored_gets_no_evidence_that_no_reader_would_see() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("opens");
    let refused = start(&store, 1).await.expect_err("refused");
    assert!(matches!(refused, StoreError::Inconsistent { table: "policy_types", .. }), "{refused:?}");
    let runs = store.runs(&tenant(), &lastseen_store::RunQuery { limit: 10, ..Default::default() }).await.expect("answers");
    assert!(runs.is_empty(), "and no run stays behind");
}

#[tokio::test]
async fn a_value_that_cannot_be_one_and_a_null_that_must_not_be_are_told_by_table_column_and_key() {
    for (damage, table, column, key) in [
        ("UPDATE sync_runs SET correlation_id = 'odd'", "sync_runs", "correlation_id", Uuid::from_u128(1).to_string()),
        ("UPDATE sync_runs SET items_observed = -1", "sync_runs", "items_observed", Uuid::from_u128(1).to_string()),
        ("UPDATE sync_runs SET started_at = 9223372036854775807", "sync_runs", "started_at", Uuid::from_u128(1).to_string()),
        ("UPDATE sync_runs SET error_codes = '[\"odd\"]'", "sync_runs", "error_codes", Uuid::from_u128(1).to_string()),
        ("UPDATE listings SET contract_hash = 'odd'", "listings", "contract_hash", policy_type().to_string()),
        ("UPDATE catalogue SET meta_jsonb = '{'", "catalogue", "meta_jsonb", "plain".to_owned()),
        // The item's last sighting is NULL then.
        ("DELETE FROM listings", "catalogue", "last_seen_at", "plain".to_owned()),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = mirrored(&folder).await;
        sync(&store, 1, &["plain"]).await;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("lastseen.db"));
        let mut beside = sqlx::SqliteConnection::connect_with(&options).await.expect("the file again");
        sqlx::raw_sql(damage).execute(&mut beside).await.expect("damaged");
        let told = match store.run(&tenant(), Uuid::from_u128(1).try_into().expect("not nil")).await {
            Err(told) => told,
            Ok(_) => store.items(&tenant(), &ItemQuery { limit: 10, ..ItemQuery::default() }).await.expect_err(damage),
        };
        let StoreError::Inconsistent { table: in_table, column: in_column, key: of } = told else { panic!("{damage}: {told:?}") };
        assert_eq!((in_table, in_column, of), (table, column, key), "{damage}");
    }
}
