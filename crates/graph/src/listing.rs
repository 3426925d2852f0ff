//! The listing of one collection or object from its first page to its last, with its guards and fallbacks.

use std::time::Duration;

use lastseen_model::ErrorCode;
use url::Url;

use crate::asking::Asking;
use crate::classify::{Asked, smaller_pages_may_help, was_a_fallbacks};
use crate::envelope::Envelope;
use crate::failure::GraphFailure;
use crate::link::{self, Visited};
use crate::options::{Fallback, Options};
use crate::request::{Reply, ask};
use crate::session::Session;

/// A listing under way.
pub(crate) struct Listing {
    pub(crate) asking: Asking,
    options: Options,
    next: Next,
    /// Pages that came since the listing began or began again.
    in_pass: u32,
    /// The objects that they had.
    objects: usize,
    /// How many pages it may have.
    cap: u32,
    visited: Visited,
    restarts_left: u32,
    fallen: Option<Fallen>,
}

/// What is asked for next.
enum Next {
    First,
    Link(Url),
    /// There is a next page, and it must not be asked for.
    Refused(ErrorCode),
    Nothing,
}

/// The fallbacks since a page came.
struct Fallen {
    last: Fallback,
    began: Duration,
    /// How it would have ended without them; none where a page did come, and was not believed.
    failure: Option<GraphFailure>,
}

impl Listing {
    pub(crate) fn new(session: &Session, asking: Asking, cap: u32) -> Self {
        Self {
            options: session.tenant().learned.takes(asking.version, &asking.name, asking.wanted),
            next: if cap == 0 { Next::Refused(ErrorCode::GraphPageCap) } else { Next::First },
            in_pass: 0,
            objects: 0,
            cap,
            visited: Visited::default(),
            restarts_left: session.client().settings.restarts,
            fallen: None,
            asking,
        }
    }

    /// Whether its last page has come.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.next, Next::Nothing)
    }

    /// How many pages it has come to, those before it began again left out.
    pub(crate) fn pages(&self) -> u32 {
        self.in_pass
    }

    /// The next page; nothing after the last one. Dropping the future loses no page: the next call asks for it again.
    pub(crate) async fn next(&mut self, session: &Session) -> Result<Option<Envelope>, GraphFailure> {
        loop {
            let url = match &self.next {
                Next::Nothing => return Ok(None),
                Next::Refused(code) => return Err(GraphFailure::of(*code)),
                Next::Link(url) => url.clone(),
                Next::First => self.asking.first(session, self.options)?,
            };
            match ask(session, self.asking.workload, &url, self.asked(session)).await {
                Ok(Reply::Page(envelope)) if self.may_be_cut_off(&envelope) => {
                    self.asking.page_read = true;
                    self.fall_back(session, Fallback::NoTop, None)?;
                }
                Ok(Reply::Page(envelope)) => return Ok(Some(self.adopt(session, envelope, &url))),
                Ok(Reply::Fallback(fallback, failure)) => self.fall_back(session, fallback, Some(failure))?,
                Ok(Reply::Restart(failure)) => {
                    self.restarts_left = self.restarts_left.checked_sub(1).ok_or(failure)?;
                    self.begin_again();
                    tracing::debug!(path = self.asking.name, "the page token has expired; beginning again");
                }
                Err(failure) if self.options.top.is_some() && smaller_pages_may_help(&failure) => {
                    self.fall_back(session, Fallback::SmallerPages, Some(failure))?;
                }
                Err(failure) => return Err(self.ends_with(failure)),
            }
        }
    }

    fn asked(&self, session: &Session) -> Asked {
        let few = self.fallen.as_ref().is_some_and(|fallen| fallen.last == Fallback::SmallerPages);
        Asked { few, ..self.asking.asked(session, self.options, matches!(self.next, Next::Link(_))) }
    }

    /// Whether an end is where `$top` would put it for a server that takes it for a limit on the whole list, as OData means it, and not
    /// for a page size, as Graph does: so many objects have come, and there is no next link. It is no proof that there are no more (I2).
    fn may_be_cut_off(&self, envelope: &Envelope) -> bool {
        let Some(top) = self.options.top.map(|top| usize::try_from(top).unwrap_or(usize::MAX)) else { return false };
        let came = self.objects.saturating_add(envelope.objects().len());
        envelope.next.is_none() && if self.in_pass == 0 { came >= top } else { came == top }
    }

    /// Asks for less from page one on. All that is fallen back to before a page comes shares one page's time.
    fn fall_back(&mut self, session: &Session, fallback: Fallback, failure: Option<GraphFailure>) -> Result<(), GraphFailure> {
        let now = session.client().timer.now();
        let (began, failure) = match self.fallen.take() {
            Some(fallen) => (fallen.began, fallen.failure.or(failure)),
            None => (now, failure),
        };
        if now.saturating_sub(began) > session.client().settings.page_budget {
            return Err(failure.unwrap_or_else(|| GraphFailure::of(ErrorCode::GraphInvalidResponse)));
        }
        self.fallen = Some(Fallen { last: fallback, began, failure });
        self.options = self.options.after(fallback);
        self.begin_again();
        session.counters().retry();
        tracing::debug!(path = self.asking.name, fallback = fallback.name(), top = self.options.top, "asking for less");
        Ok(())
    }

    /// The failure that a listing ends with: after fallbacks that helped nothing, how it ended without them.
    fn ends_with(&mut self, failure: GraphFailure) -> GraphFailure {
        match self.fallen.take() {
            Some(Fallen { failure: Some(first), .. }) if was_a_fallbacks(&failure) => first,
            _ => failure,
        }
    }

    fn begin_again(&mut self) {
        self.visited.clear();
        self.in_pass = 0;
        self.objects = 0;
        self.next = Next::First;
    }

    /// Takes over a page that came from `url`.
    fn adopt(&mut self, session: &Session, mut envelope: Envelope, url: &Url) -> Envelope {
        envelope.expanded = self.options.expand;
        self.asking.page_read = true;
        if self.in_pass == 0 {
            self.visited.note(url);
        }
        if let Some(fallen) = self.fallen.take() {
            // Only now is it sure that this was what the path did not take.
            session.tenant().learned.note(self.asking.version, &self.asking.name, fallen.last, self.options);
        }
        self.in_pass = self.in_pass.saturating_add(1);
        self.objects = self.objects.saturating_add(envelope.objects().len());
        self.next = match envelope.next.take() {
            None => Next::Nothing,
            Some(link) => self.follow(session, &link).map_or_else(Next::Refused, Next::Link),
        };
        envelope
    }

    fn follow(&mut self, session: &Session, link: &str) -> Result<Url, ErrorCode> {
        let url = link::follow(link, &session.endpoints().graph, self.asking.version.as_str())?;
        if !self.visited.note(&url) {
            return Err(ErrorCode::GraphPageLoop);
        }
        if self.in_pass >= self.cap { Err(ErrorCode::GraphPageCap) } else { Ok(url) }
    }
}
