//! How much is taken, how long it may take, and how many are served at once.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, StatusCode, header};

use crate::support::{OURS, With, World, asking, telling, tenant};

/// A body that comes in pieces, of which nobody said how long it is.
fn dripping(pieces: usize, size: usize, then_hangs: bool) -> Body {
    let piece = Bytes::from(vec![b' '; size]);
    let pieces = stream::iter((0..pieces).map(move |_| Ok::<_, Infallible>(piece.clone())));
    if then_hangs { Body::from_stream(futures_util::StreamExt::chain(pieces, stream::pending())) } else { Body::from_stream(pieces) }
}

fn put(body: Body) -> Request<Body> {
    let path = format!("/v1/tenants/{}", tenant(OURS));
    Request::builder().method(Method::PUT).uri(path).header(header::CONTENT_TYPE, "application/json").body(body).expect("a request")
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound_and_no_further() {
    let world = World::new().await;
    let token = world.admin().await;
    // Never ends: it is refused when it is too large, and not when it is whole.
    let refused = world.send(put(dripping(65, 1_024, true)).with(&token)).await;
    assert_eq!((refused.status, refused.header("connection")), (StatusCode::PAYLOAD_TOO_LARGE, "close"));
    let read = world.send(put(dripping(64, 1_024, false)).with(&token)).await;
    assert_eq!(read.code(), "invalid_body", "64 KiB of nothing are read, and are no JSON");
    let said = put(Body::from("{}")).with(&token).and("content-length", "65537");
    assert_eq!(world.send(said).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_forever() {
    let world = World::new().await;
    let token = world.admin().await;
    let (answer, ()) = tokio::join!(world.send(put(dripping(1, 1, true)).with(&token)), async {
        // The request as a whole waits, and its body does.
        world.timer.pass_for(2, Duration::from_secs(10)).await;
    });
    assert_eq!((answer.status, answer.header("connection")), (StatusCode::REQUEST_TIMEOUT, "close"));
}

#[tokio::test]
async fn only_so_many_requests_are_at_work_and_the_next_is_told_when_to_come_back() {
    let world = World::new().await;
    let token = world.admin().await;
    let mut held = Vec::new();
    for _ in 0..256 {
        let mut request = Box::pin(world.send(put(dripping(0, 0, true)).with(&token)));
        // Begun, and not done.
        while futures_util::poll!(&mut request).is_pending() && world.timer.waiting() < 2 * (held.len() + 1) {
            tokio::task::yield_now().await;
        }
        held.push(request);
    }
    let refused = world.get(&token, "/v1/types").await;
    assert_eq!((refused.status, refused.header("retry-after"), refused.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "1", "busy"));
    assert_eq!(world.send(asking(Method::GET, "/healthz")).await.status, StatusCode::OK, "whether it lives is told all the same");
    held.pop();
    assert_eq!(world.get(&token, "/v1/types").await.status, StatusCode::OK, "a place is free again");
}

#[tokio::test]
async fn whoever_is_about_to_end_is_not_ready_and_still_answers() {
    let world = World::new().await;
    let token = world.admin().await;
    assert_eq!(world.send(asking(Method::GET, "/readyz")).await.status, StatusCode::OK);
    world.drain.cancel();
    let refused = world.send(asking(Method::GET, "/readyz")).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "draining"));
    assert_eq!(world.send(asking(Method::GET, "/healthz")).await.status, StatusCode::OK);
    assert_eq!(world.get(&token, "/v1/types").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_database_that_is_gone_makes_the_process_not_ready_and_its_words_reach_nobody() {
    let world = World::new().await;
    let token = world.admin().await;
    world.store.close().await;
    let ready = world.send(asking(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, ready.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    let asked = world.get(&token, "/v1/tenants").await;
    assert_eq!((asked.status, asked.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    let text = String::from_utf8(asked.body).expect("text").to_lowercase();
    assert!(!text.contains("sqlite") && !text.contains("pool"), "{text}");
    assert_eq!(world.send(asking(Method::GET, "/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_is_right_is_taken_whatever_its_media_type_says_beside() {
    let world = World::new().await;
    let token = world.admin().await;
    let mut request = telling(Method::POST, "/v1/selections/preview", r#"{"selection":{}}"#).with(&token);
    request.headers_mut().insert(header::CONTENT_TYPE, "application/JSON; charset=utf-8".parse().expect("a header"));
    assert_eq!(world.send(request).await.status, StatusCode::OK);
}
