//! `GET /v1/types`

use lastseen_contracts::{Assignments, PathContract, Registry, TypeContract};
use lastseen_model::{Category, PolicyType};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::operation::{Endpoint, Gives, Needs, Operation};
use crate::problem::Problem;

const OPERATION: Operation = Operation {
    id: "list_types",
    path: "/v1/types",
    needs: Needs::Anybody,
    summary: "The policy types that Lastseen lists",
    about: "The registry of this version: what each type is called, where it is listed, and which permission that takes.",
    example: "$HOST/v1/types",
    gives: &[Gives::found::<Types>("All of them, in the order of the registry.")],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

/// The registry.
#[derive(Debug, Serialize, ToSchema)]
struct Types {
    /// Its types.
    types: Vec<RegisteredType>,
}

/// A type of the registry.
#[derive(Debug, Serialize, ToSchema)]
struct RegisteredType {
    /// Its key.
    policy_type: PolicyType,
    /// Its name for people.
    display_name: String,
    /// Its category.
    category: Category,
    /// Its path at Graph.
    path: String,
    /// `v1.0` or `beta`.
    #[schema(value_type = String)]
    api_version: &'static str,
    /// The path whose objects it is listed under; none for most.
    parent: Option<String>,
    /// The permission that it takes.
    permission: String,
    /// Whether its assignments are counted.
    assignments: bool,
    /// Whether it is listed without being named.
    enabled: bool,
    /// Why it is not.
    off_because: Option<String>,
}

impl From<(&PathContract, &TypeContract)> for RegisteredType {
    fn from((path, known): (&PathContract, &TypeContract)) -> Self {
        Self {
            policy_type: known.policy_type.clone(),
            display_name: known.name.clone(),
            category: known.category.clone(),
            path: path.path.clone(),
            api_version: path.api_version.as_str(),
            parent: path.parent.as_ref().map(|parent| parent.path.clone()),
            permission: path.permission.clone(),
            assignments: path.assignments == Assignments::Expand,
            enabled: known.is_on(),
            off_because: known.off_because.clone(),
        }
    }
}

async fn handle() -> Result<Answer, Problem> {
    Answer::found(&Types { types: Registry::builtin().types().map(RegisteredType::from).collect() })
}
