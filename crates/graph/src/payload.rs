//! What a token says of itself. Unverified, and never a reason to trust: it only shows what was certainly got for the wrong tenant, and
//! what was surely not granted. Graph's tokens need not be readable at all.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lastseen_model::TenantId;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// At most this many roles are read of a token; Graph has some hundreds in all.
const ROLES_MOST: usize = 500;
/// The longest role.
const ROLE_MAX: usize = 128;

/// An app role: the name of a permission that an application has. `[A-Za-z0-9_.-]{1,128}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppRole(String);

impl AppRole {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn accept(text: &str) -> Option<Self> {
        let fits =
            (1..=ROLE_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for AppRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is read of the middle part of a token that is a JWT.
#[derive(Default)]
pub(crate) struct Payload {
    /// Every `tid` there is: two readers of one token may take different ones.
    tenants: Vec<Value>,
    roles: Option<Value>,
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Claims;
        impl<'de> Visitor<'de> for Claims {
            type Value = Payload;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
                let mut payload = Payload::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "tid" => payload.tenants.push(map.next_value()?),
                        "roles" => payload.roles = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(payload)
            }
        }
        deserializer.deserialize_map(Claims)
    }
}

impl Payload {
    /// Reads it; none where the token is no JWT.
    pub(crate) fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Whether it names a tenant, and in anything else than this one's GUID as Entra writes it. One that names none says nothing.
    pub(crate) fn is_for_another(&self, tenant: TenantId) -> bool {
        let tenant = tenant.as_uuid().hyphenated().to_string();
        !self.tenants.iter().all(|named| named.as_str().is_some_and(|named| named.eq_ignore_ascii_case(&tenant)))
    }

    /// The roles it has, sorted. A token without the claim has none: Entra gives app-only tokens whether or not a role was granted.
    pub(crate) fn roles(&self) -> Vec<AppRole> {
        let named = self.roles.as_ref().and_then(Value::as_array).into_iter().flatten();
        let mut roles: Vec<_> = named.filter_map(|role| AppRole::accept(role.as_str()?)).collect();
        roles.sort();
        roles.dedup();
        roles.truncate(ROLES_MOST);
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(payload: &str) -> Option<Vec<String>> {
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        Payload::read(&token).map(|payload| payload.roles().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn roles_are_read_sorted_and_once_each() {
        let payload = r#"{"roles":["Policy.Read.All","CloudPC.Read.All","Policy.Read.All"]}"#;
        assert_eq!(roles(payload), Some(vec!["CloudPC.Read.All".to_owned(), "Policy.Read.All".to_owned()]));
    }

    #[test]
    fn a_token_without_roles_has_none_and_one_that_is_no_jwt_says_nothing() {
        for payload in ["{}", r#"{"roles":"Policy.Read.All"}"#, r#"{"roles":{}}"#] {
            assert_eq!(roles(payload), Some(Vec::new()), "{payload}");
        }
        assert_eq!(roles("[]"), None);
        assert!(Payload::read("opaque").is_none() && Payload::read("a.b").is_none());
    }

    #[test]
    fn i17_what_does_not_look_like_a_role_is_left_out_and_their_number_is_bounded() {
        let long = "x".repeat(129);
        assert_eq!(roles(&format!(r#"{{"roles":["a b","é","","{long}",7,null,"A_1.-"]}}"#)), Some(vec!["A_1.-".to_owned()]));
        let padded: Vec<_> = std::iter::repeat_n("B", 10_000).chain(["A"]).collect();
        assert_eq!(roles(&serde_json::json!({ "roles": padded }).to_string()), Some(vec!["A".to_owned(), "B".to_owned()]));
        let many: Vec<String> = (0..10_000).map(|n| format!("R{n}")).collect();
        assert_eq!(roles(&serde_json::json!({ "roles": many }).to_string()).map(|roles| roles.len()), Some(500));
    }
}
