//! `POST /v1/tokens`

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use lastseen_engine::{new_token_id, token};
use lastseen_model::Role;
use lastseen_store::{NewToken, StoreError, TOKEN_NAME_MAX_CHARS, TokenRecord};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::body::{Body, TenantsAsked, Whole};
use crate::operation::{Endpoint, Gives, Needs, Operation, Takes, schema_of};
use crate::problem::{Code, Problem};
use crate::shared::App;

const OPERATION: Operation = Operation {
    id: "create_token",
    method: http::Method::POST,
    path: "/v1/tokens",
    needs: Needs::Fleet(Role::Admin),
    summary: "Make a token",
    about: "The answer holds the secret, as `token`, this once: all that is kept of it is its hash. A token for some tenants never sees \
            another, also none that comes later.",
    example: "-H \"Content-Type: application/json\" -d '{\"name\":\"ci\",\"role\":\"reader\",\"tenants\":\"all\"}' $HOST/v1/tokens",
    takes: Some(Takes {
        schema: schema_of::<TokenToBe>,
        example: r#"{"name":"ci","role":"reader","tenants":["8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10"],"expires_in_secs":7776000}"#,
    }),
    gives: &[Gives::done::<TokenMade>(201, "The token.")],
    refuses: &[Code::NoSuchTenant],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// A token to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenToBe {
    /// What it is for, 1 to 100 characters on one line.
    #[schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    /// What its holder may do.
    role: Role,
    /// To which tenants.
    tenants: TenantsAsked,
    /// For how many seconds it is good; 90 days where nothing is said, two years at most.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 60, maximum = 63_072_000)]
    expires_in_secs: Option<Whole>,
}

/// A token, with its secret.
#[derive(Serialize, ToSchema)]
struct TokenMade {
    /// The secret. It is not shown again.
    #[serde(serialize_with = "shown_once")]
    #[schema(value_type = String)]
    token: SecretString,
    /// What there is to know of it.
    #[serde(flatten)]
    record: TokenRecord,
}

fn shown_once<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

async fn handle(State(app): State<App>, Body(asked): Body<TokenToBe>) -> Result<Answer, Problem> {
    let name = token::name(&asked.name)
        .ok_or_else(|| Problem::body("/name", format!("must be 1 to {TOKEN_NAME_MAX_CHARS} characters on one line")))?;
    let tenants = asked.tenants.read("/tenants")?;
    let expires_in = asked.expires_in_secs.map_or(token::LIFE, |Whole(seconds)| Duration::from_secs(seconds.into()));
    let (least, most) = (token::LIFE_BOUNDS.start().as_secs(), token::LIFE_BOUNDS.end().as_secs());
    if !token::LIFE_BOUNDS.contains(&expires_in) {
        return Err(Problem::body("/expires_in_secs", format!("must be from {least} to {most}")));
    }
    let (secret, hash) = token::mint();
    let to_be = NewToken { token_id: new_token_id(), name: name.to_owned(), hash, role: asked.role, tenants, expires_in };
    match app.api.store.create_token(&to_be).await {
        Ok(record) => Answer::done(StatusCode::CREATED, &TokenMade { token: secret, record }),
        Err(StoreError::NoSuchTenant(tenant)) => {
            Err(Problem::new(Code::NoSuchTenant).detail(format!("there is no tenant {tenant}")).field("/tenants"))
        }
        Err(error) => Err(error.into()),
    }
}
