//! A run that is watched.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use http::{Method, StatusCode};
use lastseen_model::{Ending, Role};
use lastseen_store::{FinishRun, Traffic};
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{OURS, With, World, asking, only, scope, tenant};

/// A stream of events.
struct Watching {
    body: BodyDataStream,
    text: String,
}

/// One event: its name and what it holds; a comment has no name.
#[derive(Debug, PartialEq)]
struct Heard {
    name: String,
    data: Option<Value>,
}

impl Watching {
    async fn begin(world: &World, token: &str, run: impl std::fmt::Display) -> Result<Self, StatusCode> {
        let request = asking(Method::GET, &format!("/v1/tenants/{}/runs/{run}/events", tenant(OURS))).with(token);
        let response = world.router.clone().oneshot(request).await.expect("the router never fails");
        if response.status() != StatusCode::OK {
            return Err(response.status());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body: Body = response.into_body();
        Ok(Self { body: body.into_data_stream(), text: String::new() })
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
                let name = field("event").unwrap_or_default().to_owned();
                let heard = Heard { name, data: field("data").map(|data| serde_json::from_str(data).expect("JSON")) };
                let read = self.text.len() - rest.len();
                self.text.drain(..read);
                return Some(heard);
            }
            let piece = self.body.next().await?.expect("a piece");
            self.text.push_str(std::str::from_utf8(&piece).expect("text"));
        }
    }

    async fn status(&mut self) -> Option<String> {
        Some(self.next().await?.data?["status"].as_str()?.to_owned())
    }
}

#[tokio::test]
async fn a_run_is_told_at_once_when_it_changes_and_when_it_ends() {
    let world = World::new().await;
    let token = world.admin().await;
    let claimed = world.start(OURS).await;
    let mut watching = Watching::begin(&world, &token, claimed.lease.run_id).await.expect("a stream");
    assert_eq!(watching.status().await.as_deref(), Some("running"));

    let begun = async {
        world.store.begin_listings(&scope(OURS), &claimed.lease, &[crate::support::kind()]).await.expect("begun");
        world.timer.pass(Duration::from_secs(1)).await;
    };
    let (heard, ()) = tokio::join!(watching.next(), begun);
    let heard = heard.expect("an event");
    assert_eq!(heard.name, "progress");
    assert!(heard.data.expect("a run")["listings"][0]["started_at"].is_string());

    let ends = async {
        let finish = FinishRun { ending: Ending::Finished, error: None, traffic: Traffic::default() };
        world.store.finish_run(&scope(OURS), &claimed.lease, &finish).await.expect("it ends");
        world.timer.pass(Duration::from_secs(1)).await;
    };
    let (heard, ()) = tokio::join!(watching.next(), ends);
    let heard = heard.expect("an event");
    let shown = world.get(&token, &format!("/v1/tenants/{}/runs/{}", tenant(OURS), claimed.lease.run_id)).await.json();
    assert_eq!(heard, Heard { name: "end".to_owned(), data: Some(shown) });
    assert_eq!(watching.next().await, None, "after the end there is nothing more to come");
}

#[tokio::test]
async fn a_run_that_does_not_change_is_not_told_again_but_the_line_is_kept_alive() {
    let world = World::new().await;
    let token = world.admin().await;
    let run = world.queued(OURS).await;
    let mut watching = Watching::begin(&world, &token, run).await.expect("a stream");
    assert_eq!(watching.status().await.as_deref(), Some("pending"));
    let (heard, ()) = tokio::join!(watching.next(), async {
        for _ in 0..15 {
            world.timer.pass(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(heard, Some(Heard { name: String::new(), data: None }));
}

#[tokio::test]
async fn a_stream_ends_with_the_process_and_after_its_time_and_says_to_come_back() {
    for drains in [true, false] {
        let world = World::new().await;
        let token = world.admin().await;
        let run = world.queued(OURS).await;
        let mut watching = Watching::begin(&world, &token, run).await.expect("a stream");
        assert_eq!(watching.status().await.as_deref(), Some("pending"));
        let (heard, ()) = tokio::join!(watching.next(), async {
            if drains {
                world.drain.cancel();
            } else {
                world.timer.pass(Duration::from_mins(15)).await;
            }
        });
        assert_eq!(heard.map(|heard| heard.name), Some(String::new()), "drains: {drains}");
        assert!(watching.next().await.is_none(), "drains: {drains}");
    }
}

#[tokio::test]
async fn a_stream_ends_soon_after_its_token_was_revoked_or_has_expired() {
    for revoked in [true, false] {
        let world = World::new().await;
        let (token, record) = world.token_and_record(Role::Reader, only(OURS)).await;
        let run = world.queued(OURS).await;
        let mut watching = Watching::begin(&world, &token, run).await.expect("a stream");
        assert_eq!(watching.status().await.as_deref(), Some("pending"));
        if revoked {
            world.store.revoke_token(record.token_id).await.expect("revoked");
        } else {
            world.clock.advance(Duration::from_hours(2));
        }
        let (heard, ()) = tokio::join!(watching.next(), async {
            for _ in 0..15 {
                world.timer.pass(Duration::from_secs(1)).await;
            }
        });
        // A line that is kept alive is a comment, too: what tells is that nothing follows.
        assert_eq!(heard.map(|heard| heard.name), Some(String::new()), "revoked: {revoked}");
        assert_eq!(watching.next().now_or_never(), Some(None), "revoked: {revoked}");
    }
}

#[tokio::test]
async fn one_caller_has_only_so_many_streams_and_leaves_room_for_others() {
    let world = World::new().await;
    let (token, other) = (world.admin().await, world.admin().await);
    let run = world.queued(OURS).await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Watching::begin(&world, &token, run).await.expect("a stream"));
    }
    assert_eq!(Watching::begin(&world, &token, run).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert!(Watching::begin(&world, &other, run).await.is_ok());
    open.pop();
    assert!(Watching::begin(&world, &token, run).await.is_ok());
}

#[tokio::test]
async fn only_so_many_streams_are_open_and_one_that_closes_makes_room() {
    let world = World::new().await;
    let run = world.queued(OURS).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let token = world.admin().await;
        for _ in 0..16 {
            open.push(Watching::begin(&world, &token, run).await.expect("a stream"));
        }
    }
    let token = world.admin().await;
    assert_eq!(Watching::begin(&world, &token, run).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    open.pop();
    assert!(Watching::begin(&world, &token, run).await.is_ok());
}
