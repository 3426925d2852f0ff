//! `POST /v1/tenants/{tenant_id}/runs`

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use lastseen_engine::{SyncError, SyncRequest, enqueue};
use lastseen_model::{ErrorCode, OnLimit, Role, StartKey, Trigger};
use lastseen_store::{Enqueued, RunDetail};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::answer::Answer;
use crate::body::Body;
use crate::gate::Tenant;
use crate::operation::{Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::operations::common::{SelectionAsked, invalid, optional, selection};
use crate::parameter::Parameter;
use crate::problem::{Code, Problem};
use crate::shared::App;

const KEY: Parameter = optional(
    "idempotency-key",
    "Known to the caller: however often a start is sent under one key, one run comes of it. 1 to 128 visible ASCII characters, such as a \
     UUID of your own.",
    || ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[!-~]{1,128}$")).build(),
);

const OPERATION: Operation = Operation {
    id: "start_run",
    method: http::Method::POST,
    path: "/v1/tenants/{tenant_id}/runs",
    needs: Needs::Tenant(Role::Operator),
    summary: "Ask for a run",
    about: "A worker takes it up (`lastseen serve`); watch it with `watch_run`. A start that meets a live run of its selection, or a limit \
            that it was not to wait at, is refused, and recorded as a skipped run that `run_id` names. Sent again under the same \
            `Idempotency-Key` it answers the first run as it is now, or the same refusal.",
    example: "-X POST -H \"Content-Type: application/json\" -H \"Idempotency-Key: $(uuidgen)\" -d '{\"selection\":{\"categories\":[\"Compliance\"]}}' \
              $HOST/v1/tenants/$TENANT_ID/runs",
    header: Some(KEY),
    takes: Some(Takes {
        schema: schema_of::<Start>,
        example: r#"{"selection":{"categories":["Compliance"],"policy_types":[]},"on_limit":"skip"}"#,
    }),
    gives: &[
        Gives::done::<RunDetail>(201, "The run, which waits for a worker. `location` says where it is."),
        Gives::done::<RunDetail>(200, "The run that was asked for under this key before, as it is now."),
    ],
    refuses: &[
        Code::InvalidSelection,
        Code::LockContended,
        Code::ConcurrencyLimitGlobal,
        Code::ConcurrencyLimitTenant,
        Code::TenantRemoved,
        Code::StartKeyReused,
    ],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A run to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    /// What it lists; everything that is listed by default where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<SelectionAsked>, nullable = false)]
    selection: Option<Value>,
    /// What to do where a limit is reached: `skip` where nothing is said.
    #[schema(nullable = false)]
    on_limit: Option<OnLimit>,
}

async fn handle(State(app): State<App>, tenant: Tenant, headers: HeaderMap, Body(start): Body<Start>) -> Result<Answer, Problem> {
    let key = key(&headers)?;
    let selection = selection(&start.selection.unwrap_or_else(|| Value::Object(serde_json::Map::new())))?;
    let request = SyncRequest { selection, trigger: Trigger::Api, on_limit: start.on_limit.unwrap_or(OnLimit::Skip) };
    let enqueued = enqueue(&*app.api.store, &tenant.scope, &request, &app.api.engine, key).await.map_err(refusal)?;
    match enqueued {
        Enqueued::Queued(run) => {
            Answer::done(StatusCode::CREATED, &run)?.at(&format!("/v1/tenants/{}/runs/{}", tenant.id(), run.record.run_id))
        }
        // What was refused then is refused now: the key stands for that start, and not for another try.
        Enqueued::Repeated(run) => skipped(&run).map_or_else(|| Answer::done(StatusCode::OK, &run), Err),
        Enqueued::Contended(run) | Enqueued::Limited(run) => Err(skipped(&run).unwrap_or_else(|| Problem::new(Code::Internal))),
        Enqueued::KeyTaken(run) => Err(Problem::new(Code::StartKeyReused)
            .field(KEY.name)
            .run(run)
            .next("take a new key for another selection, or another wish at a limit")),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<StartKey>, Problem> {
    let mut given = headers.get_all(KEY.name).iter();
    let (Some(only), more) = (given.next(), given.next()) else { return Ok(None) };
    let key = only.to_str().ok().filter(|_| more.is_none()).and_then(|text| text.parse().ok());
    key.map(Some).ok_or_else(|| Problem::parameter(KEY.name, "must be given once, as 1 to 128 visible ASCII characters"))
}

/// The refusal of a start that was recorded as skipped before it waited; none where the run waited, whatever became of it since.
fn skipped(run: &RunDetail) -> Option<Problem> {
    let code = run.record.error_codes.iter().find_map(|code| match code {
        ErrorCode::LockContended => Some(Code::LockContended),
        ErrorCode::ConcurrencyLimitGlobal => Some(Code::ConcurrencyLimitGlobal),
        ErrorCode::ConcurrencyLimitTenant => Some(Code::ConcurrencyLimitTenant),
        _ => None,
    })?;
    Some(Problem::new(code).run(run.record.run_id))
}

fn refusal(error: SyncError) -> Problem {
    match error {
        SyncError::Selection(error) => invalid(&error),
        SyncError::Store(error) => error.into(),
        // A run that is only asked for neither runs nor ends.
        SyncError::Unfinished { run, .. } | SyncError::LeaseLost(run) => Problem::new(Code::Internal).run(run),
    }
}
