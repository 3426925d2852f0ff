//! Clients that are slow, say too much, or say nothing that is HTTP.

use std::time::Duration;

use lastseen_api::server::{Security, ServerSettings};
use tokio::io::AsyncWriteExt as _;

use crate::client::{Client, soon};
use crate::served::{SHORT, Served};

fn short_head() -> ServerSettings {
    ServerSettings { head_timeout: SHORT, ..ServerSettings::default() }
}

#[tokio::test]
async fn a_head_that_does_not_end_ends_the_connection() {
    let served = Served::within(short_head()).await;
    for begun in ["", "G", "GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: "] {
        let mut client = served.client().await;
        client.send(begun).await;
        assert!(client.rest().await.is_empty(), "{begun:?}");
    }
    served.is_well().await;
}

#[tokio::test]
async fn a_second_head_that_does_not_end_ends_the_connection_where_a_silent_one_is_kept() {
    let served = Served::within(short_head()).await;
    let mut client = served.client().await;
    assert_eq!(client.get("/").await.status, 200);
    client.send("GET / HTTP/1.1\r\n").await;
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn a_connection_that_asks_nothing_more_ends() {
    let served = Served::within(ServerSettings { idle_timeout: SHORT, ..ServerSettings::default() }).await;
    let mut client = served.client().await;
    assert_eq!(client.get("/").await.status, 200);
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered_and_the_connection_ends() {
    let served = Served::by(Security::Loopback, ServerSettings::default(), SHORT).await;
    let mut client = served.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nx").await;
    assert_eq!(client.answer().await.expect("an answer").status, 408);
    assert!(client.rest().await.is_empty());
    // In chunks as well, which never say how much is to come.
    let mut client = served.client().await;
    client.send("POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").status, 408);
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_and_the_connection_ends() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-large: {}\r\n\r\n", "x".repeat(40 * 1024))).await;
    assert_eq!(client.answer().await.expect("an answer").status, 431);
    assert!(client.rest().await.is_empty());
    // One that never ends is not waited for.
    let mut client = served.client().await;
    client.send(format!("GET /{}", "x".repeat(100 * 1024))).await;
    assert!(matches!(client.answer().await.expect("an answer").status, 414 | 431));
    // Many small ones are too many.
    let mut client = served.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200))).await;
    assert_eq!(client.answer().await.expect("an answer").status, 431);
    served.is_well().await;
}

#[tokio::test]
async fn a_token_of_sixteen_kibibytes_has_a_place_in_the_head() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", "x".repeat(16 * 1024))).await;
    assert_eq!(client.answer().await.expect("an answer").status, 200);
}

/// Closing over what it still sends would reset the connection, and many a client then never reads the answer.
#[tokio::test]
async fn a_body_that_is_too_large_is_answered_and_what_is_still_sent_is_taken() {
    let served = Served::within(ServerSettings { parting: Duration::from_mins(1), ..ServerSettings::default() }).await;
    let mut client = served.client().await;
    client.send(format!("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 1024 * 1024)).await;
    client.send(vec![b'x'; 100 * 1024]).await;
    assert_eq!(client.answer().await.expect("an answer").status, 413);
    client.ends_in_good_order().await;
    for _ in 0..100 {
        client.send(vec![b'x'; 1024]).await;
        tokio::task::yield_now().await;
    }
    // But not for ever.
    while soon(client.0.write_all(&[b'x'; 1024])).await.is_ok() {
        tokio::task::yield_now().await;
    }
    served.is_well().await;
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_is_given_up() {
    let served = Served::within(ServerSettings { write_timeout: SHORT, ..ServerSettings::default() }).await;
    let mut client = served.client().await;
    client.ask("/endless").await;
    soon(served.signals.given_up.notified()).await;
    served.is_well().await;
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_answer_with_it() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.ask("/endless").await;
    drop(client);
    soon(served.signals.given_up.notified()).await;
}

#[tokio::test]
async fn whoever_says_no_more_after_asking_still_gets_the_answer() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.ask("/held").await;
    client.0.shutdown().await.expect("half closed");
    served.arrived(1).await;
    served.signals.go.add_permits(1);
    assert_eq!(client.answer().await.expect("an answer").body, "held, and let go");
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn what_is_not_http_is_answered_or_not_but_ends() {
    let served = Served::new().await;
    let noise: Vec<u8> = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for garbage in [
        noise.as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nhost: a\r\nbad header: x\r\n\r\n",
    ] {
        let mut client = served.client().await;
        client.send(garbage).await;
        client.0.shutdown().await.expect("half closed");
        let answer = client.rest().await;
        let answered = answer.is_empty() || answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 505");
        assert!(answered, "{garbage:?}: {}", String::from_utf8_lossy(&answer));
        served.is_well().await;
    }
}

/// A length and chunks at once are how requests are smuggled past a proxy.
#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_on_its_connection() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let head = format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n", 5 + smuggled.len());
    client.send(format!("{head}0\r\n\r\n{smuggled}")).await;
    let answers = String::from_utf8(client.rest().await).expect("text");
    assert!(answers.matches("HTTP/1.1").count() <= 1 && !answers.contains("404"), "{answers}");
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_order() {
    let served = Served::new().await;
    let mut client = served.client().await;
    let post = |body: &str| format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    client.send(["one", "two", "three", "four"].map(post).concat()).await;
    for body in ["one", "two", "three", "four"] {
        assert_eq!(client.answer().await.expect("an answer").body, body);
    }
}

#[tokio::test]
async fn many_clients_at_once_are_all_answered() {
    let served = Served::new().await;
    let asking: Vec<_> = (0..200)
        .map(|_| {
            let address = served.address;
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..5 {
                    assert_eq!(client.get("/").await.body, "hello");
                }
            })
        })
        .collect();
    for client in asking {
        soon(client).await.expect("answered");
    }
}

#[tokio::test]
async fn a_connection_has_an_end_whatever_its_client_does() {
    let served = Served::within(ServerSettings { connection_life: SHORT, ..ServerSettings::default() }).await;
    // It asks nothing more.
    let mut client = served.client().await;
    assert_eq!(client.get("/").await.status, 200);
    assert!(client.rest().await.is_empty());
    // It has an answer that takes for ever.
    let mut client = served.client().await;
    client.ask("/held").await;
    assert!(client.rest().await.is_empty());
}
