//! Schedules over HTTP.

use std::time::Duration;

use http::{Method, StatusCode};
use lastseen_model::{Guard, Role, Tenants};
use lastseen_store::Advance;
use serde_json::{Value, json};

use crate::support::{OURS, THEIRS, World, only, scope, tenant};

#[tokio::test]
async fn a_schedule_is_added_found_paused_and_taken_away() {
    let world = World::new().await;
    let token = world.token(Role::Operator, only(OURS)).await;
    let body = json!({ "name": "nightly", "cron": " 0  3 * *\t* ", "time_zone": "europe/berlin", "tenants": [tenant(OURS)] }).to_string();
    let added = world.tell(&token, Method::POST, "/v1/schedules", &body).await;
    assert_eq!(added.status, StatusCode::CREATED);
    let schedule = added.json();
    assert_eq!((&schedule["time_zone"], &schedule["jitter_secs"]), (&json!("Europe/Berlin"), &json!(0)));
    assert_eq!(schedule["cron"], "0 3 * * *");
    let path = added.header("location").to_owned();
    let mut shown = world.get(&token, &path).await.json();
    let times = shown.as_object_mut().expect("an object").remove("next_times");
    let berlin = ["13", "14", "15", "16", "17"].map(|day| format!("2026-01-{day}T02:00:00.000000Z"));
    assert_eq!((times, shown), (Some(json!(berlin)), schedule.clone()));
    assert_eq!(world.get(&token, "/v1/schedules").await.json()["schedules"], json!([schedule]));
    assert_eq!(world.tell(&token, Method::POST, "/v1/schedules", &body).await.code(), "name_taken");

    let paused = world.tell(&token, Method::PATCH, &path, r#"{"paused":true}"#).await;
    assert_eq!((paused.status, paused.json()["paused_at"].is_string()), (StatusCode::OK, true));
    let goes_on = world.tell(&token, Method::PATCH, &path, r#"{"paused":false}"#).await;
    assert!(goes_on.json()["paused_at"].is_null());
    assert_eq!(world.act(&token, Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&token, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn i21_whoever_sees_a_part_of_a_schedule_changes_nothing_of_it() {
    let world = World::new().await;
    let operator = world.token(Role::Operator, only(OURS)).await;
    for covers in [Tenants::Some([tenant(OURS), tenant(THEIRS)].into()), Tenants::All] {
        let path = format!("/v1/schedules/{}", world.schedule(covers).await);
        let seen = world.get(&operator, &path).await;
        assert_eq!((seen.status, &seen.json()["tenants"]), (StatusCode::OK, &json!([tenant(OURS)])));
        assert_eq!(world.tell(&operator, Method::PATCH, &path, r#"{"paused":true}"#).await.status, StatusCode::FORBIDDEN);
        assert_eq!(world.act(&operator, Method::DELETE, &path).await.status, StatusCode::FORBIDDEN);
    }
    let all = world.store.schedules().await.expect("schedules");
    assert!(all.len() == 2 && all.iter().all(|schedule| schedule.paused_at.is_none()));
    let wide = json!({ "name": "wide", "cron": "@daily", "tenants": "all" }).to_string();
    assert_eq!(world.tell(&operator, Method::POST, "/v1/schedules", &wide).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_schedule_that_can_not_be_is_refused_by_the_field_at_fault() {
    let world = World::new().await;
    let token = world.admin().await;
    let right = json!({ "name": "nightly", "cron": "0 3 * * *", "tenants": "all" });
    let with = |field: &str, value: Value| {
        let mut body = right.clone();
        body[field] = value;
        body.to_string()
    };
    for (body, code, field) in [
        (with("name", json!("at night")), "invalid_body", "/name"),
        (with("name", json!("")), "invalid_body", "/name"),
        (with("name", json!("n".repeat(65))), "invalid_body", "/name"),
        (with("cron", json!("0 3 * *")), "invalid_cadence", "/cron"),
        (with("cron", json!("0 0 30 2 *")), "invalid_cadence", "/cron"),
        (with("time_zone", json!("Europe/Berlim")), "invalid_cadence", "/time_zone"),
        (with("jitter_secs", json!(86_401)), "invalid_body", "/jitter_secs"),
        (with("tenants", json!([tenant(9)])), "no_such_tenant", "/tenants"),
        (with("selection", json!({"categories": ["Device"]})), "invalid_selection", "/selection/categories"),
    ] {
        let answer = world.tell(&token, Method::POST, "/v1/schedules", &body).await;
        assert_eq!((answer.code().as_str(), answer.json()["field"].as_str()), (code, Some(field)), "{body}");
    }
    assert!(world.store.schedules().await.expect("schedules").is_empty());
    let spread = world.tell(&token, Method::POST, "/v1/schedules", &right.to_string()).await.json();
    assert_eq!((&spread["jitter_secs"], &spread["time_zone"]), (&json!(600), &json!("UTC")));
}

#[tokio::test]
async fn i21_whether_a_schedule_is_kept_is_told_to_who_may_not_know_when_it_is_due() {
    let world = World::new().await;
    let both = Tenants::Some([tenant(OURS), tenant(THEIRS)].into());
    let schedule_id = world.schedule(both.clone()).await;
    let (ours, all) = (world.token(Role::Reader, only(OURS)).await, world.token(Role::Reader, both).await);
    let due = "2026-01-12T10:00:00Z".parse().expect("a time");
    let told = async |token: &str, query: &str| {
        let status = world.get(token, &format!("/v1/status{query}")).await.json();
        (status["schedules"][0]["state"].clone(), status["schedules"][0]["next_due_at"].clone(), status["counts"]["schedules_late"].clone())
    };
    assert_eq!(told(&ours, "").await, (json!("not_reckoned"), json!(null), json!(0)));
    for number in [OURS, THEIRS] {
        let step = Advance { schedule_id, from: None, to: due, run: None };
        world.store.advance_schedule(&scope(number), &step, Guard::default()).await.expect("an answer");
    }
    let time = json!("2026-01-12T10:00:00.000000Z");
    assert_eq!(told(&ours, "").await, (json!("on_time"), json!(null), json!(0)));
    assert_eq!(told(&all, "").await, (json!("on_time"), time.clone(), json!(0)));
    assert_eq!(told(&ours, "?needs_attention=true").await, (json!(null), json!(null), json!(0)), "it needs nobody");
    world.clock.advance(Duration::from_mins(55));
    assert_eq!(told(&ours, "?needs_attention=true").await, (json!("late"), json!(null), json!(1)));
    assert_eq!(told(&all, "").await, (json!("late"), time, json!(1)));
}
