//! One item over the runs.

use http::StatusCode;
use lastseen_model::Role;
use serde_json::json;

use crate::support::{CONFIGURATION, MISSING, OURS, THEIRS, World, id, kind, only, scope, selection, tenant};

#[tokio::test]
async fn a_timeline_tells_the_listings_and_the_turns_of_ones_own_tenant() {
    let world = World::new().await;
    world.sync(OURS, &[MISSING]).await;
    let token = world.token(Role::Reader, only(OURS)).await;
    let path = |number| format!("/v1/tenants/{}/items/{CONFIGURATION}/{MISSING}/timeline", tenant(number));
    let answer = world.get(&token, &path(OURS)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let timeline = answer.json();
    assert_eq!((&timeline["tenant_id"], &timeline["external_id"]), (&json!(tenant(OURS)), &json!(MISSING)));
    let strips = timeline["strips"].as_array().expect("strips");
    assert_eq!(strips.len(), 1);
    let all = |key: &str, of: &str| strips[0][key].as_array().expect("rows").iter().map(|row| row[of].clone()).collect::<Vec<_>>();
    assert_eq!(all("listings", "mark"), ["seen", "not_there", "seen"]);
    assert_eq!(all("turns", "turn"), ["first_seen", "gone", "reappeared"]);
    assert_eq!((&strips[0]["selection_hash"], &strips[0]["selection_payload"]), (&json!(selection().hash()), &json!(selection())));
    // The newest run on the strip is the one that the store names.
    let last = world.store.explain(&scope(OURS), &kind(), &id(MISSING)).await.expect("an answer").expect("an item").item.last_seen_run_id;
    assert_eq!(strips[0]["turns"][2]["run_id"], json!(last));
    assert_eq!(world.get(&token, &path(THEIRS)).await.status, StatusCode::NOT_FOUND);
}
