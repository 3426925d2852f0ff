use std::cell::Cell;
use std::future::ready;

use base64::engine::general_purpose::STANDARD;
use rstest::rstest;

use super::*;

const TENANT: &str = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10";
const OTHER: &str = "11111111-5a54-4c0e-9d6b-3f1f0f6b7a10";

fn tenant() -> TenantId {
    TENANT.parse().expect("a tenant")
}

fn jwt(payload: &str) -> String {
    format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
}

fn grant(token: &str, expires_in: &str) -> Result<Grant, Unreadable> {
    read(format!(r#"{{"token_type":"Bearer","access_token":"{token}","expires_in":{expires_in}}}"#).as_bytes())
}

fn token(lifetime: u64) -> Token {
    grant("opaque", &lifetime.to_string()).expect("a grant").into_token(tenant(), Duration::ZERO).expect("a token")
}

#[rstest]
#[case::opaque("opaque".into())]
#[case::two_parts("a.b".into())]
#[case::not_base64("a.!.c".into())]
#[case::not_json(jwt("nothing"))]
#[case::no_tid(jwt("{}"))]
#[case::tid_is_no_guid(jwt(r#"{"tid":"contoso"}"#))]
#[case::its_own(jwt(&format!(r#"{{"tid":"{TENANT}","roles":[]}}"#)))]
#[case::its_own_in_upper_case(jwt(&format!(r#"{{"tid":"{}"}}"#, TENANT.to_uppercase())))]
#[case::padded(format!("e30=.{}.x", STANDARD.encode(format!(r#"{{"tid":"{TENANT}"}}"#))))]
fn i21_a_token_that_does_not_name_another_tenant_is_taken(#[case] token: String) {
    assert!(grant(&token, "3599").expect("a grant").into_token(tenant(), Duration::ZERO).is_ok());
}

#[test]
fn i21_a_token_that_names_another_tenant_is_refused() {
    let foreign = grant(&jwt(&format!(r#"{{"tid":"{OTHER}"}}"#)), "3599").expect("a grant");
    assert_eq!(foreign.into_token(tenant(), Duration::ZERO).map(drop), Err(ErrorCode::AuthTenantMismatch));
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
    let token = grant("t", r#""3599""#).expect("a grant").into_token(tenant(), Duration::from_secs(1)).expect("a token");
    assert_eq!(token.refresh_at, Duration::from_mins(55));
    let wrong = grant("t", r#""soon""#).expect("a grant").into_token(tenant(), Duration::ZERO).map(drop);
    assert_eq!(wrong, Err(ErrorCode::GraphInvalidResponse));
    assert!(grant("t", "18446744073709551615").expect("a grant").into_token(tenant(), Duration::from_secs(1)).is_ok());
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
fn i17_a_grant_and_a_token_do_not_show_themselves() {
    let granted = grant("canary", "3599").expect("a grant");
    assert!(!format!("{granted:?}").contains("canary"));
    let token = granted.into_token(tenant(), Duration::ZERO).expect("a token");
    assert!(!format!("{token:?}").contains("canary"));
}

#[tokio::test]
async fn a_kept_token_is_used_until_its_time_and_then_replaced() {
    let slot = TokenSlot::default();
    let now = Cell::new(Duration::ZERO);
    let first = slot.get(|| now.get(), ready(Ok(token(3599)))).await.expect("fetched");
    now.set(Duration::from_secs(3298));
    let same = slot.get(|| now.get(), async { unreachable!("there is one") }).await.expect("kept");
    assert!(Arc::ptr_eq(&first, &same));
    now.set(Duration::from_secs(3299));
    let next = slot.get(|| now.get(), ready(Ok(token(3599)))).await.expect("fetched");
    assert!(!Arc::ptr_eq(&first, &next));
}

#[tokio::test]
async fn a_refused_token_is_dropped_only_while_it_is_the_kept_one() {
    let slot = TokenSlot::default();
    let now = || Duration::ZERO;
    let old = slot.get(now, ready(Ok(token(3599)))).await.expect("fetched");
    slot.refused(&old).await;
    let new = slot.get(now, ready(Ok(token(3599)))).await.expect("fetched");
    // A second answer to the old token arrives late.
    slot.refused(&old).await;
    let kept = slot.get(now, async { unreachable!("there is one") }).await.expect("kept");
    assert!(Arc::ptr_eq(&new, &kept));
}

#[tokio::test]
async fn those_who_wait_for_a_fetch_that_fails_share_its_failure_and_later_ones_try_again() {
    let slot = TokenSlot::default();
    let now = || Duration::ZERO;
    let (fail, failing) = tokio::sync::oneshot::channel::<()>();
    let first = slot.get(now, async {
        failing.await.expect("told to fail");
        Err(GraphFailure::of(ErrorCode::AuthFailed))
    });
    let second = slot.get(now, async { unreachable!("the first one's failure is shared") });
    let tell = async { fail.send(()).expect("the first one waits") };
    let (first, second, ()) = tokio::join!(first, second, tell);
    assert_eq!(first.map(drop), Err(GraphFailure::of(ErrorCode::AuthFailed)));
    assert_eq!(second.map(drop), Err(GraphFailure::of(ErrorCode::AuthFailed)));
    assert!(slot.get(now, ready(Ok(token(3599)))).await.is_ok());
}
