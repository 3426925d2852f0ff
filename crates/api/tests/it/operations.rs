//! One request for each operation, and the proof that none is left out.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{Method, Request};
use lastseen_api::openapi;
use lastseen_model::{Role, RunId, ScheduleId, TenantId, Tenants, TokenId};
use serde_json::Value;

use crate::support::{CONFIGURATION, MISSING, UNKNOWN, World, asking, only, telling, tenant};

/// What a request is about.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) tenant: TenantId,
    pub(crate) run: RunId,
    /// A run that waits for a worker.
    pub(crate) waiting: RunId,
    pub(crate) item: String,
    /// A schedule for this tenant alone.
    pub(crate) schedule: ScheduleId,
    pub(crate) token: TokenId,
}

impl Target {
    /// A tenant, with what it has.
    pub(crate) async fn of(world: &World, number: u8) -> Self {
        let run = world.newest_run(number).await;
        let (_, record) = world.token_and_record(Role::Reader, Tenants::All).await;
        let schedule = world.schedule(only(number)).await;
        let waiting = world.queued(number).await;
        Self { tenant: tenant(number), run, waiting, item: MISSING.to_owned(), schedule, token: record.token_id }
    }

    /// Nothing that exists.
    pub(crate) fn nothing() -> Self {
        let id = "01234567-0000-7000-8000-0123456789ab";
        let (run, schedule, token) = (id.parse().expect("an id"), id.parse().expect("an id"), id.parse().expect("an id"));
        Self { tenant: tenant(UNKNOWN), run, waiting: run, item: "no-such-item".to_owned(), schedule, token }
    }

    fn tenant(&self, rest: &str) -> String {
        format!("/v1/tenants/{}{rest}", self.tenant)
    }

    fn run(&self, rest: &str) -> String {
        self.tenant(&format!("/runs/{}{rest}", self.run))
    }

    fn schedule(&self) -> String {
        format!("/v1/schedules/{}", self.schedule)
    }

    fn item(&self, rest: &str) -> String {
        self.tenant(&format!("/items/{CONFIGURATION}/{}{rest}", self.item))
    }
}

/// An operation, and how it is asked for.
pub(crate) struct Row {
    /// Its name in the description.
    pub(crate) id: &'static str,
    /// What of the target it is about.
    pub(crate) about: About,
    /// A request for it that is right in every way.
    pub(crate) request: fn(&Target) -> Request<Body>,
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Nothing that belongs to a tenant.
    Nothing,
    /// A tenant.
    Tenant,
    /// Something that a tenant has.
    ThingOfTenant,
    /// A schedule, which covers a tenant.
    Schedule,
    /// A tenant that the body names.
    TenantInBody,
}

use About::{Nothing, Schedule, Tenant, TenantInBody, ThingOfTenant};

/// Every operation. What takes a tenant away comes last.
pub(crate) const ROWS: &[Row] = &[
    Row { id: "alive", about: Nothing, request: |_| asking(Method::GET, "/healthz") },
    Row { id: "ready", about: Nothing, request: |_| asking(Method::GET, "/readyz") },
    Row { id: "describe", about: Nothing, request: |_| asking(Method::GET, "/openapi.json") },
    Row { id: "whoami", about: Nothing, request: |_| asking(Method::GET, "/v1/whoami") },
    Row { id: "list_types", about: Nothing, request: |_| asking(Method::GET, "/v1/types") },
    Row { id: "preview_selection", about: Nothing, request: |_| telling(Method::POST, "/v1/selections/preview", r#"{"selection":{}}"#) },
    Row { id: "show_status", about: Nothing, request: |_| asking(Method::GET, "/v1/status") },
    Row { id: "count_missing", about: Nothing, request: |_| asking(Method::GET, "/v1/missing/counts") },
    Row { id: "list_tenants", about: Nothing, request: |_| asking(Method::GET, "/v1/tenants") },
    Row { id: "show_tenant", about: Tenant, request: |target| asking(Method::GET, &target.tenant("")) },
    Row { id: "set_tenant", about: Tenant, request: |target| telling(Method::PUT, &target.tenant(""), r#"{"name":"Named"}"#) },
    Row { id: "list_selections", about: Tenant, request: |target| asking(Method::GET, &target.tenant("/selections")) },
    Row { id: "list_runs", about: Tenant, request: |target| asking(Method::GET, &target.tenant("/runs")) },
    Row { id: "show_run", about: ThingOfTenant, request: |target| asking(Method::GET, &target.run("")) },
    Row { id: "watch_run", about: ThingOfTenant, request: |target| asking(Method::GET, &target.run("/events")) },
    Row {
        id: "start_run",
        about: Tenant,
        request: |target| telling(Method::POST, &target.tenant("/runs"), r#"{"selection":{"categories":["Compliance"]}}"#),
    },
    Row {
        id: "cancel_run",
        about: ThingOfTenant,
        request: |target| asking(Method::POST, &target.tenant(&format!("/runs/{}/cancel", target.waiting))),
    },
    Row { id: "list_items", about: Tenant, request: |target| asking(Method::GET, &target.tenant("/items")) },
    Row { id: "explain_item", about: ThingOfTenant, request: |target| asking(Method::GET, &target.item("")) },
    Row { id: "show_timeline", about: ThingOfTenant, request: |target| asking(Method::GET, &target.item("/timeline")) },
    Row { id: "list_missing", about: Tenant, request: |target| asking(Method::GET, &target.tenant("/missing")) },
    Row { id: "show_coverage", about: Tenant, request: |target| asking(Method::GET, &target.tenant("/coverage")) },
    Row {
        id: "compare_runs",
        about: ThingOfTenant,
        request: |target| asking(Method::GET, &target.tenant(&format!("/diff?older={}&newer={}", target.run, target.run))),
    },
    Row {
        id: "acknowledge_item",
        about: ThingOfTenant,
        request: |target| telling(Method::PUT, &target.item("/acknowledgement"), r#"{"note":"retired"}"#),
    },
    Row { id: "unacknowledge_item", about: ThingOfTenant, request: |target| asking(Method::DELETE, &target.item("/acknowledgement")) },
    Row { id: "list_schedules", about: Nothing, request: |_| asking(Method::GET, "/v1/schedules") },
    Row { id: "show_schedule", about: Schedule, request: |target| asking(Method::GET, &target.schedule()) },
    Row { id: "pause_schedule", about: Schedule, request: |target| telling(Method::PATCH, &target.schedule(), r#"{"paused":true}"#) },
    Row { id: "remove_schedule", about: Schedule, request: |target| asking(Method::DELETE, &target.schedule()) },
    Row {
        id: "add_schedule",
        about: TenantInBody,
        request: |target| {
            let body = format!(r#"{{"name":"hourly","cron":"@hourly","tenants":["{}"]}}"#, target.tenant);
            telling(Method::POST, "/v1/schedules", &body)
        },
    },
    Row { id: "list_tokens", about: Nothing, request: |_| asking(Method::GET, "/v1/tokens") },
    Row {
        id: "create_token",
        about: Nothing,
        request: |_| telling(Method::POST, "/v1/tokens", r#"{"name":"ci","role":"reader","tenants":"all"}"#),
    },
    Row { id: "revoke_token", about: Nothing, request: |target| asking(Method::DELETE, &format!("/v1/tokens/{}", target.token)) },
    Row { id: "remove_tenant", about: Tenant, request: |target| asking(Method::DELETE, &target.tenant("")) },
];

#[test]
fn every_operation_of_the_description_has_a_row_and_every_row_is_described() {
    let document: Value = serde_json::from_str(&openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let methods = paths.values().flat_map(|item| item.as_object().expect("methods").values());
    let described: BTreeSet<&str> = methods.map(|operation| operation["operationId"].as_str().expect("an id")).collect();
    let rows: BTreeSet<&str> = ROWS.iter().map(|row| row.id).collect();
    assert_eq!(rows, described);
    assert_eq!(rows.len(), ROWS.len(), "a row is there twice");
}

#[test]
fn a_row_is_about_what_its_path_names() {
    let target = Target::nothing();
    for row in ROWS {
        let address = (row.request)(&target).uri().to_string();
        let names = |part: &str| address.contains(part);
        let thing = names(&target.item) || ["/runs/", "older="].iter().any(|before| names(&format!("{before}{}", target.run)));
        let about = match (names(&target.tenant.to_string()), thing, names(&target.schedule())) {
            (true, true, _) => ThingOfTenant,
            (true, false, _) => Tenant,
            (false, _, true) => Schedule,
            (false, _, false) => Nothing,
        };
        assert!(row.about == about || (row.about, about) == (TenantInBody, Nothing), "{}: {:?}", row.id, row.about);
    }
}
