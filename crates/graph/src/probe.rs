//! Finding out what a path takes, by a handful of requests for its first page.
//!
//! The requests go the way of all others: through the gates, under the budgets, judged by the one table. What a refusal of an option
//! is there ends nothing here, but is what was to be found; what says nothing of an option (a missing permission, a 429 that stays, a
//! cancelled run) ends the probe.

use std::collections::BTreeMap;
use std::time::Duration;

use lastseen_contracts::{Assignments, Observed, PathContract, PathKind, PathOverride};
use lastseen_model::{ExternalId, Observation};

use crate::asking::Asking;
use crate::classify::{Asked, was_a_fallbacks};
use crate::envelope::Envelope;
use crate::failure::GraphFailure;
use crate::listing::Listing;
use crate::options::Options;
use crate::parents::ParentIds;
use crate::request::{Reply, ask};
use crate::session::Session;

/// The page sizes that are tried, from the largest.
const SIZES: [u32; 4] = [999, 200, 100, 50];

/// What a path was found to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Its first page, asked for with no option.
    pub plain: FirstPage,
    /// What came of `$select`.
    pub select: SelectFound,
    /// What came of `$expand=assignments`; none of a singleton.
    pub expand: Option<ExpandFound>,
    /// What came of page sizes, in the order they were tried: the contract's, then from the largest, to the first that is taken. Empty
    /// of a singleton.
    pub sizes: Vec<(u32, SizeFound)>,
    /// How the path should be asked instead; none where the contract's way is good, or nothing better was proved.
    pub suggestion: Option<PathOverride>,
}

/// A first page that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstPage {
    /// How many objects it has.
    pub objects: usize,
    /// Whether there are more pages.
    pub more: bool,
    /// Bytes of its body, unpacked.
    pub bytes: u64,
    /// How long it took, waiting for a turn and asking again included.
    pub took: Duration,
}

/// What came of `$select`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectFound {
    /// A refusal, or no page within its tries.
    Refused(GraphFailure),
    /// A page of other objects, or with an object that would be observed otherwise: not to be used.
    Differs(FirstPage),
    /// A page without objects, which proves nothing.
    Empty(FirstPage),
    /// A page of the same objects, and each would be observed as it is without.
    Same(FirstPage),
}

/// What came of `$expand=assignments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpandFound {
    /// A refusal, or no page within its tries.
    Refused(GraphFailure),
    /// A page.
    Page {
        /// The page.
        page: FirstPage,
        /// How many of its objects have all their assignments with them.
        counted: usize,
        /// How many assignments those have together.
        assignments: u64,
    },
}

/// What came of a page size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SizeFound {
    /// A refusal, or no page within its tries.
    Refused(GraphFailure),
    /// A page of just so many objects.
    Honoured(FirstPage),
    /// A page of another size, though there are more objects.
    Ignored(FirstPage),
    /// A page that leaves objects out and says nothing of them: the path takes it for a limit on the whole list. Not to be used.
    Limit(FirstPage),
    /// All objects there are, fewer than would fill a page.
    TooFewToSee(FirstPage),
}

/// A page, and what would be observed of its objects.
struct Seen {
    page: FirstPage,
    observed: BTreeMap<ExternalId, (usize, Observation)>,
    rejected: usize,
}

/// One path to ask.
struct Prober<'a> {
    session: &'a Session,
    path: &'a PathContract,
    asking: Asking,
}

/// Probes a path; nothing where it has a parent that is empty.
pub(crate) async fn probe(session: &Session, path: &PathContract) -> Result<Option<Probe>, GraphFailure> {
    // With every option there is, so that each can be chosen.
    let all = PathContract { select: true, assignments: Assignments::Expand, ..path.clone() };
    let asking = match first_parent(session, path).await? {
        Place::Itself => Asking::of(&all),
        Place::Below(parent) => Asking::of(&all).below(&parent),
        Place::Nowhere => return Ok(None),
    };
    let prober = Prober { session, path, asking };
    let plain = prober.see(path, Options::default()).await?;
    let select = prober.select(&plain).await?;
    let (expand, sizes) = match path.kind {
        PathKind::Singleton => (None, Vec::new()),
        PathKind::Collection => {
            let lean = matches!(select, SelectFound::Same(_));
            (Some(prober.expand(&all).await?), prober.sizes(&plain.page, lean).await?)
        }
    };
    let mut probe = Probe { plain: plain.page, select, expand, sizes, suggestion: None };
    probe.suggestion = Some(probe.suggest(path)).filter(|suggestion| !suggestion.is_empty());
    Ok(Some(probe))
}

/// Where the collection to ask is.
enum Place {
    Itself,
    Below(String),
    Nowhere,
}

async fn first_parent(session: &Session, path: &PathContract) -> Result<Place, GraphFailure> {
    let Some(parent) = &path.parent else { return Ok(Place::Itself) };
    let cap = session.client().settings.page_cap;
    let mut ids = ParentIds::default();
    if let Some(page) = Listing::new(session, Asking::of_parents(path, parent), cap).next(session).await? {
        ids.take(&page, cap).map_err(GraphFailure::of)?;
    }
    Ok(ids.into_ordered().pop_front().map_or(Place::Nowhere, Place::Below))
}

impl Prober<'_> {
    async fn select(&self, plain: &Seen) -> Result<SelectFound, GraphFailure> {
        Ok(match tried(self.see(self.path, Options { select: true, ..Options::default() }).await)? {
            Err(failure) => SelectFound::Refused(failure),
            Ok(seen) if seen.observed != plain.observed || seen.rejected != plain.rejected => SelectFound::Differs(seen.page),
            Ok(seen) if seen.observed.is_empty() => SelectFound::Empty(seen.page),
            Ok(seen) => SelectFound::Same(seen.page),
        })
    }

    async fn expand(&self, all: &PathContract) -> Result<ExpandFound, GraphFailure> {
        Ok(match tried(self.see(all, Options { expand: true, ..Options::default() }).await)? {
            Err(failure) => ExpandFound::Refused(failure),
            Ok(seen) => {
                let counts: Vec<u32> = seen.observed.values().filter_map(|(_, object)| object.assignment_count).collect();
                ExpandFound::Page { page: seen.page, counted: counts.len(), assignments: counts.into_iter().map(u64::from).sum() }
            }
        })
    }

    /// The contract's size first: where it is taken, no other is tried, because it is there for a reason. A larger one is not tried then.
    async fn sizes(&self, plain: &FirstPage, select: bool) -> Result<Vec<(u32, SizeFound)>, GraphFailure> {
        let own = self.path.page_size;
        let smaller = SIZES.into_iter().filter(|size| own.is_none_or(|own| *size < own));
        let mut found = Vec::new();
        for size in own.into_iter().chain(smaller) {
            let options = Options { select, top: Some(size), ..Options::default() };
            let answer = tried(self.see(self.path, options).await)?.map(|seen| seen.page);
            found.push((size, SizeFound::of(size, plain, answer)));
            if found.last().is_some_and(|(_, found)| found.is_taken()) {
                break;
            }
        }
        Ok(found)
    }

    /// Asks for the first page with these options, and observes its objects as this contract does.
    async fn see(&self, contract: &PathContract, options: Options) -> Result<Seen, GraphFailure> {
        let url = self.asking.first(self.session, options)?;
        let asked = Asked { few: true, ..self.asking.asked(self.session, options, false) };
        let timer = &self.session.client().timer;
        let began = timer.now();
        match ask(self.session, self.asking.workload, &url, asked).await? {
            Reply::Page(envelope) => Ok(Seen::of(contract, options.expand, &envelope, timer.now().saturating_sub(began))),
            Reply::Fallback(_, failure) | Reply::Restart(failure) => Err(failure),
        }
    }
}

/// Tells what is found of an option from what ends the probe.
fn tried(outcome: Result<Seen, GraphFailure>) -> Result<Result<Seen, GraphFailure>, GraphFailure> {
    match outcome {
        Err(failure) if !was_a_fallbacks(&failure) => Err(failure),
        outcome => Ok(outcome),
    }
}

impl Seen {
    fn of(contract: &PathContract, expanded: bool, envelope: &Envelope, took: Duration) -> Self {
        let objects = envelope.objects();
        let page = FirstPage { objects: objects.len(), more: envelope.next.is_some(), bytes: envelope.bytes(), took };
        let mut seen = Self { page, observed: BTreeMap::new(), rejected: 0 };
        for object in objects {
            match contract.observe_as_asked(object, expanded) {
                Ok(Observed { type_index, observation, .. }) => {
                    seen.observed.insert(observation.external_id.clone(), (type_index, observation));
                }
                Err(_) => seen.rejected += 1,
            }
        }
        seen
    }
}

impl SizeFound {
    fn of(size: u32, plain: &FirstPage, answer: Result<FirstPage, GraphFailure>) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        match answer {
            Err(failure) => Self::Refused(failure),
            Ok(page) if !page.more && (page.objects < plain.objects || (plain.more && page.objects == size)) => Self::Limit(page),
            Ok(page) if page.objects == size => Self::Honoured(page),
            Ok(page) if page.objects < size && !page.more => Self::TooFewToSee(page),
            Ok(page) => Self::Ignored(page),
        }
    }

    /// Whether nothing speaks against it.
    fn is_taken(&self) -> bool {
        matches!(self, Self::Honoured(_) | Self::TooFewToSee(_))
    }
}

impl Probe {
    /// What is better than the contract's way. Only what was proved is switched on, and only what was refused is switched off.
    fn suggest(&self, path: &PathContract) -> PathOverride {
        let select = match (&self.select, path.select) {
            (SelectFound::Same(page), false) if page.bytes < self.plain.bytes => Some(true),
            (SelectFound::Refused(_) | SelectFound::Differs(_), true) => Some(false),
            _ => None,
        };
        let assignments = match (&self.expand, path.assignments) {
            // A list that shows none at all may be one that never does.
            (Some(ExpandFound::Page { assignments: 1.., .. }), Assignments::NotRead) => Some(true),
            (Some(ExpandFound::Refused(_)), Assignments::Expand) => Some(false),
            _ => None,
        };
        let taken = self.sizes.last().filter(|(_, found)| found.is_taken());
        let page_size = match (path.page_size, taken) {
            (None, Some((size, SizeFound::Honoured(page)))) if page.objects > self.plain.objects => Some(*size),
            (Some(own), Some((size, _))) if *size != own && matches!(self.sizes.first(), Some((_, SizeFound::Refused(_)))) => Some(*size),
            _ => None,
        };
        PathOverride { page_size, select, assignments, ..PathOverride::of(path) }
    }
}
