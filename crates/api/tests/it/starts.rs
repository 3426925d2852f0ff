//! Runs that are asked for, and ended early.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, OURS, THEIRS, With, World, scope, telling, tenant};

const COMPLIANCE: &str = r#"{"selection":{"categories":["Compliance"]}}"#;
const APPS: &str = r#"{"selection":{"categories":["Apps"]}}"#;

async fn start(world: &World, token: &str, number: u8, key: Option<&str>, body: &str) -> Answer {
    let request = telling(Method::POST, &format!("/v1/tenants/{}/runs", tenant(number)), body).with(token);
    world
        .send(match key {
            Some(key) => request.and("idempotency-key", key),
            None => request,
        })
        .await
}

/// How many runs a tenant has.
async fn runs(world: &World, number: u8) -> usize {
    let query = lastseen_store::RunQuery { limit: 1_000, ..Default::default() };
    world.store.runs(&scope(number), &query).await.expect("runs").len()
}

#[tokio::test]
async fn a_run_that_is_asked_for_waits_and_is_found_where_the_answer_says() {
    let world = World::new().await;
    let token = world.admin().await;
    let asked = start(&world, &token, OURS, None, "{}").await;
    assert_eq!(asked.status, StatusCode::CREATED);
    let run = asked.json();
    assert_eq!(
        (&run["status"], &run["trigger"], &run["selection_payload"]),
        (&json!("pending"), &json!("api"), &json!({"categories":[],"policy_types":[]}))
    );
    assert_eq!(world.get(&token, asked.header("location")).await.json(), run);
}

#[tokio::test]
async fn under_one_key_one_run_comes_of_it_however_often_it_is_sent() {
    let world = World::new().await;
    let token = world.admin().await;
    let before = runs(&world, OURS).await;
    let first = start(&world, &token, OURS, Some("key-1"), COMPLIANCE).await;
    let again = start(&world, &token, OURS, Some("key-1"), COMPLIANCE).await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(first.json(), again.json());
    assert_eq!(runs(&world, OURS).await, before + 1);

    let other = start(&world, &token, OURS, Some("key-1"), APPS).await;
    assert_eq!((other.status, other.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "start_key_reused"));
    assert_eq!(other.json()["run_id"], first.json()["run_id"]);
    assert_eq!(runs(&world, OURS).await, before + 1, "nothing was written");

    // The run of another tenant under the same key is another run, and neither shows the other.
    let theirs = start(&world, &token, THEIRS, Some("key-1"), APPS).await;
    assert_eq!(theirs.status, StatusCode::CREATED);
    assert_ne!(theirs.json()["run_id"], first.json()["run_id"]);
}

#[tokio::test]
async fn a_start_that_meets_a_live_run_is_refused_and_recorded_and_refused_again_under_its_key() {
    let world = World::new().await;
    let token = world.admin().await;
    let live = start(&world, &token, OURS, None, COMPLIANCE).await.json();
    let refused = start(&world, &token, OURS, Some("key-2"), COMPLIANCE).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "lock_contended"));
    let skipped = refused.json()["run_id"].as_str().expect("a run").to_owned();
    assert_ne!(live["run_id"], json!(skipped));
    let recorded = world.get(&token, &format!("/v1/tenants/{}/runs/{skipped}", tenant(OURS))).await.json();
    assert_eq!((&recorded["status"], &recorded["error_codes"]), (&json!("skipped"), &json!(["lock_contended"])));

    let cancelled = format!("/v1/tenants/{}/runs/{}/cancel", tenant(OURS), live["run_id"].as_str().expect("an id"));
    assert_eq!(world.act(&token, Method::POST, &cancelled).await.status, StatusCode::OK);
    let again = start(&world, &token, OURS, Some("key-2"), COMPLIANCE).await;
    assert_eq!(again.without_id(), refused.without_id(), "the key stands for that start");
    assert_eq!(start(&world, &token, OURS, Some("key-3"), COMPLIANCE).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_start_at_a_limit_is_refused_unless_it_is_to_wait() {
    let world = World::new().await;
    let token = world.admin().await;
    world.start(OURS).await;
    let limited = format!("/v1/tenants/{}", tenant(OURS));
    assert_eq!(world.tell(&token, Method::PUT, &limited, r#"{"runs_at_once":1}"#).await.status, StatusCode::OK);
    let refused = start(&world, &token, OURS, None, COMPLIANCE).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "concurrency_limit_tenant"));
    let waits = start(&world, &token, OURS, None, r#"{"selection":{"categories":["Apps"]},"on_limit":"wait"}"#).await;
    assert_eq!(waits.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_start_that_can_not_be_is_refused_by_what_is_at_fault_and_makes_no_run() {
    let world = World::new().await;
    let token = world.admin().await;
    let before = runs(&world, OURS).await;
    for (body, key, code, field) in [
        (r#"{"selection":{"policy_types":["deviceConfigurations"]}}"#, None, "invalid_selection", "/selection/policy_types"),
        (r#"{"selection":{"types":[]}}"#, None, "invalid_selection", "/selection"),
        (r#"{"selection":[]}"#, None, "invalid_selection", "/selection"),
        (r#"{"selections":{}}"#, None, "invalid_body", "/selections"),
        (r#"{"on_limit":"hurry"}"#, None, "invalid_body", "/on_limit"),
        ("{}", Some("a b"), "invalid_parameter", "idempotency-key"),
        ("{}", Some(""), "invalid_parameter", "idempotency-key"),
    ] {
        let answer = start(&world, &token, OURS, key, body).await;
        assert_eq!((answer.code().as_str(), answer.json()["field"].as_str()), (code, Some(field)), "{body}");
    }
    assert_eq!(runs(&world, OURS).await, before);
    let path = format!("/v1/tenants/{}", tenant(OURS));
    assert_eq!(world.act(&token, Method::DELETE, &path).await.status, StatusCode::OK);
    assert_eq!(start(&world, &token, OURS, None, "{}").await.code(), "tenant_removed");
    assert_eq!(runs(&world, OURS).await, before);
}

#[tokio::test]
async fn a_run_that_waits_ends_at_once_one_that_runs_is_told_and_one_that_is_over_stays() {
    let world = World::new().await;
    let token = world.admin().await;
    let cancel = async |run: Value| {
        let path = format!("/v1/tenants/{}/runs/{}/cancel", tenant(OURS), run.as_str().expect("an id"));
        world.act(&token, Method::POST, &path).await
    };
    let waits = start(&world, &token, OURS, None, COMPLIANCE).await.json();
    let ended = cancel(waits["run_id"].clone()).await;
    assert_eq!(
        (ended.status, &ended.json()["status"], &ended.json()["error_codes"]),
        (StatusCode::OK, &json!("skipped"), &json!(["cancelled"]))
    );

    let running = world.start(OURS).await;
    let told = cancel(json!(running.lease.run_id)).await;
    assert_eq!((told.status, &told.json()["status"]), (StatusCode::ACCEPTED, &json!("running")));

    let over = cancel(waits["run_id"].clone()).await;
    assert_eq!((over.status, over.code().as_str(), &over.json()["run_id"]), (StatusCode::CONFLICT, "run_over", &waits["run_id"]));
}
