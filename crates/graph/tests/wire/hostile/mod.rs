//! Properties of the whole client over real sockets, against answers that no honest server gives.

mod answers;
mod damage;
mod links;
mod pages;
mod tellers;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::*;

/// So many cases: each has a server and a client of its own.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, max_shrink_iters: 200, ..ProptestConfig::default() }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The port of a server.
fn port(server: &Server) -> String {
    server.url("").rsplit(':').next().expect("a port").to_owned()
}

/// What may have left for Graph, whatever came back: GETs with a token below the version prefix, within bounds.
fn only_below_the_version(server: &Server, most: usize) -> Result<(), TestCaseError> {
    let asked = server.asked();
    prop_assert!(asked.len() <= most, "{} requests", asked.len());
    for request in asked {
        let path = request.target().split('?').next().unwrap_or_default().to_ascii_lowercase();
        prop_assert!(request.line().starts_with("GET /beta/"), "{}", request.line());
        let unpacked = path.replace("%2f", "/").replace("%5c", "/").replace('\\', "/").replace("%2e", ".");
        prop_assert!(!unpacked.split('/').any(|segment| matches!(segment, "." | "..")), "{}", request.line());
    }
    Ok(())
}
