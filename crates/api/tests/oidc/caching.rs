//! How often an issuer is asked for its keys, and how long they count.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lastseen_api::oidc::OidcRefusal;

use crate::clock::Clock;
use crate::issuer::Issuer;
use crate::signer::Signer;

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn keys_are_fetched_once_an_hour_whatever_comes() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = signer.token(&issuer.claims());
    assert_eq!(issuer.asked(), (0, 0), "nothing is asked before the first token");
    for hour in 1..=3 {
        for _ in 0..20 {
            oidc.authority(&token).await.expect("known");
        }
        clock.pass(Duration::from_secs(3599));
        oidc.authority(&token).await.expect("known");
        assert_eq!(issuer.asked(), (hour, hour));
        clock.pass(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_is_no_token_of_the_issuer_asks_for_nothing() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    let oidc = issuer.known_to(&Arc::default());
    for token in ["", "lastseen_abc", "a.b.c", &format!("{}.", "x".repeat(20_000))] {
        oidc.authority(token).await.expect_err("a refusal");
    }
    assert_eq!(issuer.asked(), (0, 0));
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_forgotten() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let issuer = Issuer::with(&[&old]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let (by_old, by_new) = (old.token(&issuer.claims()), new.token(&issuer.claims()));
    oidc.authority(&by_old).await.expect("known");
    issuer.now(|answers| answers.keys = vec![new.jwk()]);
    // Its keys were asked for a moment ago.
    assert_eq!(oidc.authority(&by_new).await, Err(OidcRefusal::UnknownKey));
    clock.pass(MINUTE);
    oidc.authority(&by_new).await.expect("known");
    assert_eq!(issuer.asked(), (2, 2));
    clock.pass(MINUTE);
    assert_eq!(oidc.authority(&by_old).await, Err(OidcRefusal::UnknownKey));
}

#[tokio::test]
async fn a_key_that_the_issuer_took_back_counts_for_an_hour_at_most() {
    let (stolen, other) = (Signer::ed25519("stolen"), Signer::ed25519("other"));
    let issuer = Issuer::with(&[&stolen, &other]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = stolen.token(&issuer.claims());
    oidc.authority(&token).await.expect("known");
    issuer.now(|answers| answers.keys = vec![other.jwk()]);
    clock.pass(HOUR);
    assert_eq!(oidc.authority(&token).await, Err(OidcRefusal::UnknownKey));
}

#[tokio::test]
async fn made_up_keys_have_the_issuer_asked_once_a_minute() {
    let (own, made_up) = (Signer::ed25519("a"), Signer::ed25519("made-up"));
    let issuer = Issuer::with(&[&own]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = made_up.token(&issuer.claims());
    for minute in 1..=5 {
        for _ in 0..20 {
            assert_eq!(oidc.authority(&token).await, Err(OidcRefusal::UnknownKey));
        }
        assert_eq!(issuer.asked(), (minute, minute));
        clock.pass(MINUTE);
    }
}

#[tokio::test]
async fn all_who_wait_wait_for_one_fetch() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::held(&[&signer]).await;
    let oidc = issuer.known_to(&Arc::default());
    let token = signer.token(&issuer.claims());
    let (judged, ()) = tokio::join!(join_all((0..16).map(|_| oidc.authority(&token))), issuer.let_one_go());
    assert!(judged.iter().all(Result::is_ok), "{judged:?}");
    assert_eq!(issuer.asked(), (1, 1));
}

#[tokio::test]
async fn few_wait_for_a_slow_issuer_and_a_known_key_waits_for_nothing() {
    let (own, made_up) = (Signer::ed25519("a"), Signer::ed25519("made-up"));
    let issuer = Issuer::held(&[&own]).await;
    let clock = Arc::new(Clock::default());
    let oidc = Arc::new(issuer.known_to(&clock));
    let (known, unknown) = (own.token(&issuer.claims()), made_up.token(&issuer.claims()));
    let (judged, ()) = tokio::join!(oidc.authority(&known), issuer.let_one_go());
    judged.expect("known");
    clock.pass(MINUTE);
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let (oidc, unknown) = (Arc::clone(&oidc), unknown.clone());
            tokio::spawn(async move { oidc.authority(&unknown).await })
        })
        .collect();
    issuer.arrived().await;
    // The issuer does not answer yet: all but those who wait for it have their answer all the same.
    while asking.iter().filter(|asking| asking.is_finished()).count() < 100 - 16 {
        tokio::task::yield_now().await;
    }
    oidc.authority(&known).await.expect("its key is there");
    assert_eq!(oidc.authority(&unknown).await, Err(OidcRefusal::KeysUnavailable), "no place is free");
    issuer.release();
    let mut told = Vec::new();
    for asking in asking {
        told.push(asking.await.expect("no panic").expect_err("nobody knows the key"));
    }
    let refused = |refusal| told.iter().filter(|told| **told == refusal).count();
    assert_eq!((refused(OidcRefusal::UnknownKey), refused(OidcRefusal::KeysUnavailable)), (16, 84));
    assert_eq!(issuer.asked(), (2, 2));
    assert_eq!(oidc.authority(&unknown).await, Err(OidcRefusal::UnknownKey), "the places are free again");
}

#[tokio::test]
async fn where_many_ask_at_once_when_the_hour_is_over_the_last_keys_count_for_those_who_find_no_place_to_wait() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::held(&[&signer]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = signer.token(&issuer.claims());
    let (judged, ()) = tokio::join!(oidc.authority(&token), issuer.let_one_go());
    judged.expect("known");
    clock.pass(HOUR);
    let (judged, ()) = tokio::join!(join_all((0..100).map(|_| oidc.authority(&token))), issuer.let_one_go());
    assert!(judged.iter().all(Result::is_ok), "{judged:?}");
    assert_eq!(issuer.asked(), (2, 2));
}

#[tokio::test]
async fn whoever_goes_away_does_not_take_the_fetch_along() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::held(&[&signer]).await;
    let oidc = Arc::new(issuer.known_to(&Arc::default()));
    let token = signer.token(&issuer.claims());
    let (asker, asks) = (Arc::clone(&oidc), token.clone());
    let asking = tokio::spawn(async move { asker.authority(&asks).await });
    issuer.arrived().await;
    asking.abort();
    asking.await.expect_err("aborted");
    // It is the first fetch that answers this one.
    let (judged, ()) = tokio::join!(oidc.authority(&token), async { issuer.release() });
    judged.expect("known");
    assert_eq!(issuer.asked(), (1, 1));
}

#[tokio::test]
async fn while_the_issuer_is_away_its_last_keys_count_for_a_day() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = signer.token(&issuer.claims());
    oidc.authority(&token).await.expect("known");
    issuer.now(|answers| answers.away = true);
    clock.pass(HOUR);
    for attempt in 1..=3 {
        for _ in 0..10 {
            oidc.authority(&token).await.expect("known by the last keys");
        }
        assert_eq!(issuer.asked(), (1 + attempt, 1), "it is asked once a minute, not for each token");
        clock.pass(MINUTE);
    }
    clock.pass(22 * HOUR + 56 * MINUTE);
    oidc.authority(&token).await.expect("known by the last keys");
    clock.pass(MINUTE);
    assert_eq!(oidc.authority(&token).await, Err(OidcRefusal::KeysUnavailable));
    issuer.now(|answers| answers.away = false);
    clock.pass(MINUTE);
    oidc.authority(&token).await.expect("known again");
}

#[tokio::test]
async fn an_issuer_that_is_away_at_first_is_asked_again_soon() {
    let signer = Signer::ed25519("a");
    let issuer = Issuer::with(&[&signer]).await;
    issuer.now(|answers| answers.away = true);
    let clock = Arc::new(Clock::default());
    let oidc = issuer.known_to(&clock);
    let token = signer.token(&issuer.claims());
    for _ in 0..20 {
        assert_eq!(oidc.authority(&token).await, Err(OidcRefusal::KeysUnavailable));
    }
    assert_eq!(issuer.asked(), (1, 0));
    issuer.now(|answers| answers.away = false);
    clock.pass(Duration::from_secs(10));
    oidc.authority(&token).await.expect("known");
}
