//! The token endpoint, as Entra's answers.
//!
//! Tokens look like JWTs and carry all there is to know of them, so that nothing needs remembering. They are not signed in
//! any sense that would keep a forger out: the simulator listens on loopback and has nothing to hide.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use lastseen_model::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::canary;
use crate::config::MachinePlan;
use crate::identity::{self, Style};
use crate::mix::Mix;
use crate::proof::{Proofs, Refused};
use crate::world::World;

/// Issues and reads tokens.
#[derive(Debug)]
pub(crate) struct TokenEndpoint {
    pub(crate) origin: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) proofs: Proofs,
    pub(crate) seed: u64,
    pub(crate) started: Instant,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    appid: String,
    roles: Vec<String>,
    tid: TenantId,
    ver: String,
    /// The tenant whose endpoint issued it, which is another one when the simulator is told to make that mistake.
    sim_endpoint: TenantId,
    sim_number: u64,
    /// On the simulator's own clock, in milliseconds since it started.
    sim_expires_ms: u64,
}

impl TokenEndpoint {
    /// Answers `POST /{tenant}/oauth2/v2.0/token`.
    pub(crate) fn answer(&self, world: &World, tenant: &str, form: &[u8], request_id: &str) -> Answer {
        let field = |name: &str| form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let refuse = |status, error, number, text: &str| refusal(status, error, number, text, request_id);
        let Some(tenant) = tenant.parse::<TenantId>().ok().filter(|tenant| world.lock().tenant(*tenant).is_some()) else {
            let text = "Tenant was not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.";
            return refuse(StatusCode::BAD_REQUEST, "invalid_request", 90_002, text);
        };
        if field("client_id").as_deref() != Some(&self.client_id) {
            let text = "Application with that identifier was not found in the directory.";
            return refuse(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, text);
        }
        if field("grant_type").as_deref() != Some("client_credentials") {
            let text = "The app requested an unsupported grant type.";
            return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, text);
        }
        if !field("scope").is_some_and(|scope| scope.ends_with("/.default")) {
            let text = "The provided value for the input parameter 'scope' is not valid.";
            return refuse(StatusCode::BAD_REQUEST, "invalid_scope", 70_011, text);
        }
        let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", self.origin);
        if let Err(Refused(status, error, number, text)) = self.proofs.judge(field, &endpoint, wall_clock()) {
            return refuse(status, error, number, text);
        }
        let (token, lifetime) = self.issue(world, tenant);
        let seconds = lifetime.as_secs();
        let body = json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token });
        Answer::json(StatusCode::OK, &body).with("Cache-Control", "no-store").with("Pragma", "no-cache")
    }

    /// Answers what was asked of a machine's identity endpoint.
    pub(crate) fn answer_machine(&self, world: &World, plan: &MachinePlan, style: Style, headers: &HeaderMap, query: &str) -> Answer {
        if let Err(refusal) = identity::refuse(style, plan, headers, query, &self.origin) {
            return refusal;
        }
        let (token, lifetime) = self.issue(world, plan.tenant_id);
        identity::answer(style, &token, lifetime, wall_clock(), &self.origin)
    }

    fn issue(&self, world: &World, tenant: TenantId) -> (String, Duration) {
        let mut state = world.lock();
        let lifetime = state.token_lifetime;
        let (number, subject) = match state.tenant_mut(tenant) {
            Ok(known) => {
                known.tokens_issued += 1;
                (known.tokens_issued, known.impostor.unwrap_or(tenant))
            }
            Err(_) => (0, tenant),
        };
        let (denied, also) = state.tenant(subject).map(|known| (known.denied.clone(), known.granted_also.clone())).unwrap_or_default();
        drop(state);
        let mut roles: Vec<String> = world.paths.iter().map(|path| path.permission.clone()).chain(also).collect();
        roles.retain(|role| !denied.contains(role));
        roles.sort();
        roles.dedup();
        let now = wall_clock();
        let claims = Claims {
            aud: self.origin.clone(),
            iss: format!("https://sts.windows.net/{subject}/"),
            iat: now.as_secs(),
            nbf: now.as_secs(),
            exp: (now + lifetime).as_secs(),
            appid: self.client_id.clone(),
            roles,
            tid: subject,
            ver: "1.0".to_owned(),
            sim_endpoint: tenant,
            sim_number: number,
            sim_expires_ms: milliseconds(self.started.elapsed() + lifetime),
        };
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims).unwrap_or_default());
        let signature = self.signature(&claims);
        (format!("{head}.{claims}.{signature}"), lifetime)
    }

    /// The tenant a token is for; none where Graph answers 401.
    pub(crate) fn read(&self, world: &World, token: &str) -> Option<TenantId> {
        let (_, rest) = token.split_once('.')?;
        let (claims, signature) = rest.split_once('.')?;
        if signature != self.signature(claims) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let floor = world.lock().tenant(claims.sim_endpoint)?.token_floor;
        let lives = claims.sim_number >= floor && milliseconds(self.started.elapsed()) < claims.sim_expires_ms;
        lives.then_some(claims.tid)
    }

    fn signature(&self, claims: &str) -> String {
        let mut mix = Mix::new(self.seed).and_text(&self.client_secret).and_text(claims);
        format!("{}-{:016x}", canary::ACCESS_TOKEN, mix.next())
    }
}

/// What the claims of a token say about time. Whether it still lives is decided by the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "a token names the time of day, and nothing here is ordered by it")]
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Entra's error, with what a careless client would log: a text full of escapes, ids and times.
fn refusal(status: StatusCode, error: &str, number: u32, text: &str, request_id: &str) -> Answer {
    let description = format!(
        "AADSTS{number}: {text} The value was \"{}\\é\u{1f511}\".\r\nTrace ID: {request_id}\r\nCorrelation ID: {request_id}\r\nTimestamp: 2026-01-01 00:00:00Z",
        canary::SIGN_IN_ERROR
    );
    let body: Value = json!({
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z",
        "trace_id": request_id,
        "correlation_id": request_id,
        "error_uri": format!("https://login.simulated.example/error?code={number}"),
    });
    Answer::json(status, &body)
}
