//! One request from the socket to its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};
use lastseen_contracts::{Assignments, PathContract, PathKind, Workload};
use lastseen_model::TenantId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::answer::{Answer, CHALLENGE};
use crate::catalogue::Described;
use crate::config::MachinePlan;
use crate::connection::ConnectionHandle;
use crate::count::{Recorded, Tally, bounded};
use crate::fault::{FaultAction, FaultBody, Faults, Place, TOKEN};
use crate::graph_error::{NamedError, access_denied, forbidden, intune, select_refused};
use crate::identity::{self, Style};
use crate::kinds::segment;
use crate::mix::Mix;
use crate::page::{self, Page};
use crate::query::{Query, QueryProblem};
use crate::throttle::Throttle;
use crate::token::TokenEndpoint;
use crate::world::World;
use crate::{listing, object, organization, route};

/// The largest body of a token request, in bytes.
const FORM_MAX: usize = 16 * 1024;

/// Everything that a request needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) origin: String,
    pub(crate) seed: u64,
    pub(crate) latency: Duration,
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) tally: Arc<Tally>,
    pub(crate) throttle: Throttle,
    pub(crate) tokens: TokenEndpoint,
    pub(crate) machine: Option<MachinePlan>,
    pub(crate) requests: AtomicU64,
    /// The origin of the times it records.
    pub(crate) started: Instant,
    /// Cancelled when the simulator shuts down.
    pub(crate) stop: CancellationToken,
}

/// What becomes of a request.
enum Outcome {
    Answer(Answer),
    Later(Duration, Answer),
    Reset,
    Hang,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// An outcome, and whom and what the request was about.
struct Verdict {
    tenant: Option<TenantId>,
    known_path: Option<String>,
    /// What the place is there for.
    right_method: Method,
    outcome: Outcome,
}

/// What of a request decides its answer.
struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    request_id: String,
    came: Duration,
}

/// Answers one request, or breaks its connection.
pub(crate) async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response {
    let came = shared.started.elapsed();
    let (head, body) = request.into_parts();
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let asked = Asked {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        request_id: Mix::new(shared.seed).and_text("request").and(number).guid().to_string(),
        came,
    };
    shared.pause(shared.latency).await;
    let verdict = match asked.path.strip_prefix('/').and_then(|path| path.strip_suffix("/oauth2/v2.0/token")) {
        Some(tenant) => shared.sign_in(&asked, tenant, body).await,
        None => match (identity::style(asked.path), &shared.machine) {
            (Some(style), Some(machine)) => shared.machine(&asked, style, machine),
            _ => shared.graph(&asked),
        },
    };
    let answer = match &verdict.outcome {
        Outcome::Answer(answer) | Outcome::Later(_, answer) => Some(answer),
        Outcome::Reset | Outcome::Hang => None,
    };
    let recorded = asked.recorded(verdict.tenant, answer, shared.started.elapsed());
    shared.tally.note(recorded, verdict.known_path.as_deref(), &verdict.right_method);
    let answer = match verdict.outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Later(wait, answer) => {
            shared.pause(wait).await;
            answer
        }
        Outcome::Hang => {
            shared.stop.cancelled().await;
            connection.reset();
            return Response::new(Body::empty());
        }
        Outcome::Reset => {
            connection.reset();
            return Response::new(Body::empty());
        }
    };
    let echoed = asked.header("client-request-id").filter(|id| id.len() <= 64).unwrap_or_default();
    answer.with("request-id", &asked.request_id).with("client-request-id", &echoed).into_response(&shared.tally)
}

/// Holds something back in real time, as a distant service does.
#[expect(clippy::disallowed_methods, reason = "latency is what a simulator is there to simulate")]
pub(crate) async fn hold_back(wait: Duration) {
    tokio::time::sleep(wait).await;
}

impl Asked<'_> {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(bounded)
    }

    fn bearer(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    fn recorded(&self, tenant: Option<TenantId>, answer: Option<&Answer>, answered: Duration) -> Recorded {
        Recorded {
            method: bounded(self.method.as_str()),
            path: bounded(self.path),
            query: bounded(self.query),
            user_agent: self.header("user-agent"),
            client_request_id: self.header("client-request-id"),
            tenant,
            status: answer.map_or(0, |answer| answer.status.as_u16()),
            retry_after: answer.and_then(|answer| answer.header("Retry-After")).map(bounded),
            came: self.came,
            answered,
        }
    }

    fn bad_request(&self, what: &str) -> Answer {
        Answer::error(StatusCode::BAD_REQUEST, "BadRequest", &intune(what, &self.request_id), &self.request_id)
    }
}

impl Shared {
    /// Waits, but not beyond the end.
    async fn pause(&self, wait: Duration) {
        if !wait.is_zero() {
            tokio::select! {
                () = hold_back(wait) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    async fn sign_in(&self, asked: &Asked<'_>, tenant: &str, body: Body) -> Verdict {
        let known = tenant.parse().ok().filter(|tenant| self.world.lock().tenant(*tenant).is_some());
        let place = Place { tenant: known, path: TOKEN, page: 1, collection: false, last: false };
        let real = || async {
            if asked.method != Method::POST {
                return Answer::error(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "POST only", &asked.request_id)
                    .with("Allow", "POST");
            }
            match to_bytes(body, FORM_MAX).await {
                Ok(form) => self.tokens.answer(&self.world, tenant, &form, &asked.request_id),
                Err(_) => Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "Too large", &asked.request_id),
            }
        };
        let outcome = match self.faults.strike(&place) {
            Some(action) => Self::outcome(action, real().await, asked),
            None => real().await.into(),
        };
        Verdict { tenant: known, known_path: Some(TOKEN.to_owned()), right_method: Method::POST, outcome }
    }

    /// The machine's identity endpoint. To faults and counts it is the token endpoint.
    fn machine(&self, asked: &Asked<'_>, style: Style, plan: &MachinePlan) -> Verdict {
        let place = Place { tenant: Some(plan.tenant_id), path: TOKEN, page: 1, collection: false, last: false };
        let real = || match *asked.method {
            Method::GET => self.tokens.answer_machine(&self.world, plan, style, asked.headers, asked.query),
            _ => Answer::error(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "GET only", &asked.request_id).with("Allow", "GET"),
        };
        let outcome = match self.faults.strike(&place) {
            Some(action) => Self::outcome(action, real(), asked),
            None => real().into(),
        };
        Verdict { tenant: Some(plan.tenant_id), known_path: Some(TOKEN.to_owned()), right_method: Method::GET, outcome }
    }

    fn graph(&self, asked: &Asked<'_>) -> Verdict {
        let (version, below) = match asked.path.trim_start_matches('/').split_once('/') {
            Some((version, rest)) => (version, format!("/{rest}")),
            None => ("", asked.path.to_owned()),
        };
        let known = self.world.paths.iter().find(|path| route::fits(path, &below)).map(|path| path.path.clone());
        let index = self.world.paths.iter().position(|path| path.api_version.as_str() == version && route::fits(path, &below));
        let tenant = asked.bearer().and_then(|token| self.tokens.read(&self.world, token));
        if let (Some(tenant), Some(named), &Method::GET) = (tenant, asked.path.strip_prefix(organization::ADDRESS), asked.method) {
            let outcome = organization::answer(self, tenant, named, asked.query, &asked.request_id).into();
            return Verdict { tenant: Some(tenant), known_path: Some("/organization".to_owned()), right_method: Method::GET, outcome };
        }
        let outcome = match self.gate(asked, tenant, index) {
            Err(refusal) => refusal.into(),
            Ok((tenant, index)) => self.list(asked, &below, tenant, index),
        };
        Verdict { tenant, known_path: known, right_method: Method::GET, outcome }
    }

    /// What Graph checks before it looks at a path's objects.
    fn gate(&self, asked: &Asked<'_>, tenant: Option<TenantId>, index: Option<usize>) -> Result<(TenantId, usize), Answer> {
        let id = asked.request_id.as_str();
        if asked.method != Method::GET {
            let refused = Answer::error(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", "Specified HTTP method is not allowed.", id);
            return Err(refused.with("Allow", "GET"));
        }
        if asked.header("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
            return Err(Answer::error(StatusCode::FORBIDDEN, "Forbidden", "Forbidden", id));
        }
        let Some(tenant) = tenant else {
            let message = "Access token validation failure. Invalid audience or lifetime.";
            let refused = Answer::error(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message, id);
            return Err(refused.with("WWW-Authenticate", CHALLENGE));
        };
        let path = index.map(|index| &self.world.paths[index]);
        let workload = path.map_or(Workload::Intune, |path| path.workload);
        if let Err(throttled) = self.throttle.admit(tenant, workload, Instant::now()) {
            return Err(Answer::named(NamedError::Throttled, id).with("Retry-After", throttled.retry_after.as_deref().unwrap_or_default()));
        }
        let (Some(index), Some(path)) = (index, path) else {
            let message = format!("Resource not found for the segment '{}'.", bounded(segment(asked.path)));
            return Err(Answer::error(StatusCode::BAD_REQUEST, "BadRequest", &message, id));
        };
        if self.world.lock().tenant(tenant).is_none_or(|known| known.denied.contains(&path.permission)) {
            let (code, message) = match path.workload {
                Workload::ConditionalAccess => ("AccessDenied", access_denied()),
                _ => ("Forbidden", forbidden(&[&path.permission, &path.permission.replace(".Read.", ".ReadWrite.")], id)),
            };
            return Err(Answer::error(StatusCode::FORBIDDEN, code, &message, id));
        }
        Ok((tenant, index))
    }

    /// Answers with a path's objects.
    fn list(&self, asked: &Asked<'_>, below: &str, tenant: TenantId, index: usize) -> Outcome {
        let path = &self.world.paths[index];
        let query = match self.query(asked, path) {
            Ok(query) => query,
            Err(refusal) => return refusal.into(),
        };
        let state = self.world.lock();
        let manners = state.manners.get(&path.path).copied().unwrap_or_default();
        let size = page::size(path, query.top);
        if manners.fails_above.is_some_and(|above| size > above) {
            return Answer::named(NamedError::Internal, &asked.request_id).into();
        }
        let size = state.page_limit.map_or(size, |limit| size.min(limit)).max(1);
        let Some(holder) = state.tenant(tenant) else {
            return Answer::named(NamedError::Unauthorized, &asked.request_id).into();
        };
        let bearer = match route::parent_id(path, below) {
            None => None,
            Some(id) => match holder.parent_by_id(&self.world.paths, index, &id) {
                Some(bearer) => Some(bearer),
                None => return Answer::named(NamedError::FeatureNotFound, &asked.request_id).into(),
            },
        };
        let belongs = |slot| bearer.is_none_or(|bearer| holder.is_borne_by(index, slot, bearer));
        let mut page = page::cut(&holder.paths[index], belongs, path.paging, query.page.at, size);
        if manners.top_cuts_off && query.top.is_some() {
            page.next = None;
        }
        let collection = path.kind == PathKind::Collection;
        let place = Place { tenant: Some(tenant), path: &path.path, page: query.page.page, collection, last: page.next.is_none() };
        let action = self.faults.strike(&place);
        let page = match &action {
            Some(action) if collection => page::bend(page, action, path.paging, query.page),
            _ => page,
        };
        let described: Vec<Described> = page.objects.iter().map(|(_, slot)| holder.describe(path, index, *slot)).collect();
        // Rendering takes longest, and needs nothing that can change.
        drop(state);
        let answer = match path.kind {
            PathKind::Collection => self.collection(asked, below, path, &query, &page, &described, action.as_ref()),
            PathKind::Singleton => self.singleton(asked, path, &query, described.first()),
        };
        match action {
            Some(action) => Self::outcome(action, answer, asked),
            None => answer.into(),
        }
    }

    fn query(&self, asked: &Asked<'_>, path: &PathContract) -> Result<Query, Answer> {
        let mut query = Query::parse(asked.query).map_err(|problem| match problem {
            QueryProblem::Top => asked.bad_request("Invalid value specified for $top."),
            QueryProblem::PageToken => Answer::named(NamedError::PageTokenInvalid, &asked.request_id),
            QueryProblem::UnknownOption => asked.bad_request("The query parameter is not supported."),
        })?;
        let manners = self.world.lock().manners.get(&path.path).copied().unwrap_or_default();
        let refused = |property: &str| {
            let message = select_refused(property, segment(&path.path));
            Answer::error(StatusCode::BAD_REQUEST, "BadRequest", &message, &asked.request_id)
        };
        let limit = [page::top_limit(path), manners.top_limit].into_iter().flatten().min();
        if let Some(limit) = limit.filter(|limit| query.top.is_some_and(|top| top > *limit)) {
            return Err(asked.bad_request(&format!("The limit of '{limit}' for Top query has been exceeded.")));
        }
        if query.expand && (manners.expand_refused || path.assignments != Assignments::Expand) {
            return Err(refused("assignments"));
        }
        let Some(fields) = &query.select else { return Ok(query) };
        if manners.select_refused {
            return Err(refused("derivedProperty"));
        }
        let is_property = |field: &str| !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/@".contains(&b));
        if let Some(wrong) = fields.iter().find(|field| !is_property(field)) {
            return Err(refused(&bounded(wrong)));
        }
        if !path.select {
            // Such endpoints don't even look at it.
            query.select = None;
        }
        Ok(query)
    }

    #[expect(clippy::too_many_arguments, reason = "what makes a page, each used once")]
    fn collection(
        &self,
        asked: &Asked<'_>,
        below: &str,
        path: &PathContract,
        query: &Query,
        page: &Page,
        described: &[Described],
        action: Option<&FaultAction>,
    ) -> Answer {
        let prefix = format!("{}/{}", self.origin, path.api_version.as_str());
        let next = listing::next_link(&prefix, below, asked.query, path, query, page, action);
        let objects = described.iter().map(|described| object::render(path, described, query.select.as_deref(), query.expand).to_string());
        let body = listing::envelope(&prefix, path, query, next.as_deref(), objects, action);
        Answer::new(
            StatusCode::OK,
            body,
            "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
        )
    }

    fn singleton(&self, asked: &Asked<'_>, path: &PathContract, query: &Query, described: Option<&Described>) -> Answer {
        let Some(described) = described else {
            return Answer::named(NamedError::FeatureNotFound, &asked.request_id);
        };
        let mut object = object::render(path, described, query.select.as_deref(), query.expand);
        let context = format!("{}/{}/$metadata#{}/$entity", self.origin, path.api_version.as_str(), path.path.trim_start_matches('/'));
        object["@odata.context"] = context.into();
        Answer::json(StatusCode::OK, &object)
    }

    /// What a fault makes of an answer.
    fn outcome(action: FaultAction, answer: Answer, asked: &Asked<'_>) -> Outcome {
        let id = asked.request_id.as_str();
        match action {
            FaultAction::Status { status, headers, body } => {
                let mut answer = match body {
                    FaultBody::Text(text) => Answer::new(StatusCode::OK, text, "application/json"),
                    FaultBody::Named(error) => Answer::named(error, id),
                };
                answer.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value)).into()
            }
            FaultAction::Truncate => answer.truncated().into(),
            FaultAction::Reset => Outcome::Reset,
            FaultAction::Hang => Outcome::Hang,
            FaultAction::Garbage => Answer::html().into(),
            FaultAction::InvalidJson => Answer::invalid_json().into(),
            FaultAction::Deep => Answer::deep().into(),
            FaultAction::Huge { bytes } => Answer::huge(bytes).into(),
            FaultAction::Unauthorized => Answer::named(NamedError::Unauthorized, id).into(),
            FaultAction::Slow(wait) => Outcome::Later(wait, answer),
            // These have shaped the page already.
            FaultAction::NoValue
            | FaultAction::Loop
            | FaultAction::ForeignNextLink(_)
            | FaultAction::DuplicatePage
            | FaultAction::Shift
            | FaultAction::Hide
            | FaultAction::EmptyPage
            | FaultAction::RejectedObject(_)
            | FaultAction::NextLinkOnLast => answer.into(),
        }
    }
}
