//! The only path to Microsoft: sign-in, listing a path page by page, throttling, retry and the classification of every answer.
//!
//! What goes out is `GET` to Graph and `POST` to the token endpoint; no type of the client can send anything else. The one other request
//! is that of a managed identity to an endpoint on its own machine, and `identity` has a transport of its own for it, which can send
//! nothing but that. What comes back is a page, or a [`GraphFailure`]: a code of the closed set with bounded fields. No text of an answer
//! leaves this crate but the objects of a page.
//!
//! One [`GraphClient`] serves all tenants. Each session is opened with the [`Access`] of its tenant: the cloud's endpoints and a
//! [`Credential`], which is read anew for every run (`resolve`), and never kept beyond it. Tokens are kept by authority, Graph, tenant, client
//! and proof (`tokens`); limits by Graph and tenant.
//!
//! The way of one request: [`Session::pages`] → the listing of one collection (`listing`, `asking`) → the tenant's budget (`budget`: `gate`,
//! `slots`) → the token (`token`, `sign_in`) → the wire
//! (`transport`, `body`) → the one table that judges it (`classify`) → the envelope (`envelope`) and its next link (`link`).
//! [`Session::probe`] asks a path the same way what it takes (`probe`). Nothing here knows the store.

mod access;
mod asking;
mod assertion;
mod backoff;
mod body;
mod budget;
mod certificate;
mod claims;
mod classify;
mod client;
mod cloud;
mod credential;
mod depth;
mod envelope;
mod error_body;
mod failure;
mod gate;
#[cfg(test)]
mod hostile_tests;
mod identity;
mod learned;
mod link;
mod listing;
mod options;
mod organization;
mod origin;
mod pages;
mod parents;
mod payload;
mod probe;
mod problem;
mod request;
mod resolve;
mod retry_after;
mod secret_file;
mod session;
mod settings;
mod sign_in;
mod slots;
mod timer;
mod token;
mod tokens;
mod traffic;
mod transport;

pub use access::Access;
pub use certificate::Certificate;
pub use client::GraphClient;
pub use cloud::federated_audience;
pub use credential::{Credential, Proof};
pub use envelope::RawPage;
pub use failure::GraphFailure;
pub use identity::{IdentityEndpoint, NotAnIdentityEndpoint};
pub use organization::{MdmAuthority, ORGANIZATION_PERMISSION};
pub use origin::{Endpoints, Origin, OriginError};
pub use pages::Pages;
pub use payload::AppRole;
pub use probe::{ExpandFound, FirstPage, Probe, SelectFound, SizeFound};
pub use problem::{CredentialProblem, CredentialReason};
pub use resolve::{Environment, NotText};
pub use secret_file::bytes as read_small_file;
pub use session::{Session, TokenFacts};
pub use settings::{GraphSettings, GraphSetupError};
pub use timer::{Timer, TokioTimer};
pub use traffic::Traffic;
