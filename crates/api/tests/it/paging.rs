//! Lists, page by page.

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{CONFIGURATION, MISSING, OURS, World, tenant};

/// Walks a list page by page and answers what each thing in it is known by.
async fn walk(world: &World, path: &str, list: &str, key: &str) -> Vec<String> {
    let token = world.admin().await;
    let mut found = Vec::new();
    let mut cursor = String::new();
    for _ in 0..100 {
        let page = world.get(&token, &format!("{path}{cursor}")).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let page = page.json();
        let things = page[list].as_array().expect("a list");
        assert!(things.len() <= 2, "{path}");
        found.extend(things.iter().map(|thing| thing[key].as_str().expect("a text").to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return found };
        cursor = format!("&cursor={}", url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>());
    }
    panic!("{path} never ends");
}

#[tokio::test]
async fn each_thing_of_a_list_comes_once_whatever_the_size_of_a_page() {
    let world = World::new().await;
    let strange = ["a/b", "c d?e&f=g", "名", "x:y", "%2F", "z+"];
    world.sync(OURS, &strange).await;
    world.sync(OURS, &[]).await;
    let ours = format!("/v1/tenants/{}", tenant(OURS));
    for (path, list, key, number) in [
        (format!("{ours}/items?limit=2"), "items", "external_id", 8),
        (format!("{ours}/missing?selection_type={CONFIGURATION}&limit=2"), "missing", "external_id", 8),
        (format!("{ours}/runs?limit=2"), "runs", "run_id", 4),
        ("/v1/tenants?limit=1".to_owned(), "tenants", "tenant_id", 2),
        ("/v1/missing/counts?limit=1".to_owned(), "counts", "tenant_id", 2),
    ] {
        let found = walk(&world, &path, list, key).await;
        let once: std::collections::BTreeSet<_> = found.iter().collect();
        assert_eq!((found.len(), once.len()), (number, number), "{path}: {found:?}");
    }
}

#[tokio::test]
async fn the_last_page_of_runs_says_so_however_full_it_is() {
    let world = World::new().await;
    let token = world.admin().await;
    let runs = format!("/v1/tenants/{}/runs", tenant(OURS));
    for (limit, more) in [(1, true), (2, false), (3, false)] {
        let page = world.get(&token, &format!("{runs}?limit={limit}")).await.json();
        assert_eq!(page["next_cursor"].is_string(), more, "{limit}: {page}");
    }
}

#[tokio::test]
async fn an_item_is_found_under_any_id_that_graph_may_give_it() {
    let world = World::new().await;
    let token = world.admin().await;
    for id in ["a/b", "c d?e&f=g", "名", "x:y", "%2F", "z+", "#", "a%20b", "\u{fffd}", "'; --"] {
        world.sync(OURS, &[id]).await;
        let encoded = id.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let path = format!("/v1/tenants/{}/items/{CONFIGURATION}/{encoded}", tenant(OURS));
        let answer = world.get(&token, &path).await;
        assert_eq!((answer.status, answer.json()["external_id"].as_str()), (StatusCode::OK, Some(id)));
    }
}

#[tokio::test]
async fn no_baseline_is_told_apart_from_nothing_missing() {
    let world = World::new().await;
    let token = world.admin().await;
    let ours = format!("/v1/tenants/{}", tenant(OURS));
    let synced = world.get(&token, &format!("{ours}/missing?selection_type={CONFIGURATION}")).await.json();
    assert_eq!((&synced["baseline"], &synced["high"], synced["coverage"].as_array().map(Vec::len)), (&json!(true), &json!(1), Some(1)));
    let by_hash =
        world.get(&token, &format!("{ours}/missing?selection={}", synced["selection_hash"].as_str().expect("a hash"))).await.json();
    assert_eq!(by_hash, synced);
    let filtered = world.get(&token, &format!("{ours}/missing?type={CONFIGURATION}")).await;
    assert_eq!(filtered.code(), "invalid_parameter", "what names a selection is not called as what filters");
    for never in [format!("{ours}/missing"), format!("{ours}/missing?selection={}", "a".repeat(64))] {
        let never = world.get(&token, &never).await.json();
        assert_eq!((&never["baseline"], &never["reference_run_id"], &never["missing"]), (&json!(false), &json!(null), &json!([])));
    }
    let coverage = world.get(&token, &format!("{ours}/coverage?selection_type={CONFIGURATION}")).await.json();
    assert_eq!(coverage["coverage"], synced["coverage"]);
}

#[tokio::test]
async fn an_acknowledged_item_stays_out_until_it_is_asked_for_and_its_author_is_the_caller() {
    let world = World::new().await;
    let token = world.admin().await;
    let ours = format!("/v1/tenants/{}", tenant(OURS));
    let note = format!("{ours}/items/{CONFIGURATION}/{MISSING}/acknowledgement");
    let listed = async |more: &str| {
        let path = format!("{ours}/missing?selection_type={CONFIGURATION}{more}");
        world.get(&token, &path).await.json()["missing"].as_array().map(Vec::len)
    };
    assert_eq!(listed("").await, Some(1));
    let body = r#"{"note":"retired\non purpose"}"#;
    assert_eq!(world.tell(&token, Method::PUT, &note, body).await.status, StatusCode::NO_CONTENT);
    assert_eq!((listed("").await, listed("&acknowledged=true").await), (Some(0), Some(1)));
    let told = world.get(&token, &format!("{ours}/items/{CONFIGURATION}/{MISSING}")).await.json();
    assert_eq!((&told["acknowledgement"]["author"], &told["acknowledgement"]["note"]), (&json!("admin"), &json!("retired\non purpose")));
    assert_eq!(world.act(&token, Method::DELETE, &note).await.status, StatusCode::NO_CONTENT);
    assert_eq!(listed("").await, Some(1));
    assert_eq!(world.act(&token, Method::DELETE, &note).await.status, StatusCode::NOT_FOUND);
}
