//! Whose turn it is: buckets that are closed, requests that are spaced, and how many are under way.

use std::time::Duration;

use lastseen_contracts::{PathContract, Workload};
use lastseen_graph::GraphSettings;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::*;

fn listings(client: &Client, workload: Workload, n: usize) -> JoinSet<Listed> {
    let session = session(client);
    (0..n).map(|n| list(session.pages(&PathContract { workload, ..path(&format!("/things{n}")) }, &[0]))).collect()
}

#[tokio::test]
async fn i13_after_a_429_nothing_of_its_bucket_starts_before_its_time() {
    const PATHS: usize = 10;
    let server = Server::start().await;
    let timer = FakeTimer::by_hand();
    let client = server.client_with(GraphSettings { tenant_concurrency: 1, ..GraphSettings::default() }, &timer);
    server.graph([throttled("30")]);
    let waiting = listings(&client, Workload::Intune, PATHS);
    timer.until_paused(PATHS).await;
    assert_eq!(server.asked().len(), 1, "one request was throttled, nine wait with it");
    let mut differ = timer.pauses();
    assert!(differ.iter().all(|pause| (Duration::from_secs(30)..=Duration::from_millis(37_500)).contains(pause)));
    differ.sort();
    differ.dedup();
    assert!(differ.len() > PATHS / 2, "they do not come back all at once");

    // Another bucket, and another tenant, are open all the while.
    server.graph([server.page(&[], None), server.page(&[], None)]);
    assert!(list(session(&client).pages(&PathContract { workload: Workload::Identity, ..path("/policies") }, &[0])).await.whole());
    let other = client.session(tenant(OTHER_TENANT), correlation(), CancellationToken::new());
    assert!(list(other.pages(&path("/things"), &[0])).await.whole());
    assert_eq!(server.asked().len(), 3);

    timer.advance(Duration::from_millis(29_999));
    // A newcomer finds the bucket closed as the others do.
    let newcomer = listings(&client, Workload::Intune, 1);
    timer.until_paused(PATHS + 1).await;
    assert_eq!(server.asked().len(), 3);

    server.graph(vec![page_to(&["1"], None); PATHS + 1]);
    timer.advance(Duration::from_mins(1));
    assert!(waiting.join_all().await.iter().all(Listed::whole));
    assert!(newcomer.join_all().await.iter().all(Listed::whole));
}

#[tokio::test]
async fn conditional_access_is_asked_once_a_second_for_the_whole_tenant() {
    let server = Server::start().await;
    let timer = FakeTimer::by_hand();
    let client = client(GraphSettings { share_percent: 100, ..GraphSettings::default() }, server.access(), &timer);
    server.graph(vec![page_to(&["1"], None); 3]);
    let listings = listings(&client, Workload::ConditionalAccess, 3);
    for second in 1..=3 {
        server.until_asked(second).await;
        // Whoever is left waits: two at first, then one again, then nobody.
        timer.until_paused([2, 3, 3][second - 1]).await;
        assert_eq!(server.asked().len(), second);
        // A little more than the second, because the way to Graph may bring two requests closer together.
        timer.advance(Duration::from_millis(1_050));
    }
    assert!(listings.join_all().await.iter().all(Listed::whole));
}

#[tokio::test]
async fn no_more_requests_of_a_tenant_are_under_way_than_the_setting_says() {
    let server = Server::start().await;
    let client = server.client_with(GraphSettings { tenant_concurrency: 2, ..GraphSettings::default() }, &FakeTimer::new());
    session(&client).sign_in().await.expect("signed in");
    let other = client.session(tenant(OTHER_TENANT), correlation(), CancellationToken::new());
    other.sign_in().await.expect("signed in");
    server.graph(vec![Reply::Hang(Vec::new()); 2]);
    let cancel = CancellationToken::new();
    let first = client.session(tenant(TENANT), correlation(), cancel.clone());
    let hanging: JoinSet<_> = (0..2).map(|_| list(first.pages(&path("/things"), &[0]))).collect();
    server.until_asked(2).await;
    let third = tokio::spawn(list(session(&client).pages(&path("/things"), &[0])));
    // The third one has had every chance to be sent when a request of another tenant has come back.
    server.graph([server.page(&["other"], None)]);
    assert_eq!(list(other.pages(&path("/things"), &[0])).await.ids(), ["other"]);
    assert_eq!(server.asked().len(), 3);
    server.graph([server.page(&["third"], None)]);
    cancel.cancel();
    assert!(hanging.join_all().await.iter().all(|listed| listed.code() == "cancelled"));
    assert_eq!(third.await.expect("ends").ids(), ["third"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_listings_side_by_side_all_come_to_their_end() {
    const PATHS: usize = 60;
    let server = Server::start().await;
    let timer = FakeTimer::new();
    let client = server.client(&timer);
    server.graph((0..PATHS * 3).map(|n| match n % 5 {
        0 => throttled("3"),
        1 => answer(503, &[]),
        _ => page_to(&["1"], None),
    }));
    server.graph(vec![page_to(&["1"], None); PATHS]);
    let listed = listings(&client, Workload::Intune, PATHS).join_all().await;
    assert_eq!(listed.len(), PATHS);
    for listed in &listed {
        assert!(listed.whole() || ["graph_throttled", "graph_unavailable"].contains(&listed.code()), "{}", listed.code());
    }
    assert!(listed.iter().filter(|listed| listed.whole()).count() > PATHS / 2);
}
