//! Two runs over HTTP.

use http::StatusCode;
use serde_json::json;

use crate::support::{MISSING, OURS, THERE, World, tenant};

#[tokio::test]
async fn what_changed_between_two_runs_is_told_whichever_way_round_they_are_named() {
    let world = World::new().await;
    let token = world.admin().await;
    let older = world.newest_run(OURS).await;
    let newer = world.sync(OURS, &[MISSING, THERE, "policy-new"]).await.record.run_id;
    let path = |one, other| format!("/v1/tenants/{}/diff?older={one}&newer={other}", tenant(OURS));
    let answer = world.get(&token, &path(older, newer)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let told = answer.json();
    let changes: Vec<_> =
        told["changes"].as_array().expect("changes").iter().map(|change| (&change["external_id"], &change["change"])).collect();
    assert_eq!(changes, [(&json!(MISSING), &json!("reappeared")), (&json!("policy-new"), &json!("appeared"))]);
    assert_eq!(world.get(&token, &path(newer, older)).await.json(), told);
    let appeared = world.get(&token, &format!("{}&kind=appeared&limit=1", path(older, newer))).await.json();
    assert_eq!((appeared["changes"].as_array().map(Vec::len), &appeared["counts"]), (Some(1), &told["counts"]));
}

#[tokio::test]
async fn runs_that_can_not_be_compared_are_refused_by_why() {
    let world = World::new().await;
    let token = world.admin().await;
    let (run, waits) = (world.newest_run(OURS).await, world.queued(OURS).await);
    let path = |one: String, other: String| format!("/v1/tenants/{}/diff?older={one}&newer={other}", tenant(OURS));
    let refused = world.get(&token, &path(run.to_string(), waits.to_string())).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "run_not_completed"));
    assert_eq!(refused.json()["run_id"], json!(waits));
    let half = world.get(&token, &format!("/v1/tenants/{}/diff?older={run}", tenant(OURS))).await;
    assert_eq!((half.code().as_str(), &half.json()["field"]), ("invalid_parameter", &json!("newer")));
}
