//! Each fault does what it says.

use std::time::Duration;

use crate::support::{Client, TYPE, fault_path, small, target};
use lastseen_simulator::{Fault, FaultAction, FaultBody, FaultScript, NamedError, RejectedObject};

fn on_path(action: FaultAction) -> Fault {
    Fault::always(action).on(&fault_path(TYPE))
}

#[tokio::test]
async fn an_answer_can_be_replaced_status_headers_and_body() {
    let (simulator, client, _) = small(1).await;
    let headers = vec![("X-Odd".to_owned(), "1".to_owned()), ("content-type".to_owned(), "text/plain".to_owned())];
    simulator.faults().add(on_path(FaultAction::Status { status: 418, headers, body: FaultBody::Text("no".to_owned()) }).times(1));
    let reply = client.get(&target(TYPE)).await;
    assert_eq!((reply.status, reply.body.as_str(), reply.header("x-odd")), (418, "no", Some("1")));
    assert_eq!(reply.header("content-type"), Some("text/plain"));
    assert_eq!(client.get(&target(TYPE)).await.status, 200, "once is once");
    simulator.shutdown().await;
}

#[tokio::test]
async fn i14_retry_after_comes_in_every_form_or_not_at_all() {
    let (simulator, client, _) = small(1).await;
    for text in ["10", "2.128", "30,120", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"] {
        simulator.faults().add(on_path(FaultAction::throttled(Some(text))).times(1));
        let reply = client.get(&target(TYPE)).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some(text)));
    }
    simulator.faults().add(on_path(FaultAction::throttled(None)).times(1));
    assert_eq!(client.get(&target(TYPE)).await.header("retry-after"), None);
    assert_eq!(simulator.counts().throttled, 6);
    simulator.shutdown().await;
}

#[tokio::test]
async fn every_named_error_has_graphs_shape_and_a_canary_in_its_text() {
    let (simulator, client, _) = small(1).await;
    let errors = [
        (NamedError::Throttled, 429, "TooManyRequests"),
        (NamedError::Unauthorized, 401, "InvalidAuthenticationToken"),
        (NamedError::Forbidden, 403, "Forbidden"),
        (NamedError::AccessDenied, 403, "AccessDenied"),
        (NamedError::NotApplicable, 400, "BadRequest"),
        (NamedError::NoPremiumLicence, 400, "BadRequest"),
        (NamedError::NotLicensed, 403, "Forbidden"),
        (NamedError::FeatureNotFound, 404, "ResourceNotFound"),
        (NamedError::NoRoute, 400, "No method match route template"),
        (NamedError::SelectRefused, 400, "BadRequest"),
        (NamedError::PageTokenGone, 410, "resyncRequired"),
        (NamedError::PageTokenInvalid, 400, "BadRequest"),
        (NamedError::Internal, 500, "InternalServerError"),
        (NamedError::Unavailable, 503, "ServiceUnavailable"),
    ];
    for (error, status, code) in errors {
        simulator.faults().add(on_path(FaultAction::error(error)).times(1));
        let reply = client.get(&target(TYPE)).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (status, code));
        assert!(reply.body.contains("canary-graph-error"), "{error:?}");
    }
    simulator.faults().add(on_path(FaultAction::error(NamedError::GatewayTimeout)).times(1));
    let reply = client.get(&target(TYPE)).await;
    assert_eq!((reply.status, reply.error_code().as_str()), (504, "UnknownError"));
    simulator.faults().add(on_path(FaultAction::error(NamedError::BadGateway)).times(1));
    let reply = client.get(&target(TYPE)).await;
    assert_eq!((reply.status, reply.header("content-type")), (502, Some("text/html")));

    simulator.faults().add(on_path(FaultAction::error(NamedError::Forbidden)).times(1));
    let message = client.get(&target(TYPE)).await.json()["error"]["message"].as_str().expect("a text").to_owned();
    let inner: serde_json::Value = serde_json::from_str(&message).expect("Intune's message is JSON");
    assert!(serde_json::from_str::<serde_json::Value>(inner["Message"].as_str().expect("a text")).is_ok(), "and so is the one inside it");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_it_says() {
    let (simulator, client, _) = small(5).await;
    simulator.faults().add(on_path(FaultAction::Truncate).times(1));
    let mut response = client.request("GET", &target(TYPE)).send().await.expect("a head");
    let promised = response.content_length().expect("a length");
    let mut got = 0;
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got += chunk.len() as u64,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(end.is_some(), "the body must not end well");
    assert_eq!(got, promised / 2);
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_reset_connection_gives_no_answer_and_the_next_one_does() {
    let (simulator, client, _) = small(1).await;
    simulator.faults().add(on_path(FaultAction::Reset).times(1));
    assert!(client.try_get(&target(TYPE)).await.is_err());
    assert_eq!(simulator.counts().by_status.get(&0), Some(&1));
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_hanging_request_is_released_at_shutdown() {
    let (simulator, client, _) = small(1).await;
    simulator.faults().add(on_path(FaultAction::Hang));
    let hanging = tokio::spawn(async move { client.try_get(&target(TYPE)).await.is_err() });
    until_unanswered(&simulator).await;
    assert!(!hanging.is_finished());
    simulator.shutdown().await;
    assert!(hanging.await.expect("the task ends"), "an error, not an answer");
}

async fn until_unanswered(simulator: &lastseen_simulator::Simulator) {
    crate::support::until("the request", || simulator.counts().by_status.contains_key(&0)).await;
}

#[tokio::test]
async fn a_slow_answer_comes_late_but_whole() {
    let (simulator, client, _) = small(3).await;
    simulator.faults().add(on_path(FaultAction::Slow(Duration::from_millis(60))));
    let asked = std::time::Instant::now();
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(60));
    simulator.shutdown().await;
}

#[tokio::test]
async fn i2_bodies_that_are_no_page_come_with_200() {
    let (simulator, client, _) = small(3).await;
    let body = async |action| {
        simulator.faults().add(on_path(action).times(1));
        let reply = client.get(&target(TYPE)).await;
        assert_eq!(reply.status, 200);
        reply.body
    };
    assert!(body(FaultAction::Garbage).await.starts_with("<!DOCTYPE html>"));
    assert!(serde_json::from_str::<serde_json::Value>(&body(FaultAction::InvalidJson).await).is_err());
    let envelope: serde_json::Value = serde_json::from_str(&body(FaultAction::NoValue).await).expect("JSON");
    assert!(envelope.get("value").is_none() && envelope.get("@odata.context").is_some());
    let deep = body(FaultAction::Deep).await;
    assert_eq!(deep.matches('[').count(), 100_001);
    assert_eq!(deep.matches(']').count(), 100_001);
    let huge = body(FaultAction::Huge { bytes: 300_000 }).await;
    assert_eq!(huge.len(), 300_000);
    assert!(serde_json::from_str::<serde_json::Value>(&huge).is_ok(), "only its size is wrong");
    simulator.shutdown().await;
}

#[tokio::test]
async fn i29_next_links_lead_in_circles_or_elsewhere() {
    let (simulator, client, _) = small(15).await;
    let link = async |action| {
        simulator.faults().add(on_path(action).page(1).times(1));
        client.get(&format!("{}?$top=5", target(TYPE))).await.next_link().expect("a link")
    };
    assert_eq!(link(FaultAction::Loop).await, format!("{}{}?$top=5", simulator.origin(), target(TYPE)));
    let foreign = link(FaultAction::ForeignNextLink("https://elsewhere.example".to_owned())).await;
    assert!(foreign.starts_with("https://elsewhere.example/beta/deviceManagement/configurationPolicies?"), "{foreign}");
    let version = link(FaultAction::ForeignNextLink("{origin}/v1.0".to_owned())).await;
    assert!(version.starts_with(&format!("{}/v1.0/deviceManagement/", simulator.origin())), "{version}");
    simulator.shutdown().await;
}

#[tokio::test]
async fn i20_pages_that_come_again_empty_or_shifted_still_hold_every_object() {
    for (action, more_pages, again) in [
        (FaultAction::DuplicatePage, 1, 10),
        (FaultAction::EmptyPage, 1, 0),
        (FaultAction::Shift, 1, 1),
        (FaultAction::NextLinkOnLast, 1, 0),
    ] {
        let (simulator, client, _) = small(5).await;
        let plain = client.pages(&target(TYPE)).await;
        let on_page = if action == FaultAction::NextLinkOnLast { plain.len() } else { 2 };
        let plain_ids: Vec<String> = plain.iter().flat_map(crate::support::Reply::ids).collect();
        simulator.faults().add(on_path(action.clone()).page(u32::try_from(on_page).expect("small")).times(1));
        let bent = client.pages(&target(TYPE)).await;
        assert_eq!(bent.len(), plain.len() + more_pages, "{action:?}");
        let mut ids: Vec<String> = bent.iter().flat_map(crate::support::Reply::ids).collect();
        assert_eq!(ids.len(), plain_ids.len() + again, "{action:?}");
        ids.sort();
        ids.dedup();
        let mut expected = plain_ids.clone();
        expected.sort();
        assert_eq!(ids, expected, "{action:?}");
        assert_eq!(simulator.faults().remaining(), 0, "{action:?}");
        simulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_hidden_object_is_passed_over_in_silence() {
    let (simulator, client, _) = small(5).await;
    let all = client.all_ids(&target(TYPE)).await;
    simulator.faults().add(on_path(FaultAction::Hide).page(1).times(1));
    let seen = client.all_ids(&target(TYPE)).await;
    assert_eq!(seen.len(), all.len() - 1);
    assert!(!seen.contains(&all[10]));
    simulator.shutdown().await;
}

#[tokio::test]
async fn i30_a_page_that_comes_again_for_ever_never_ends() {
    let (simulator, client, _) = small(2).await;
    simulator.faults().add(on_path(FaultAction::DuplicatePage));
    let mut links = std::collections::HashSet::new();
    let mut next = target(TYPE);
    for _ in 0..30 {
        next = client.get(&next).await.next_link().expect("always another");
        assert!(links.insert(next.clone()), "each link is a fresh one");
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_identified_leaves_the_others_of_its_page_alone() {
    let (simulator, client, _) = small(1).await;
    let plain = client.get(&target(TYPE)).await.json()["value"].as_array().expect("an array").clone();
    let path = lastseen_contracts::Registry::builtin().find(&crate::support::policy_type(TYPE)).expect("known").0;
    for kind in [
        RejectedObject::NoId,
        RejectedObject::EmptyId,
        RejectedObject::LongId,
        RejectedObject::NulId,
        RejectedObject::NumberId,
        RejectedObject::Null,
        RejectedObject::Text,
    ] {
        simulator.faults().add(on_path(FaultAction::RejectedObject(kind)).times(1));
        let value = client.get(&target(TYPE)).await.json()["value"].as_array().expect("an array").clone();
        assert!(path.observe(&value[0].to_string()).is_err(), "{kind:?}");
        assert_eq!(value[1..], plain, "{kind:?}");
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn i16_a_page_token_expires_in_the_middle_and_a_fresh_start_works() {
    let (simulator, client, _) = small(5).await;
    simulator.faults().add(on_path(FaultAction::error(NamedError::PageTokenGone)).page(3).times(1));
    let replies = client.pages(&target(TYPE)).await;
    assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 200, 410]);
    assert_eq!(client.all_ids(&target(TYPE)).await.len(), 30);
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_token_endpoint_has_faults_of_its_own_and_a_tenant_too() {
    let (simulator, client, tenant) = small(1).await;
    let other = lastseen_simulator::TenantPlan::numbered(9).tenant_id;
    simulator.faults().add(Fault::always(FaultAction::Unauthorized).tenant(other));
    simulator.faults().add(Fault::always(FaultAction::error(NamedError::Unavailable)).on("token").times(1));
    assert_eq!(client.get(&target(TYPE)).await.status, 200, "another tenant's fault");
    let ask = async || client.token_request(&tenant.to_string(), &[]).await.expect("an answer").status;
    assert_eq!(ask().await, 503);
    assert_eq!(ask().await, 200);
    simulator.faults().add(Fault::always(FaultAction::Unauthorized).tenant(tenant).times(1));
    assert_eq!(client.get(&target(TYPE)).await.status, 401);
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_script_acts_as_it_is_written() {
    let (simulator, client, _) = small(5).await;
    let script = include_str!("../../examples/faults.toml");
    simulator.faults().add_all(FaultScript::parse(script).expect("the example reads").faults);
    let devices = target("deviceConfiguration");
    let first = client.get(&devices).await;
    assert_eq!(first.status, 200);
    let link = first.next_link().expect("a second page");
    let throttled = client.get(&link).await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, Some("30,120")));
    assert_eq!(client.get(&link).await.status, 429);
    assert_eq!(client.get(&link).await.status, 200);
    let unlicensed = client.get(&target("deviceCompliancePolicy")).await;
    assert_eq!(unlicensed.status, 400);
    assert!(unlicensed.body.contains("Request not applicable to target tenant"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_simulator_well() {
    let (simulator, client, tenant) = small(5).await;
    simulator.faults().add(on_path(FaultAction::Huge { bytes: 1 << 34 }).times(1));
    let mut response = client.request("GET", &target(TYPE)).send().await.expect("a head");
    assert!(response.chunk().await.expect("a chunk").is_some());
    drop((response, client));
    let client = Client::sign_in(&simulator, tenant).await;
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    assert!(simulator.counts().bytes_sent < 1 << 30, "nobody makes what nobody reads");
    simulator.shutdown().await;
}
