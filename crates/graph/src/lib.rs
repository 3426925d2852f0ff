//! The only path to Microsoft: sign-in, listing a path page by page, throttling, retry and the classification of every answer.
//!
//! What goes out is `GET` to Graph and `POST` to the token endpoint; no type here can send anything else. What comes back is a
//! page, or a [`GraphFailure`]: a code of the closed set with bounded fields. No text of an answer leaves this crate but the
//! objects of a page.
//!
//! The way of one request: [`Session::pages`] → the listing of one collection (`listing`, `asking`) → the tenant's budget (`budget`: `gate`,
//! `slots`) → the token (`token`, `sign_in`) → the wire
//! (`transport`, `body`) → the one table that judges it (`classify`) → the envelope (`envelope`) and its next link (`link`).
//! [`Session::probe`] asks a path the same way what it takes (`probe`). Nothing here knows the store.

mod asking;
mod backoff;
mod body;
mod budget;
mod classify;
mod client;
mod depth;
mod envelope;
mod error_body;
mod failure;
mod gate;
mod learned;
mod link;
mod listing;
mod options;
mod origin;
mod pages;
mod parents;
mod probe;
mod request;
mod retry_after;
mod session;
mod settings;
mod sign_in;
mod slots;
mod timer;
mod token;
mod traffic;
mod transport;

pub use client::GraphClient;
pub use envelope::RawPage;
pub use failure::GraphFailure;
pub use origin::{Endpoints, Origin, OriginError};
pub use pages::Pages;
pub use probe::{ExpandFound, FirstPage, Probe, SelectFound, SizeFound};
pub use session::Session;
pub use settings::{Credential, GraphSettings, GraphSetupError};
pub use timer::{Timer, TokioTimer};
pub use traffic::Traffic;
