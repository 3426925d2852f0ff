//! Faults: what goes wrong, where, how often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lastseen_model::TenantId;
use serde::Deserialize;

use crate::graph_error::NamedError;

/// What goes wrong, where and how often. A request meets at most one fault: the first that was added, fits and is not used up.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The tenant of the token (or, at the token endpoint, of the URL); none: any.
    pub tenant: Option<TenantId>,
    /// The path below the version prefix, or `token` for the token endpoint; none: any path of Graph, but not the token endpoint.
    pub path: Option<String>,
    /// The page, counted from 1 as the links lead; none: any.
    pub page: Option<u32>,
    /// How many requests it hits; none: every one.
    pub times: Option<u32>,
    /// How many fitting requests it lets pass first.
    pub skip: u32,
    /// What happens.
    pub action: FaultAction,
}

/// What happens to a request. An action about pages leaves singletons, errors and the token endpoint alone.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultAction {
    /// This answer instead of the real one. The headers replace the usual ones of the same name.
    Status {
        /// The status.
        status: u16,
        /// Name and value.
        headers: Vec<(String, String)>,
        /// The body.
        body: FaultBody,
    },
    /// The body stops in the middle and the connection closes; `Content-Length` tells its whole length.
    Truncate,
    /// The connection is reset before an answer.
    Reset,
    /// No answer until the simulator shuts down or the client gives up.
    Hang,
    /// 200 with an HTML page.
    Garbage,
    /// 200 with JSON that breaks off, its length told truly.
    InvalidJson,
    /// 200 with an envelope that has no `value`.
    NoValue,
    /// 200 with JSON 100,000 levels deep.
    Deep,
    /// 200 with a page of this many bytes, in chunks and without `Content-Length`.
    Huge {
        /// How many.
        bytes: u64,
    },
    /// The page's next link leads to the page itself.
    Loop,
    /// The page's next link begins with this instead of `<origin>/<version>`; `{origin}` in it stands for the simulator's own
    /// origin. `https://elsewhere.example/beta` leaves the host, `{origin}/v1.0` the version.
    ForeignNextLink(String),
    /// The page comes again as the next one, under a fresh link. Without `times` that never ends.
    DuplicatePage,
    /// The list moves while it is read: this page comes in reverse, and its last object comes again on the next page.
    Shift,
    /// The list moves while it is read: the object that would begin the next page is passed over.
    Hide,
    /// A page of no objects with a next link to the page that was asked for.
    EmptyPage,
    /// The page begins with an object that can't be identified.
    RejectedObject(RejectedObject),
    /// The last page has a next link after all, to a page of no objects.
    NextLinkOnLast,
    /// 401 `InvalidAuthenticationToken`.
    Unauthorized,
    /// The answer is held back for this long, on top of the latency.
    Slow(Duration),
}

/// The body of a [`FaultAction::Status`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultBody {
    /// This text.
    Text(String),
    /// A known error.
    Named(NamedError),
}

/// Why an object can't be identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedObject {
    /// No `id`.
    NoId,
    /// An empty `id`.
    EmptyId,
    /// An `id` of 600 bytes.
    LongId,
    /// An `id` that holds U+0000.
    NulId,
    /// An `id` that is a number.
    NumberId,
    /// `null` in place of the object.
    Null,
    /// A text in place of the object.
    Text,
}

impl Fault {
    /// A fault that hits every request of every tenant to Graph.
    pub fn always(action: FaultAction) -> Self {
        Self { tenant: None, path: None, page: None, times: None, skip: 0, action }
    }

    /// Only on this path (or `token`).
    #[must_use]
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only on this page.
    #[must_use]
    pub fn page(mut self, page: u32) -> Self {
        self.page = Some(page);
        self
    }

    /// Only for this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Only so many times.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only after so many fitting requests.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }
}

impl FaultAction {
    /// A known error with its usual status and headers.
    pub fn error(error: NamedError) -> Self {
        Self::Status { status: error.status(), headers: Vec::new(), body: FaultBody::Named(error) }
    }

    /// 429 with this `Retry-After`, or without one.
    pub fn throttled(retry_after: Option<&str>) -> Self {
        // An empty value takes the usual header away.
        let headers = vec![("Retry-After".to_owned(), retry_after.unwrap_or_default().to_owned())];
        Self::Status { status: 429, headers, body: FaultBody::Named(NamedError::Throttled) }
    }

    /// Whether it only makes sense on a page that has (or, for [`Self::NextLinkOnLast`], has not) a next link.
    fn fits(&self, place: &Place) -> bool {
        match self {
            Self::NextLinkOnLast => place.collection && place.last,
            Self::Hide => place.collection && !place.last,
            Self::Loop
            | Self::ForeignNextLink(_)
            | Self::DuplicatePage
            | Self::Shift
            | Self::EmptyPage
            | Self::RejectedObject(_)
            | Self::NoValue => place.collection,
            _ => true,
        }
    }
}

/// Where a request is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) tenant: Option<TenantId>,
    /// The path below the version prefix, or [`TOKEN`].
    pub(crate) path: &'a str,
    pub(crate) page: u32,
    /// Whether a page of a collection will be answered.
    pub(crate) collection: bool,
    /// Whether that page is the last.
    pub(crate) last: bool,
}

/// The name of the token endpoint in [`Fault::path`].
pub(crate) const TOKEN: &str = "token";

/// The handle to a simulator's faults. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Adds a fault, behind those that are there.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Adds all of a script.
    pub fn add_all(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().extend(faults);
    }

    /// Takes all faults away.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// How many faults are not used up.
    pub fn remaining(&self) -> usize {
        self.lock().len()
    }

    /// What happens at this place, if anything; counts it.
    pub(crate) fn strike(&self, place: &Place) -> Option<FaultAction> {
        let mut faults = self.lock();
        for index in 0..faults.len() {
            let fault = &mut faults[index];
            if !fault.is_at(place) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            let action = fault.action.clone();
            if let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
                if *times == 0 {
                    faults.remove(index);
                }
            }
            return Some(action);
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        // A test that panicked elsewhere leaves a list that is still a list.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    fn is_at(&self, place: &Place) -> bool {
        let at_path = self.path.as_deref().map_or(place.path != TOKEN, |path| path == place.path);
        let for_tenant = self.tenant.is_none() || self.tenant == place.tenant;
        let on_page = self.page.is_none_or(|page| page == place.page);
        at_path && for_tenant && on_page && self.times != Some(0) && self.action.fits(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, page: u32) -> Place<'_> {
        Place { tenant: None, path, page, collection: true, last: false }
    }

    #[test]
    fn a_fault_skips_then_hits_so_many_times_then_is_gone() {
        let faults = Faults::default();
        faults.add(Fault::always(FaultAction::Reset).on("/a").after(1).times(2));
        let hits: Vec<_> = (0..5).map(|_| faults.strike(&place("/a", 1)).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert_eq!(faults.remaining(), 0);
    }

    #[test]
    fn a_fault_hits_only_its_path_and_page_and_the_token_endpoint_only_by_name() {
        let faults = Faults::default();
        faults.add(Fault::always(FaultAction::Reset).page(2));
        assert_eq!(faults.strike(&place("/a", 1)), None);
        assert_eq!(faults.strike(&place(TOKEN, 2)), None);
        assert_eq!(faults.strike(&place("/a", 2)), Some(FaultAction::Reset));
        faults.clear();
        faults.add(Fault::always(FaultAction::Hang).on(TOKEN));
        assert_eq!(faults.strike(&place("/a", 1)), None);
        assert_eq!(faults.strike(&place(TOKEN, 1)), Some(FaultAction::Hang));
    }

    #[test]
    fn the_first_fault_that_fits_wins() {
        let faults = Faults::default();
        faults.add(Fault::always(FaultAction::Hang).times(1));
        faults.add(Fault::always(FaultAction::Reset));
        assert_eq!(faults.strike(&place("/a", 1)), Some(FaultAction::Hang));
        assert_eq!(faults.strike(&place("/a", 1)), Some(FaultAction::Reset));
    }
}
