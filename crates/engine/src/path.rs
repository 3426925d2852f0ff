//! Listing one path: fetch the next page while the last one is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lastseen_contracts::PathContract;
use lastseen_graph::{GraphFailure, RawPage, Session, Timer};
use lastseen_model::{ErrorCode, ErrorContext, ListingOutcome, PageEnd, PolicyType};
use lastseen_store::{Lease, ListingFailure, ListingPage, PageRecord, PageStored, Store, StoreError, TenantScope};

use crate::events::{Event, Observer};
use crate::patience::Patience;

/// One path of a run at work.
pub(crate) struct PathTask {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) patience: Patience,
    pub(crate) session: Session,
    pub(crate) scope: TenantScope,
    pub(crate) lease: Lease,
    pub(crate) path: PathContract,
    /// Indexes of the types in scope, ascending.
    pub(crate) wanted: Vec<usize>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) dropped: Arc<AtomicU64>,
}

/// How a path ended.
pub(crate) enum PathEnd {
    /// Its listings have their outcome.
    Settled,
    /// The run was cancelled; its listings are open.
    Cancelled,
    /// The lease is lost; nothing more can be written.
    LeaseLost,
    /// The database stayed away, or refused: its listings may be open.
    StoreFailed(StoreError),
}

/// Why the loop over the pages ended early.
enum Broke {
    Graph(GraphFailure),
    Store(StoreError),
}

impl PathTask {
    /// Lists the path and gives each of its listings an outcome, unless the run itself is over.
    pub(crate) async fn list(self) -> PathEnd {
        let began = self.timer.now();
        let types = self.types();
        self.observer.on(Event::Began { types: types.clone() });
        let (outcome, code, end) = match self.pages().await {
            Ok(PageEnd::Complete) => (ListingOutcome::Complete, None, PathEnd::Settled),
            Ok(PageEnd::Rejected) => (ListingOutcome::Incomplete, Some(ErrorCode::ItemRejected), PathEnd::Settled),
            Err(Broke::Graph(failure)) if failure.code == ErrorCode::Cancelled => {
                (ListingOutcome::Incomplete, Some(ErrorCode::Cancelled), PathEnd::Cancelled)
            }
            Err(Broke::Graph(failure)) => {
                let outcome = ListingOutcome::after_failure(failure.code, failure.context.page.unwrap_or(1).saturating_sub(1));
                (outcome, Some(failure.code), self.fail(failure.code, failure.context).await)
            }
            Err(Broke::Store(StoreError::LeaseLost)) => (ListingOutcome::Incomplete, Some(ErrorCode::WorkerLost), PathEnd::LeaseLost),
            Err(Broke::Store(error)) => {
                let code = error.code();
                // The listing stays open where this fails too; the run's end closes it.
                let end = match self.fail(code, ErrorContext::default()).await {
                    PathEnd::LeaseLost => PathEnd::LeaseLost,
                    _ => PathEnd::StoreFailed(error),
                };
                (ListingOutcome::Incomplete, Some(code), end)
            }
        };
        self.observer.on(Event::Ended { types, outcome, code, took: self.timer.now().saturating_sub(began) });
        end
    }

    async fn pages(&self) -> Result<PageEnd, Broke> {
        let types = self.types();
        self.patience.call(|| self.store.begin_listings(&self.scope, &self.lease, &types)).await.map_err(Broke::Store)?;
        let mut pages = self.session.pages(&self.path, &self.wanted);
        let mut rejected = false;
        let mut fetched = pages.next().await.map_err(Broke::Graph)?;
        while let Some(page) = fetched {
            let record = self.reduce(&page, &mut rejected);
            let end = record.end;
            // The body is not needed any more, and the next one is about to come.
            drop(page);
            let store = self.patience.call(|| self.store.record_page(&self.scope, &self.lease, &record));
            if let Some(end) = end {
                self.committed(&record, store.await.map_err(Broke::Store)?);
                return Ok(end);
            }
            let (stored, next) = tokio::join!(store, pages.next());
            self.committed(&record, stored.map_err(Broke::Store)?);
            fetched = next.map_err(Broke::Graph)?;
        }
        // The client ends a listing with a last page or with a failure; this is neither.
        Err(Broke::Graph(GraphFailure { code: ErrorCode::Internal, context: ErrorContext::default() }))
    }

    /// Turns a page into what is stored of it.
    fn reduce(&self, page: &RawPage, rejected_before: &mut bool) -> PageRecord {
        let mut listings: Vec<_> =
            self.types().into_iter().map(|policy_type| ListingPage { policy_type, observations: Vec::new() }).collect();
        let mut passed_over = Vec::new();
        let mut rejected = 0;
        let mut dropped = 0;
        for object in page.objects() {
            match self.path.observe_as_asked(object, page.expanded) {
                Ok(observed) => match self.wanted.binary_search(&observed.type_index) {
                    Ok(place) => {
                        dropped += u64::from(observed.dropped);
                        listings[place].observations.push(observed.observation);
                    }
                    // Objects of types outside the scope are passed over; that their ids are there is evidence all the same.
                    Err(_) => passed_over.push(observed.observation.external_id),
                },
                Err(rejection) => {
                    tracing::warn!(path = %self.path.path, page = page.number, ?rejection, "an object could not be identified");
                    rejected += 1;
                }
            }
        }
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        *rejected_before |= rejected > 0;
        let end = page.last.then_some(if *rejected_before { PageEnd::Rejected } else { PageEnd::Complete });
        PageRecord { page: page.number, listings, passed_over, rejected, end }
    }

    fn committed(&self, record: &PageRecord, stored: PageStored) {
        tracing::debug!(path = %self.path.path, page = record.page, ?stored, "page committed");
        let observed = record.listings.iter().map(|listing| (listing.policy_type.clone(), listing.observations.len() as u64)).collect();
        self.observer.on(Event::Page { observed, page: record.page });
    }

    async fn fail(&self, code: ErrorCode, context: ErrorContext) -> PathEnd {
        let failure = ListingFailure { types: self.types(), code, context };
        match self.patience.call(|| self.store.fail_listings(&self.scope, &self.lease, &failure)).await {
            Ok(()) => PathEnd::Settled,
            Err(StoreError::LeaseLost) => PathEnd::LeaseLost,
            Err(error) => PathEnd::StoreFailed(error),
        }
    }

    fn types(&self) -> Vec<PolicyType> {
        self.path.keys(&self.wanted)
    }
}
