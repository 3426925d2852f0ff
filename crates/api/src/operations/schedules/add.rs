//! `POST /v1/schedules`

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use lastseen_engine::cadence::{Cadence, CadenceError};
use lastseen_engine::new_schedule_id;
use lastseen_engine::schedule::{JITTER_MAX, is_name, jitter_of};
use lastseen_model::{Role, TenantId, Tenants};
use lastseen_store::{NewSchedule, SCHEDULE_NAME_MAX_CHARS, ScheduleRecord, StoreError};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::authority::Caller;
use crate::body::{Body, TenantsAsked, Whole};
use crate::operation::{Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::operations::common::{SelectionAsked, selection};
use crate::problem::{Code, Problem};
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "add_schedule",
    method: http::Method::POST,
    path: "/v1/schedules",
    needs: Needs::AnyTenant(Role::Operator),
    summary: "Add a schedule",
    about: "Takes the role `operator` on each tenant that it covers; `all`, those that come later too, takes it on all. Workers ask for its \
            runs (`lastseen serve`). `cron` has the five fields minute, hour, day of the month, month, day of the week, or is a word such as \
            `@daily`.",
    example: "-H \"Content-Type: application/json\" -d '{\"name\":\"nightly\",\"cron\":\"0 3 * * *\",\"tenants\":\"all\"}' $HOST/v1/schedules",
    takes: Some(Takes {
        schema: schema_of::<ScheduleToBe>,
        example: r#"{"name":"nightly","cron":"0 3 * * *","time_zone":"Europe/Berlin","jitter_secs":900,"selection":{"categories":[],"policy_types":[]},"tenants":"all"}"#,
    }),
    gives: &[Gives::done::<ScheduleRecord>(201, "The schedule. `location` says where it is.")],
    refuses: &[Code::InvalidSelection, Code::InvalidCadence, Code::NameTaken, Code::NoSuchTenant],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A schedule to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleToBe {
    /// Its name, which no other schedule has: 1 to 64 letters, digits, `-`, `_` and `.`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    name: String,
    /// When, as cron text.
    cron: String,
    /// In which time zone, by its IANA name; UTC where nothing is said.
    #[schema(nullable = false)]
    time_zone: Option<String>,
    /// Over how many seconds the tenants spread out; none for one tenant and 600 for several where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<u32>, nullable = false, maximum = 86400)]
    jitter_secs: Option<Whole>,
    /// What its runs list; everything that is listed by default where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<SelectionAsked>, nullable = false)]
    selection: Option<Value>,
    /// Which tenants.
    tenants: TenantsAsked,
}

async fn handle(State(app): State<App>, caller: Caller, Body(asked): Body<ScheduleToBe>) -> Result<Answer, Problem> {
    let tenants = asked.tenants.read("/tenants")?;
    covers(&caller, &tenants)?;
    if !is_name(&asked.name) {
        return Err(Problem::body("/name", format!("must be 1 to {SCHEDULE_NAME_MAX_CHARS} letters, digits, `-`, `_` and `.`")));
    }
    let cadence = Cadence::parse(&asked.cron, asked.time_zone.as_deref().unwrap_or("UTC")).map_err(|error| wrong(&error))?;
    let jitter = asked.jitter_secs.map_or_else(|| jitter_of(&tenants), |Whole(seconds)| Duration::from_secs(seconds.into()));
    if jitter > JITTER_MAX {
        return Err(Problem::body("/jitter_secs", format!("must be at most {}, which is a day", JITTER_MAX.as_secs())));
    }
    let to_be = NewSchedule {
        schedule_id: new_schedule_id(),
        name: asked.name,
        cron: cadence.text().to_owned(),
        time_zone: cadence.zone().to_owned(),
        jitter_secs: u32::try_from(jitter.as_secs()).unwrap_or(u32::MAX),
        selection: selection(&asked.selection.unwrap_or_else(|| Value::Object(serde_json::Map::new())))?,
        tenants,
    };
    match app.api.store.add_schedule(&to_be).await {
        Ok(record) => Answer::done(StatusCode::CREATED, &record)?.at(&format!("/v1/schedules/{}", record.schedule_id)),
        Err(StoreError::NameTaken) => Err(Problem::new(Code::NameTaken).field("/name")),
        Err(StoreError::NoSuchTenant(tenant)) => Err(no_such(tenant)),
        Err(error) => Err(error.into()),
    }
}

/// Whether the caller may have runs of these tenants asked for. One that is none of theirs is as one that does not exist.
fn covers(caller: &Caller, tenants: &Tenants) -> Result<(), Problem> {
    if let Tenants::Some(tenants) = tenants
        && let Some(foreign) = tenants.iter().find(|tenant| caller.authority().on(**tenant).is_none())
    {
        return Err(no_such(*foreign));
    }
    caller.on_each(tenants, Role::Operator).map_err(|problem| problem.field("/tenants"))
}

fn no_such(tenant: TenantId) -> Problem {
    Problem::new(Code::NoSuchTenant).detail(format!("there is no tenant {tenant}")).field("/tenants")
}

fn wrong(error: &CadenceError) -> Problem {
    let field = if matches!(error, CadenceError::NoSuchZone { .. }) { "/time_zone" } else { "/cron" };
    Problem::new(Code::InvalidCadence).detail(error.to_string()).field(field)
}
