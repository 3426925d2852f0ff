//! What an operation says of itself: it is described, guarded and routed by this alone, so none of the three can be forgotten.

use axum::Router;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use lastseen_model::Role;
use utoipa::ToSchema;
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::gate::admit;
use crate::parameter::Parameter;
use crate::problem::Code;
use crate::shared::App;

/// What a caller needs for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing, not even a token.
    Nobody,
    /// A token, whatever it is good for.
    Anybody,
    /// This role on any tenant. The operation answers of the caller's tenants alone.
    AnyTenant(Role),
    /// This role on the tenant that the path names. It has to be known.
    Tenant(Role),
    /// The same for a tenant that need not be known yet.
    NewTenant(Role),
    /// This role on every tenant.
    Fleet(Role),
}

/// The schemas that a description has collected, by name.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;
/// Describes a type, and all that it refers to.
pub(crate) type SchemaOf = fn(&mut Schemas) -> RefOr<Schema>;

/// The schema of a type, by its name.
pub(crate) fn schema_of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}

/// A body that an operation takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Takes {
    /// What it holds.
    pub(crate) schema: SchemaOf,
    /// One of them.
    pub(crate) example: &'static str,
}

/// What an operation may answer when it does what it was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gives {
    /// The status.
    pub(crate) status: u16,
    /// When.
    pub(crate) about: &'static str,
    /// What.
    pub(crate) body: Content,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Nothing.
    Nothing,
    /// JSON.
    Json(SchemaOf),
    /// Server-sent events.
    Events,
}

impl Gives {
    /// What was asked for.
    pub(crate) const fn found<T: ToSchema>(about: &'static str) -> Self {
        Self { status: 200, about, body: Content::Json(schema_of::<T>) }
    }

    /// What came of it.
    pub(crate) const fn done<T: ToSchema>(status: u16, about: &'static str) -> Self {
        Self { status, about, body: Content::Json(schema_of::<T>) }
    }
}

/// An operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its stable name.
    pub(crate) id: &'static str,
    /// Its method. What answers GET answers HEAD, too.
    pub(crate) method: Method,
    /// Its path, with the names of the parts that vary.
    pub(crate) path: &'static str,
    /// What it asks of its caller.
    pub(crate) needs: Needs,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// What there is to know about it.
    pub(crate) about: &'static str,
    /// How to call it with curl: what stands after the address of the server.
    pub(crate) example: &'static str,
    /// The parameters that it takes. Any other is refused.
    pub(crate) parameters: &'static [Parameter],
    /// A header that it reads beside those that all do.
    pub(crate) header: Option<Parameter>,
    /// The body that it takes.
    pub(crate) takes: Option<Takes>,
    /// What it answers.
    pub(crate) gives: &'static [Gives],
    /// The codes under which it refuses, beside those that follow from the above.
    pub(crate) refuses: &'static [Code],
    /// Whether what it answers says when that was, so that no two answers are the same and none has an `ETag`.
    pub(crate) tells_the_time: bool,
}

impl Operation {
    /// What most operations leave out.
    pub(crate) const NONE: Operation = Operation {
        id: "",
        method: Method::GET,
        path: "",
        needs: Needs::Fleet(Role::Admin),
        summary: "",
        about: "",
        example: "",
        parameters: &[],
        header: None,
        takes: None,
        gives: &[],
        refuses: &[],
        tells_the_time: false,
    };

    /// Whether it answers a stream, which no time limit ends.
    pub(crate) fn is_stream(&self) -> bool {
        self.gives.iter().any(|gives| matches!(gives.body, Content::Events))
    }
}

/// An operation with the function that does it.
pub(crate) struct Endpoint {
    /// What it says of itself.
    pub(crate) operation: &'static Operation,
    method: MethodRouter<App>,
}

impl Endpoint {
    /// What is done by this function. Before it, the caller is looked at: see [`admit`].
    pub(crate) fn new<H, T>(operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = match operation.method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        Self { operation, method: on(filter, handler) }
    }

    /// Adds it to a router.
    pub(crate) fn route(self, router: Router<App>, app: &App) -> Router<App> {
        let gate = middleware::from_fn_with_state((app.clone(), self.operation), admit);
        router.route(self.operation.path, self.method.route_layer(gate))
    }
}
