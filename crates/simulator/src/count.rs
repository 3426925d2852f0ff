//! What the simulator was asked, counted and, when wanted, recorded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use lastseen_model::TenantId;

/// How many requests are recorded at most; later ones are only counted.
const RECORDS_MAX: usize = 100_000;
/// How much of a query or header is recorded, in bytes.
const TEXT_MAX: usize = 4_096;
/// What an unknown path or method is counted as, so that no caller can make the counts grow without end.
const OTHER: &str = "(other)";

/// What was asked since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests of every kind.
    pub requests: u64,
    /// By method; what is no common method is `(other)`.
    pub by_method: BTreeMap<String, u64>,
    /// By path below the version prefix, the token endpoint as `token`, all that is unknown as `(other)`.
    pub by_path: BTreeMap<String, u64>,
    /// By the status answered; 0 where there was no answer.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests to the token endpoint.
    pub token_requests: u64,
    /// Requests to Graph with another method than GET.
    pub not_get: u64,
    /// Requests that a client has no business with: neither a GET of a path that the simulator has, nor a POST to the token
    /// endpoint, nor a GET to the identity endpoint.
    pub foreign: u64,
    /// Answers with 429, by limit or by fault.
    pub throttled: u64,
    /// Bytes of bodies given to the network.
    pub bytes_sent: u64,
    /// Requests that [`crate::Simulator::requests`] has no room for.
    pub not_recorded: u64,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The path with its version prefix, as it stood in the request.
    pub path: String,
    /// The query, not decoded; its first 4,096 bytes.
    pub query: String,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `client-request-id`.
    pub client_request_id: Option<String>,
    /// The tenant of the token or, at the token endpoint, of the URL, where the simulator has it.
    pub tenant: Option<TenantId>,
    /// The status answered; 0 where there was no answer.
    pub status: u16,
    /// `Retry-After` as it was answered.
    pub retry_after: Option<String>,
    /// When it came, since the simulator was started.
    pub came: Duration,
    /// When its answer was ready to be sent.
    pub answered: Duration,
}

/// The tally of one simulator.
#[derive(Debug)]
pub(crate) struct Tally {
    record: bool,
    bytes_sent: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    counts: Counts,
    records: Vec<Recorded>,
}

impl Tally {
    pub(crate) fn new(record: bool) -> Self {
        Self { record, bytes_sent: AtomicU64::new(0), book: Mutex::default() }
    }

    /// Takes a request down. `known_path` is what it is counted under, none for a path that nothing knows; `right_method` is the one that
    /// the place is there for.
    pub(crate) fn note(&self, request: Recorded, known_path: Option<&str>, right_method: &Method) {
        let mut book = self.lock();
        let counts = &mut book.counts;
        counts.requests += 1;
        let method = match request.method.as_str() {
            known @ ("GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => known,
            _ => OTHER,
        };
        *counts.by_method.entry(method.to_owned()).or_default() += 1;
        *counts.by_path.entry(known_path.unwrap_or(OTHER).to_owned()).or_default() += 1;
        *counts.by_status.entry(request.status).or_default() += 1;
        if known_path == Some(crate::fault::TOKEN) {
            counts.token_requests += 1;
        } else if method != "GET" {
            counts.not_get += 1;
        }
        if known_path.is_none() || method != right_method.as_str() {
            counts.foreign += 1;
        }
        if request.status == 429 {
            counts.throttled += 1;
        }
        if self.record {
            if book.records.len() < RECORDS_MAX {
                book.records.push(request);
            } else {
                book.counts.not_recorded += 1;
            }
        }
    }

    /// Counts bytes of a body.
    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { bytes_sent: self.bytes_sent.load(Ordering::Relaxed), ..self.lock().counts.clone() }
    }

    pub(crate) fn records(&self) -> Vec<Recorded> {
        self.lock().records.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a text that is recorded.
pub(crate) fn bounded(text: &str) -> String {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
