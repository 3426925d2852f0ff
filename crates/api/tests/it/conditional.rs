//! Asking again for what one has.

use http::{Method, StatusCode};

use crate::support::{MISSING, OURS, THERE, With, World, asking, tenant};

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again_and_what_has_is() {
    let world = World::new().await;
    let token = world.admin().await;
    let path = format!("/v1/tenants/{}/items", tenant(OURS));
    let first = world.get(&token, &path).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 30, "a strong tag: {tag}");

    let again = world.send(asking(Method::GET, &path).with(&token).and("if-none-match", &tag)).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    for header in ["etag", "cache-control", "vary"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(again.header("content-type"), "");

    world.sync(OURS, &[MISSING, THERE]).await;
    let changed = world.send(asking(Method::GET, &path).with(&token).and("if-none-match", &tag)).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn i21_a_tag_from_before_is_no_way_past_the_gates() {
    let world = World::new().await;
    let token = world.admin().await;
    let path = format!("/v1/tenants/{}/items", tenant(OURS));
    let tag = world.get(&token, &path).await.header("etag").to_owned();
    let answer = world.send(asking(Method::GET, &path).and("if-none-match", &tag)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let world = World::new().await;
    let token = world.admin().await;
    for path in ["/healthz".to_owned(), "/openapi.json".to_owned(), "/v1/types".to_owned(), format!("/v1/tenants/{}", tenant(OURS))] {
        let get = world.get(&token, &path).await;
        let head = world.act(&token, Method::HEAD, &path).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{path}");
        for header in ["etag", "content-type", "content-length"] {
            assert_eq!(head.header(header), get.header(header), "{path}: {header}");
        }
        let again = world.send(asking(Method::HEAD, &path).with(&token).and("if-none-match", get.header("etag"))).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_is_nobody_elses_to_keep() {
    let world = World::new().await;
    let token = world.admin().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/healthz", "/v1/types", "/v1/no-such-thing", "/v1/tenants?no=such"] {
        for token in [token.as_str(), "wrong"] {
            let answer = world.get(token, path).await;
            assert_eq!(answer.header("cache-control"), "private, no-cache", "{path}");
            assert_eq!(answer.header("vary"), "authorization", "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(ids.insert(answer.header("x-request-id").to_owned()), "{path}");
        }
    }
    // An id that the caller brings is none of ours.
    let brought = world.send(asking(Method::GET, "/healthz").and("x-request-id", "brought")).await;
    assert_ne!(brought.header("x-request-id"), "brought");
}

#[tokio::test]
async fn an_answer_that_tells_the_time_and_a_stream_have_no_tag() {
    let world = World::new().await;
    let token = world.admin().await;
    let run = world.newest_run(OURS).await;
    for path in ["/v1/status".to_owned(), format!("/v1/tenants/{}/runs/{run}/events", tenant(OURS))] {
        let answer = world.get(&token, &path).await;
        assert_eq!((answer.status, answer.header("etag")), (StatusCode::OK, ""), "{path}");
    }
}
