//! `PUT /v1/tenants/{tenant_id}`

use std::ops::RangeInclusive;

use axum::extract::State;
use http::StatusCode;
use lastseen_model::{ClientId, Cloud, CredentialRef, Role};
use lastseen_store::{REQUESTS_AT_ONCE, RUNS_AT_ONCE, TenantChange, TenantRecord};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::Caller;
use crate::body::{Body, Said, Whole, field, line};
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::problem::Problem;
use crate::shared::App;

/// The longest name of a tenant, in characters.
const NAME_MAX_CHARS: usize = 200;

const OPERATION: Operation = Operation {
    id: "set_tenant",
    method: http::Method::PUT,
    path: "/v1/tenants/{tenant_id}",
    needs: Needs::NewTenant(Role::Admin),
    summary: "Make a tenant known, or change it",
    about: "A field that is not said stays as it is, and one that is null goes: then the configuration has its say again. A removed \
            tenant is brought back. All but its name takes the role `admin` on all tenants: `credential`, `cloud` and `client_id` say where \
            which of the credentials that all tenants share goes, and the limits how much is left for the others.",
    example: "-X PUT -H \"Content-Type: application/json\" -d '{\"name\":\"Contoso\"}' $HOST/v1/tenants/$TENANT_ID",
    takes: Some(Takes { schema: schema_of::<TenantToBe>, example: r#"{"name":"Contoso","cloud":"global","runs_at_once":1}"# }),
    gives: &[
        Gives::done::<TenantRecord>(200, "It was known; this is how it is now."),
        Gives::done::<TenantRecord>(201, "It is known now."),
    ],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// What a tenant is to be. Not said: it stays. Null: it goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantToBe {
    /// Its name, 1 to 200 characters on one line.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    name: Said<String>,
    /// The cloud it is in.
    #[serde(default)]
    #[schema(value_type = Option<Cloud>)]
    cloud: Said<String>,
    /// The app registration that signs in.
    #[serde(default)]
    #[schema(value_type = Option<ClientId>)]
    client_id: Said<String>,
    /// Where its credential is kept.
    #[serde(default)]
    #[schema(value_type = Option<CredentialRef>)]
    credential: Said<String>,
    /// How many of its runs may be running.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100)]
    runs_at_once: Said<Whole>,
    /// How many requests may be under way to it at once.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 64)]
    requests_at_once: Said<Whole>,
}

impl TenantToBe {
    fn change(self) -> Result<TenantChange, Problem> {
        Ok(TenantChange {
            name: self.name.change(|name| line("/name", &name, NAME_MAX_CHARS))?,
            cloud: self.cloud.change(|text| field("/cloud", &text))?,
            client_id: self.client_id.change(|text| field("/client_id", &text))?,
            credential: self.credential.change(|text| field("/credential", &text))?,
            runs_at_once: self.runs_at_once.change(|Whole(number)| within("/runs_at_once", number, &RUNS_AT_ONCE))?,
            requests_at_once: self.requests_at_once.change(|Whole(number)| within("/requests_at_once", number, &REQUESTS_AT_ONCE))?,
        })
    }
}

fn within(pointer: &'static str, number: u32, bounds: &RangeInclusive<u32>) -> Result<u32, Problem> {
    let out = || Problem::body(pointer, format!("must be from {} to {}", bounds.start(), bounds.end()));
    bounds.contains(&number).then_some(number).ok_or_else(out)
}

async fn handle(State(app): State<App>, caller: Caller, tenant: Tenant, Body(body): Body<TenantToBe>) -> Result<Answer, Problem> {
    let change: TenantChange = body.change()?;
    let touches_others = [
        ("/cloud", !change.cloud.leaves()),
        ("/client_id", !change.client_id.leaves()),
        ("/credential", !change.credential.leaves()),
        ("/runs_at_once", !change.runs_at_once.leaves()),
        ("/requests_at_once", !change.requests_at_once.leaves()),
    ];
    if let Some((field, _)) = touches_others.into_iter().find(|(_, said)| *said) {
        caller.on_all(Role::Admin).map_err(|problem| problem.field(field))?;
    }
    let record = app.api.store.set_tenant(&tenant.scope, &change).await?;
    let status = if tenant.record.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Answer::done(status, &record)
}

#[cfg(test)]
mod tests {
    use lastseen_store::Change;

    use super::*;

    #[test]
    fn what_is_not_said_stays_and_what_is_null_goes() {
        let body: TenantToBe = serde_json::from_str(r#"{"name":" Contoso ","cloud":null,"runs_at_once":3}"#).expect("a body");
        let expected = TenantChange {
            name: Change::Set("Contoso".to_owned()),
            cloud: Change::Clear,
            runs_at_once: Change::Set(3),
            ..TenantChange::default()
        };
        assert_eq!(body.change(), Ok(expected));
    }

    #[test]
    fn i17_what_is_refused_is_named_and_not_repeated() {
        for (body, place) in [
            (r#"{"credential":"canary~4711"}"#, "/credential"),
            (r#"{"client_id":"canary secret"}"#, "/client_id"),
            (r#"{"cloud":"canary"}"#, "/cloud"),
            (r#"{"name":"canary\n"}"#, "/name"),
            (r#"{"runs_at_once":0}"#, "/runs_at_once"),
            (r#"{"requests_at_once":65}"#, "/requests_at_once"),
        ] {
            let body: TenantToBe = serde_json::from_str(body).expect("a body");
            let problem = body.change().expect_err("refused");
            let shown = format!("{problem:?}");
            assert!(shown.contains(place) && !shown.contains("canary"), "{shown}");
        }
    }
}
