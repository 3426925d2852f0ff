//! The end of a server: nobody who asked goes without an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lastseen_api::server::{Ended, ServerSettings};
use tokio::net::TcpStream;

use crate::client::{Client, soon};
use crate::served::{SHORT, Served};

fn quick() -> ServerSettings {
    ServerSettings { linger: SHORT, first_word: SHORT, parting: SHORT, ..ServerSettings::default() }
}

#[tokio::test]
async fn requests_under_way_when_the_drain_begins_are_answered_whole() {
    let served = Served::within(quick()).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = served.client().await;
        client.ask("/held").await;
        clients.push(client);
    }
    served.arrived(20).await;
    served.drain.cancel();
    // Nothing new is accepted; those under way go on.
    while let Ok(stream) = TcpStream::connect(served.address).await {
        drop(stream);
        tokio::task::yield_now().await;
    }
    assert!(!served.serving.is_finished());
    served.signals.go.add_permits(20);
    for client in &mut clients {
        let answer = client.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str()), (200, "held, and let go"));
        assert!(answer.closes(), "{answer:?}");
        assert!(client.rest().await.is_empty());
    }
    assert_eq!(served.ended().await, Ended::Whole);
}

#[tokio::test]
async fn whoever_was_let_in_before_the_end_and_asks_after_it_is_answered() {
    let late = Duration::from_mins(1);
    let served = Served::within(ServerSettings { linger: Duration::ZERO, first_word: late, ..quick() }).await;
    let mut accepted = served.client().await;
    served.is_well().await;
    // Let in by the system, and by nobody else yet: nothing runs between this and the drain.
    let waiting = std::net::TcpStream::connect(served.address).expect("let in");
    served.drain.cancel();
    waiting.set_nonblocking(true).expect("set");
    let mut waiting = Client(TcpStream::from_std(waiting).expect("a stream"));
    while let Ok(stream) = TcpStream::connect(served.address).await {
        drop(stream);
        tokio::task::yield_now().await;
    }
    for client in [&mut accepted, &mut waiting] {
        let answer = client.get("/").await;
        assert_eq!((answer.body.as_str(), answer.closes()), ("hello", true));
    }
    assert_eq!(served.ended().await, Ended::Whole);
}

#[tokio::test]
async fn idle_connections_close_and_the_server_ends() {
    let served = Served::within(quick()).await;
    let mut idle = served.client().await;
    assert!(!idle.get("/").await.closes());
    let mut silent = served.client().await;
    served.drain.cancel();
    assert!(idle.rest().await.is_empty());
    assert!(silent.rest().await.is_empty());
    assert_eq!(served.ended().await, Ended::Whole);
}

/// Clients that ask again and again over kept connections, and over new ones, until they are told that it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_a_busy_client_is_lost_by_a_drain() {
    // Nobody waits: it ends when every client has been told.
    let served = Served::within(ServerSettings { linger: Duration::from_mins(1), ..ServerSettings::default() }).await;
    let answered = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> = (0..16)
        .map(|number| {
            let (address, answered, drain) = (served.address, Arc::clone(&answered), served.drain.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                loop {
                    let answer = client.get("/").await;
                    assert_eq!(answer.body, "hello");
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.closes() {
                        assert!(drain.is_cancelled() && client.rest().await.is_empty());
                        return;
                    }
                    if number % 2 == 0 {
                        client = Client::connect(address).await;
                    }
                }
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < 500 {
        tokio::task::yield_now().await;
    }
    served.drain.cancel();
    for client in clients {
        soon(client).await.expect("every answer whole");
    }
    served.stop.cancel();
    served.ended().await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_counted() {
    let served = Served::within(ServerSettings { drain_for: SHORT, ..quick() }).await;
    let mut client = served.client().await;
    client.ask("/held").await;
    served.arrived(1).await;
    served.drain.cancel();
    assert!(client.rest().await.is_empty());
    assert_eq!(served.ended().await, Ended::Cut(1));
}

#[tokio::test]
async fn stop_ends_everything_at_once_with_or_without_a_drain_before() {
    for drained in [false, true] {
        let served = Served::new().await;
        let mut client = served.client().await;
        client.ask("/held").await;
        served.arrived(1).await;
        if drained {
            served.drain.cancel();
        }
        served.stop.cancel();
        assert!(client.rest().await.is_empty());
        assert_eq!(served.ended().await, Ended::Cut(1));
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_no_connection_behind() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.ask("/held").await;
    served.arrived(1).await;
    served.serving.abort();
    assert!(client.rest().await.is_empty());
}
