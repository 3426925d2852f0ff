//! How many are served at once.

use lastseen_api::server::ServerSettings;

use crate::client::soon;
use crate::served::Served;

async fn two_places(refusals: usize) -> Served {
    Served::within(ServerSettings { connections: 2, refusals, ..ServerSettings::default() }).await
}

#[tokio::test]
async fn whoever_finds_no_place_is_told_so_at_once() {
    let served = two_places(4).await;
    let (mut one, mut two) = (served.client().await, served.client().await);
    assert_eq!((one.get("/").await.status, two.get("/").await.status), (200, 200));
    for _ in 0..10 {
        let mut third = served.client().await;
        let answer = third.get("/").await;
        assert_eq!(answer.status, 503);
        assert!(
            answer.closes() && answer.head.contains("retry-after: 1") && answer.head.contains("application/problem+json"),
            "{answer:?}"
        );
        let problem: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&problem["code"], &problem["status"]), (&"busy".into(), &503.into()));
        assert!(third.rest().await.is_empty());
    }
    // Those who have a place keep it.
    assert_eq!((one.get("/").await.status, two.get("/").await.status), (200, 200));
}

#[tokio::test]
async fn a_place_is_free_again_when_its_connection_ends_however_it_ends() {
    let served = two_places(4).await;
    for round in 0..20 {
        let mut one = served.client().await;
        let mut two = served.client().await;
        // The ends of the round before may not have been seen yet.
        while one.get("/").await.status == 503 {
            one = served.client().await;
        }
        while two.get("/").await.status == 503 {
            two = served.client().await;
        }
        if round % 2 == 0 {
            // Gone in the middle of a request.
            one.ask("/endless").await;
            two.send("GET").await;
        }
    }
    served.is_well_in_time().await;
}

#[tokio::test]
async fn beyond_the_refusals_connections_wait_and_none_is_forgotten() {
    let served = two_places(1).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = served.client().await;
        client.ask("/held").await;
        held.push(client);
    }
    served.arrived(2).await;
    // It takes the one place for refusals and says nothing.
    let silent = served.client().await;
    let mut waiting = served.client().await;
    waiting.ask("/").await;
    served.signals.go.add_permits(2);
    for client in &mut held {
        assert_eq!(client.answer().await.expect("an answer").status, 200);
    }
    drop((held, silent));
    let answer = soon(waiting.answer()).await.expect("an answer");
    assert!(matches!(answer.status, 200 | 503), "{answer:?}");
}
