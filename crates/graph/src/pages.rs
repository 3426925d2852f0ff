//! A path, page by page: one collection or object or, where the path has a parent, the collections of all its parents' objects in
//! a row.

use std::collections::VecDeque;

use lastseen_contracts::PathContract;
use lastseen_model::{ErrorCode, PolicyType};

use crate::asking::Asking;
use crate::envelope::RawPage;
use crate::failure::GraphFailure;
use crate::listing::Listing;
use crate::parents::ParentIds;
use crate::session::Session;

/// The pages of one path. It ends with a last page or with a failure, and after a failure there is only that failure: nothing
/// that follows can look like the end of a whole listing (I2).
pub struct Pages {
    session: Session,
    asking: Asking,
    stage: Stage,
    /// Pages delivered, over all restarts and all parents.
    delivered: u32,
    /// The type that a failure concerns, where it is one.
    policy_type: Option<PolicyType>,
    failed: Option<GraphFailure>,
}

/// How far it is.
enum Stage {
    /// The parents are listed, to the last of them, before anything of theirs is.
    Parents {
        listing: Listing,
        ids: ParentIds,
    },
    /// A collection is listed.
    Collection {
        listing: Listing,
        /// The parents whose collections come behind it.
        left: VecDeque<String>,
        /// The pages of the collections before it.
        before: u32,
    },
    /// The path has a parent, and that is empty: one empty page says so.
    NoParents,
    Over,
}

impl Pages {
    pub(crate) fn new(session: Session, path: &PathContract, wanted: &[usize]) -> Self {
        let policy_type = match wanted {
            [only] => path.types.get(*only).map(|wanted| wanted.policy_type.clone()),
            _ => None,
        };
        let asking = Asking::of(path);
        let cap = session.client().settings.page_cap;
        let stage = match &path.parent {
            None => Stage::Collection { listing: Listing::new(&session, asking.clone(), cap), left: VecDeque::new(), before: 0 },
            Some(parent) => {
                Stage::Parents { listing: Listing::new(&session, Asking::of_parents(path, parent), cap), ids: ParentIds::default() }
            }
        };
        Self { session, asking, stage, delivered: 0, policy_type, failed: None }
    }

    /// The next page; nothing after the last one. Dropping the future loses no page: the next call asks for it again.
    ///
    /// # Errors
    /// How the listing failed. Its context names the page that did not come; the next calls give the same failure.
    pub async fn next(&mut self) -> Result<Option<RawPage>, GraphFailure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let session = self.session.clone();
        let outcome = session.unless_cancelled(self.advance()).await;
        outcome.map_err(|mut failure| {
            failure.context.page = Some(self.delivered.saturating_add(1));
            failure.context.policy_type.clone_from(&self.policy_type);
            self.failed = Some(failure.clone());
            failure
        })
    }

    async fn advance(&mut self) -> Result<Option<RawPage>, GraphFailure> {
        loop {
            match &mut self.stage {
                Stage::Over => return Ok(None),
                Stage::Parents { listing, ids } => {
                    if let Some(page) = listing.next(&self.session).await? {
                        ids.take(&page, self.session.client().settings.page_cap).map_err(GraphFailure::of)?;
                    } else {
                        let ids = std::mem::take(ids).into_ordered();
                        self.stage = self.below(ids, 0).unwrap_or(Stage::NoParents);
                    }
                }
                Stage::NoParents => {
                    self.stage = Stage::Over;
                    return Ok(Some(self.delivered(RawPage::empty)));
                }
                Stage::Collection { listing, left, before } => {
                    let Some(page) = listing.next(&self.session).await? else {
                        // A listing that has ended was left with its last page.
                        return Err(GraphFailure::of(ErrorCode::Internal));
                    };
                    if listing.ended() {
                        let (left, before) = (std::mem::take(left), before.saturating_add(listing.pages()));
                        self.stage = self.below(left, before).unwrap_or(Stage::Over);
                    }
                    let last = matches!(self.stage, Stage::Over);
                    return Ok(Some(self.delivered(|number| page.into_page(number, last))));
                }
            }
        }
    }

    /// Begins with the collection of the first of these parents; none where there is no parent left. All collections share one cap.
    fn below(&self, mut left: VecDeque<String>, before: u32) -> Option<Stage> {
        let asking = self.asking.below(&left.pop_front()?);
        let cap = self.session.client().settings.page_cap.saturating_sub(before);
        Some(Stage::Collection { listing: Listing::new(&self.session, asking, cap), left, before })
    }

    fn delivered(&mut self, page: impl FnOnce(u32) -> RawPage) -> RawPage {
        self.delivered = self.delivered.saturating_add(1);
        let page = page(self.delivered);
        tracing::debug!(path = self.asking.name, ?page, "page");
        page
    }
}
