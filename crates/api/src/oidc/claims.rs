//! What a token whose signature is right says: for whom it is, until when, whose, and with what grants.

use std::time::Duration;

use lastseen_model::{Authority, Grant};
use serde_json::{Map, Value};

use super::refusal::OidcRefusal;
use super::settings::OidcSettings;
use crate::authority::{Authenticated, Who};

/// How far the issuer's clock may be from ours.
const LEEWAY: Duration = Duration::from_mins(1);

/// The longest subject, which OpenID Connect says, and the longest name, in characters.
const LONGEST_NAME: usize = 255;

/// Checks that a token is of the issuer, for us, and for now.
pub(super) fn check(claims: &Map<String, Value>, settings: &OidcSettings, now: Duration) -> Result<(), OidcRefusal> {
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer.as_str()) {
        return Err(OidcRefusal::Issuer);
    }
    if !texts(claims.get("aud")).any(|audience| audience == settings.audience) {
        return Err(OidcRefusal::Audience);
    }
    let until = claims.get("exp").and_then(moment).ok_or(OidcRefusal::Expired)?;
    if now >= until.saturating_add(LEEWAY) {
        return Err(OidcRefusal::Expired);
    }
    match claims.get("nbf") {
        None => Ok(()),
        Some(from) if moment(from).is_some_and(|from| from <= now.saturating_add(LEEWAY)) => Ok(()),
        Some(_) => Err(OidcRefusal::NotYet),
    }
}

/// Whose a token is, and what its values grant.
pub(super) fn authenticated(claims: &Map<String, Value>, settings: &OidcSettings) -> Result<Authenticated, OidcRefusal> {
    let subject = claims.get(&settings.subject_claim).and_then(name).ok_or(OidcRefusal::Subject)?;
    let values: Vec<&str> = texts(claims.get(&settings.roles_claim)).collect();
    let granted = settings.grants.iter().filter(|grant| values.contains(&grant.value.as_str()));
    Ok(Authenticated {
        who: Who::Oidc { subject, name: claims.get(&settings.name_claim).and_then(name) },
        authority: Authority::new(granted.map(|grant| Grant { role: grant.role, tenants: grant.tenants.clone() })),
    })
}

/// A text, or the texts of an array.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let many = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    value.and_then(Value::as_str).into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// Seconds since 1970, perhaps with a fraction.
fn moment(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?).ok()
}

/// A text that can stand as somebody's name.
fn name(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let fits = !text.trim().is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lastseen_model::{Role, TenantId, Tenants};
    use rstest::rstest;
    use serde_json::json;

    use super::super::settings::OidcGrant;
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn tenant(n: u8) -> TenantId {
        format!("00000000-0000-4000-8000-0000000000{n:02}").parse().expect("an id")
    }

    fn settings() -> OidcSettings {
        let one = |n| Tenants::Some(BTreeSet::from([tenant(n)]));
        let grant = |value: &str, role, tenants| OidcGrant { value: value.into(), role, tenants };
        OidcSettings::new(
            "https://issuer.example/".into(),
            "lastseen".into(),
            vec![
                grant("readers", Role::Reader, Tenants::All),
                grant("operators of 1", Role::Operator, one(1)),
                grant("admins of 2", Role::Admin, one(2)),
            ],
        )
    }

    /// A good token's claims, changed by these; null takes one away.
    fn claims(changes: Value) -> Map<String, Value> {
        let Value::Object(mut claims) = json!({"iss": "https://issuer.example/", "aud": "lastseen", "exp": NOW + 600, "sub": "somebody"})
        else {
            unreachable!("an object");
        };
        let Value::Object(changes) = changes else { panic!("changes are an object") };
        claims.extend(changes);
        claims.retain(|_, value| !value.is_null());
        claims
    }

    #[rstest]
    #[case::as_it_is(json!({}), Ok(()))]
    #[case::another_issuer(json!({"iss": "https://issuer.example"}), Err(OidcRefusal::Issuer))]
    #[case::no_issuer(json!({"iss": null}), Err(OidcRefusal::Issuer))]
    #[case::issuer_among_others(json!({"iss": ["https://issuer.example/"]}), Err(OidcRefusal::Issuer))]
    #[case::one_audience_of_many(json!({"aud": ["other", "lastseen"]}), Ok(()))]
    #[case::another_audience(json!({"aud": "other"}), Err(OidcRefusal::Audience))]
    #[case::an_audience_that_begins_the_same(json!({"aud": "lastseen2"}), Err(OidcRefusal::Audience))]
    #[case::no_audience(json!({"aud": null}), Err(OidcRefusal::Audience))]
    #[case::no_audience_in_the_array(json!({"aud": []}), Err(OidcRefusal::Audience))]
    #[case::odd_audiences(json!({"aud": [1, {"lastseen": "lastseen"}]}), Err(OidcRefusal::Audience))]
    #[case::expired_within_leeway(json!({"exp": NOW - 59}), Ok(()))]
    #[case::expired(json!({"exp": NOW - 60}), Err(OidcRefusal::Expired))]
    #[case::never_expires(json!({"exp": null}), Err(OidcRefusal::Expired))]
    #[case::expires_as_text(json!({"exp": "9999999999"}), Err(OidcRefusal::Expired))]
    #[case::expires_before_time(json!({"exp": -1}), Err(OidcRefusal::Expired))]
    #[case::expires_after_time(json!({"exp": 1e300}), Err(OidcRefusal::Expired))]
    #[case::expires_within_a_second(json!({"exp": 1_700_000_000.5}), Ok(()))]
    #[case::valid_from_now_within_leeway(json!({"nbf": NOW + 60}), Ok(()))]
    #[case::not_yet(json!({"nbf": NOW + 61}), Err(OidcRefusal::NotYet))]
    #[case::from_as_text(json!({"nbf": "0"}), Err(OidcRefusal::NotYet))]
    fn a_token_is_of_the_issuer_for_us_and_for_now(#[case] changes: Value, #[case] expected: Result<(), OidcRefusal>) {
        assert_eq!(check(&claims(changes), &settings(), Duration::from_secs(NOW)), expected);
    }

    #[rstest]
    #[case::none(json!({}), None, None)]
    #[case::one_text(json!({"roles": "readers"}), Some(Role::Reader), Some(Role::Reader))]
    #[case::several(json!({"roles": ["readers", "operators of 1"]}), Some(Role::Operator), Some(Role::Reader))]
    #[case::of_another_tenant(json!({"roles": ["admins of 2"]}), None, Some(Role::Admin))]
    #[case::unknown(json!({"roles": ["Readers", "reader", "readers ", "readers,admins of 2"]}), None, None)]
    #[case::odd(json!({"roles": [{"readers": true}, 1, null, ["readers"]]}), None, None)]
    #[case::in_another_claim(json!({"groups": ["readers"]}), None, None)]
    fn each_value_grants_what_is_configured_and_no_more(#[case] changes: Value, #[case] on_1: Option<Role>, #[case] on_2: Option<Role>) {
        let authority = authenticated(&claims(changes), &settings()).expect("known").authority;
        assert_eq!((authority.on(tenant(1)), authority.on(tenant(2))), (on_1, on_2));
    }

    #[test]
    fn a_subject_is_needed_and_a_name_is_not() {
        let who = |changes| authenticated(&claims(changes), &settings()).map(|authenticated| authenticated.who);
        let somebody = |name: Option<&str>| Ok(Who::Oidc { subject: "somebody".into(), name: name.map(str::to_owned) });
        assert_eq!(who(json!({"name": "Some Body"})), somebody(Some("Some Body")));
        assert_eq!(who(json!({"name": "a\nb"})), somebody(None));
        assert_eq!(who(json!({"name": "x".repeat(256)})), somebody(None));
        for subject in [json!(null), json!(""), json!(" "), json!(7), json!("a\0b"), json!("x".repeat(256))] {
            assert_eq!(who(json!({"sub": subject})), Err(OidcRefusal::Subject), "{subject}");
        }
        let settings = OidcSettings { subject_claim: "oid".into(), ..settings() };
        assert_eq!(authenticated(&claims(json!({})), &settings), Err(OidcRefusal::Subject));
    }
}
