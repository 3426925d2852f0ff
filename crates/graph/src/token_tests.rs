use std::cell::Cell;
use std::future::ready;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use rstest::rstest;

use super::*;

const TENANT: &str = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10";
const OTHER: &str = "11111111-5a54-4c0e-9d6b-3f1f0f6b7a10";

fn tenant() -> TenantId {
    TENANT.parse().expect("a tenant")
}

const LONGEST: Duration = Duration::from_mins(20);

/// Asked for at this moment of the timer, at a time of day of 1,000,000 s.
fn at(moment: Duration) -> AskedAt {
    AskedAt { moment, time_of_day: Duration::from_secs(1_000_000) }
}

fn jwt(payload: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
}

fn grant(token: &str, expires_in: &str) -> Result<Grant, Unreadable> {
    read(format!(r#"{{"token_type":"Bearer","access_token":"{token}","expires_in":{expires_in}}}"#).as_bytes())
}

fn token(lifetime: u64) -> Token {
    grant("opaque", &lifetime.to_string()).expect("a grant").into_token(tenant(), at(Duration::ZERO)).expect("a token")
}

#[rstest]
#[case::opaque("opaque".into())]
#[case::two_parts("a.b".into())]
#[case::not_base64("a.!.c".into())]
#[case::not_json(jwt("nothing"))]
#[case::no_tid(jwt("{}"))]
#[case::its_own(jwt(&format!(r#"{{"tid":"{TENANT}","roles":[]}}"#)))]
#[case::its_own_in_upper_case(jwt(&format!(r#"{{"tid":"{}"}}"#, TENANT.to_uppercase())))]
#[case::its_own_twice(jwt(&format!(r#"{{"tid":"{TENANT}","tid":"{TENANT}"}}"#)))]
#[case::padded(format!("e30=.{}.x", STANDARD.encode(format!(r#"{{"tid":"{TENANT}"}}"#))))]
fn i21_a_token_that_does_not_name_another_tenant_is_taken(#[case] token: String) {
    assert!(grant(&token, "3599").expect("a grant").into_token(tenant(), at(Duration::ZERO)).is_ok());
}

#[rstest]
#[case::another(format!(r#"{{"tid":"{OTHER}"}}"#))]
#[case::no_guid(r#"{"tid":"contoso"}"#.into())]
#[case::empty(r#"{"tid":""}"#.into())]
#[case::null(r#"{"tid":null}"#.into())]
#[case::a_number(r#"{"tid":7}"#.into())]
#[case::a_list(format!(r#"{{"tid":["{TENANT}"]}}"#))]
#[case::with_a_space(format!(r#"{{"tid":"{TENANT} "}}"#))]
#[case::in_braces(format!(r#"{{"tid":"{{{TENANT}}}"}}"#))]
#[case::without_hyphens(format!(r#"{{"tid":"{}"}}"#, TENANT.replace('-', "")))]
#[case::another_first(format!(r#"{{"tid":"{OTHER}","tid":"{TENANT}"}}"#))]
#[case::another_last(format!(r#"{{"tid":"{TENANT}","t\u0069d":"{OTHER}"}}"#))]
#[case::beside_half_a_pair(format!(r#"{{"name":"\ud83d","tid":"{OTHER}"}}"#))]
fn i21_a_token_that_names_anything_but_its_tenant_is_refused(#[case] payload: String) {
    let foreign = grant(&jwt(&payload), "3599").expect("a grant");
    assert_eq!(foreign.into_token(tenant(), at(Duration::ZERO)).map(drop), Err(ErrorCode::AuthTenantMismatch));
}

#[rstest]
#[case::an_hour(3599, 3299)]
#[case::a_day_refreshes_five_minutes_early(86_400, 86_100)]
#[case::ten_minutes_refresh_one_early(600, 540)]
#[case::twenty_minutes_refresh_a_tenth_early(1200, 1080)]
#[case::a_minute_is_used_for_half_of_it(60, 30)]
#[case::nothing(0, 0)]
fn a_token_is_refreshed_early(#[case] lifetime: u64, #[case] refresh_at: u64) {
    assert_eq!(token(lifetime).refresh_at, Duration::from_secs(refresh_at));
}

#[test]
fn a_lifetime_may_be_a_text_and_must_be_a_number() {
    let token = grant("t", r#""3599""#).expect("a grant").into_token(tenant(), at(Duration::from_secs(1))).expect("a token");
    assert_eq!(token.refresh_at, Duration::from_mins(55));
    let wrong = grant("t", r#""soon""#).expect("a grant").into_token(tenant(), at(Duration::ZERO)).map(drop);
    assert_eq!(wrong, Err(ErrorCode::GraphInvalidResponse));
    assert!(grant("t", "18446744073709551615").expect("a grant").into_token(tenant(), at(Duration::from_secs(1))).is_ok());
}

#[rstest]
#[case("", Unreadable::NotJson)]
#[case("<html>", Unreadable::NotJson)]
#[case(r#"{"access_token":"t","expires_in":1"#, Unreadable::NotJson)]
#[case("{}", Unreadable::NotAPage)]
#[case(r#"{"access_token":"","expires_in":1}"#, Unreadable::NotAPage)]
#[case(r#"{"access_token":"a\nb","expires_in":1}"#, Unreadable::NotAPage)]
#[case(r#"{"access_token":"t"}"#, Unreadable::NotAPage)]
fn an_answer_without_a_usable_token_is_none(#[case] body: &str, #[case] unreadable: Unreadable) {
    assert_eq!(read(body.as_bytes()).map(drop), Err(unreadable));
}

#[test]
fn a_lifetime_may_be_an_end_by_the_time_of_day() {
    let read_end = |end: &str| read(format!(r#"{{"access_token":"t","expires_on":"{end}"}}"#).as_bytes()).expect("a grant");
    let token = read_end("1003600").into_token(tenant(), at(Duration::from_secs(7))).expect("a token");
    assert_eq!(token.expires_at, Duration::from_secs(3607));
    let past = read_end("5").into_token(tenant(), at(Duration::from_secs(7))).expect("a token");
    assert_eq!(past.expires_at, Duration::from_secs(7));
    assert_eq!(read_end("soon").into_token(tenant(), at(Duration::ZERO)).map(drop), Err(ErrorCode::GraphInvalidResponse));
}

#[test]
fn i17_a_grant_and_a_token_do_not_show_themselves() {
    let granted = grant("canary", "3599").expect("a grant");
    assert!(!format!("{granted:?}").contains("canary"));
    let token = granted.into_token(tenant(), at(Duration::ZERO)).expect("a token");
    assert!(!format!("{token:?}").contains("canary"));
}

#[tokio::test]
async fn a_kept_token_is_used_until_its_time_and_then_replaced() {
    let slot = TokenSlot::default();
    let now = Cell::new(Duration::ZERO);
    let first = slot.get(|| now.get(), LONGEST, |_| ready(Ok(token(3599)))).await.expect("fetched");
    now.set(Duration::from_secs(3298));
    let same = slot.get(|| now.get(), LONGEST, |_| async { unreachable!("there is one") }).await.expect("kept");
    assert!(Arc::ptr_eq(&first, &same));
    now.set(Duration::from_secs(3299));
    let next = slot.get(|| now.get(), LONGEST, |_| ready(Ok(token(3599)))).await.expect("fetched");
    assert!(!Arc::ptr_eq(&first, &next));
}

#[rstest]
#[case::no_life(0)]
#[case::a_second(1)]
#[case::nine(9)]
#[case::half_of_it_would_be_less(19)]
#[tokio::test]
async fn i13_a_token_that_hardly_lives_is_used_for_ten_seconds_and_not_for_one_request(#[case] lifetime: u64) {
    let slot = TokenSlot::default();
    // It was under way for a minute.
    let now = Cell::new(Duration::from_mins(1));
    let first = slot.get(|| now.get(), LONGEST, |_| ready(Ok(token(lifetime)))).await.expect("fetched");
    now.set(Duration::from_millis(69_999));
    let same = slot.get(|| now.get(), LONGEST, |_| async { unreachable!("there is one") }).await.expect("kept");
    assert!(Arc::ptr_eq(&first, &same));
    now.set(Duration::from_secs(70));
    let next = slot.get(|| now.get(), LONGEST, |_| ready(Ok(token(lifetime)))).await.expect("fetched");
    assert!(!Arc::ptr_eq(&first, &next));
}

#[tokio::test]
async fn a_refused_token_is_dropped_only_while_it_is_the_kept_one() {
    let slot = TokenSlot::default();
    let now = || Duration::ZERO;
    let old = slot.get(now, LONGEST, |_| ready(Ok(token(3599)))).await.expect("fetched");
    slot.refused(&old, None).await;
    let new = slot.get(now, LONGEST, |_| ready(Ok(token(3599)))).await.expect("fetched");
    // A second answer to the old token arrives late.
    slot.refused(&old, None).await;
    let kept = slot.get(now, LONGEST, |_| async { unreachable!("there is one") }).await.expect("kept");
    assert!(Arc::ptr_eq(&new, &kept));
}

#[tokio::test]
async fn claims_go_with_the_next_fetch_that_ends_and_with_no_other() {
    let slot = TokenSlot::default();
    let now = || Duration::ZERO;
    let header = format!(r#"Bearer error="insufficient_claims", claims="{}""#, STANDARD.encode("{}"));
    let headers = [(reqwest::header::WWW_AUTHENTICATE, header.parse().expect("a header"))].into_iter().collect();
    let challenge = || Claims::of(&headers);
    let first =
        slot.get(now, LONGEST, |claims| ready(if claims.is_none() { Ok(token(3599)) } else { unreachable!() })).await.expect("fetched");
    slot.refused(&first, challenge()).await;
    // Whoever fetches is cancelled.
    let gives_up = slot.get(now, LONGEST, |_| std::future::pending());
    tokio::select! { biased; _ = gives_up => unreachable!("it never ends"), () = ready(()) => {} }
    let asked = Cell::new(false);
    for (with_claims, later) in [(true, 0), (false, 30)] {
        let ended = slot.get(
            || Duration::from_secs(later),
            LONGEST,
            |claims| {
                asked.set(claims.is_some());
                ready(Err(GraphFailure::of(ErrorCode::AuthFailed)))
            },
        );
        drop(ended.await.expect_err("refused"));
        assert_eq!(asked.get(), with_claims);
    }
}

#[tokio::test]
async fn i13_those_who_wait_for_a_fetch_that_fails_share_its_failure() {
    let slot = TokenSlot::default();
    let now = || Duration::ZERO;
    let (fail, failing) = tokio::sync::oneshot::channel::<()>();
    let first = slot.get(now, LONGEST, |_| async {
        failing.await.expect("told to fail");
        Err(GraphFailure::of(ErrorCode::AuthFailed))
    });
    let second = slot.get(now, LONGEST, |_| async { unreachable!("the first one's failure is shared") });
    let tell = async { fail.send(()).expect("the first one waits") };
    let (first, second, ()) = tokio::join!(first, second, tell);
    assert_eq!(first.map(drop), Err(GraphFailure::of(ErrorCode::AuthFailed)));
    assert_eq!(second.map(drop), Err(GraphFailure::of(ErrorCode::AuthFailed)));
}

#[rstest]
#[case::refused(ErrorCode::AuthFailed, None, 30)]
#[case::not_there(ErrorCode::CredentialUnavailable, None, 30)]
#[case::foreign(ErrorCode::AuthTenantMismatch, Some(1), 30)]
#[case::throttled(ErrorCode::GraphThrottled, Some(200), 200)]
#[case::throttled_for_no_time(ErrorCode::GraphThrottled, Some(0), 5)]
#[case::throttled_without_a_time(ErrorCode::GraphThrottled, None, 5)]
#[case::throttled_for_good(ErrorCode::GraphThrottled, Some(u64::MAX / 1000), 1200)]
#[case::down(ErrorCode::GraphUnavailable, Some(200), 5)]
#[case::gone(ErrorCode::GraphConnection, None, 5)]
#[tokio::test]
async fn i13_a_failed_sign_in_stands_for_a_while_and_no_longer(
    #[case] code: ErrorCode,
    #[case] retry_after: Option<u64>,
    #[case] seconds: u64,
) {
    let slot = TokenSlot::default();
    let now = Cell::new(Duration::from_secs(7));
    let mut failure = GraphFailure::of(code);
    failure.context.retry_after_ms = retry_after.map(|seconds| seconds * 1000);
    let failed = slot.get(|| now.get(), LONGEST, |_| ready(Err(failure.clone()))).await.map(drop);
    assert_eq!(failed, Err(failure.clone()));
    now.set(Duration::from_millis((7 + seconds) * 1000 - 1));
    let stands = slot.get(|| now.get(), LONGEST, |_| async { unreachable!("the failure stands") }).await.map(drop);
    assert_eq!(stands, Err(failure));
    assert!(slot.is_of_use(now.get()), "nor is it forgotten with its last session");
    now.set(Duration::from_secs(7 + seconds));
    assert!(!slot.is_of_use(now.get()));
    assert!(slot.get(|| now.get(), LONGEST, |_| ready(Ok(token(3599)))).await.is_ok());
}

proptest! {
    #[test]
    fn i03_no_damage_to_an_answer_makes_the_reader_fall(at_byte in 0..400_usize, byte: u8, cut in 0..400_usize) {
        let token = jwt(&format!(r#"{{"tid":"{TENANT}","roles":["Policy.Read.All"]}}"#));
        for whole in [
            format!(r#"{{"token_type":"Bearer","access_token":"{token}","expires_in":3599}}"#),
            format!(r#"{{"access_token":"{token}","expires_on":"1003600","resource":"x","client_id":"y"}}"#),
        ] {
            let mut damaged = whole.into_bytes();
            let length = damaged.len();
            damaged[at_byte % length] = byte;
            damaged.truncate(length - cut % length);
            if let Ok(grant) = read(&damaged) {
                drop(grant.into_token(tenant(), at(Duration::ZERO)));
            }
        }
    }
}
