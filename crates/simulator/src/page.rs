//! Which objects are on a page, and what follows it.

use lastseen_contracts::{Paging, PathContract};

use crate::catalogue::{PathObjects, Slot};
use crate::fault::FaultAction;
use crate::kinds::segment;
use crate::query::PageToken;

/// Graph's page size where none is known.
const DEFAULT_SIZE: u32 = 1_000;

/// A page before it is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// Position and place of each object.
    pub(crate) objects: Vec<(u64, Slot)>,
    /// Where the next page begins.
    pub(crate) next: Option<u64>,
    /// Where the page after a hidden object would begin.
    beyond: Option<u64>,
}

/// The largest `$top` that an endpoint is known to take; above it Graph answers 400.
pub(crate) fn top_limit(path: &PathContract) -> Option<u32> {
    match segment(&path.path) {
        "windowsFeatureUpdateProfiles"
        | "windowsQualityUpdateProfiles"
        | "windowsQualityUpdatePolicies"
        | "windowsDriverUpdateProfiles" => Some(200),
        _ => None,
    }
}

/// How many objects a page holds: what was asked for, within what the endpoint does.
pub(crate) fn size(path: &PathContract, top: Option<u32>) -> u32 {
    match (segment(&path.path), top) {
        (_, Some(top)) => top.min(path.page_size.unwrap_or(DEFAULT_SIZE)),
        ("configurationPolicies", None) => 25,
        (_, None) => DEFAULT_SIZE,
    }
}

/// The page that begins `at`, of the objects that belong to the list that was asked for.
pub(crate) fn cut(objects: &PathObjects, belongs: impl Fn(Slot) -> bool, paging: Paging, at: u64, size: u32) -> Page {
    let size = size as usize;
    let (skip, from) = match paging {
        Paging::Token => (0, at),
        Paging::Offset => (usize::try_from(at).unwrap_or(usize::MAX), 0),
    };
    let mut found: Vec<(u64, Slot)> =
        objects.present(from).filter(|(_, slot)| belongs(*slot)).skip(skip).take(size.saturating_add(2)).collect();
    let place = |number: usize, found: &[(u64, Slot)]| {
        let (position, _) = found.get(number)?;
        Some(match paging {
            Paging::Token => *position,
            Paging::Offset => at + number as u64,
        })
    };
    let (next, beyond) = (place(size, &found), place(size + 1, &found));
    found.truncate(size);
    Page { objects: found, next, beyond }
}

/// What a fault about pages makes of this one, which was asked for by `token`.
pub(crate) fn bend(mut page: Page, action: &FaultAction, paging: Paging, token: PageToken) -> Page {
    match action {
        FaultAction::DuplicatePage => page.next = Some(token.at),
        FaultAction::EmptyPage => page = Page { objects: Vec::new(), next: Some(token.at), beyond: None },
        FaultAction::Hide => page.next = page.beyond,
        FaultAction::NextLinkOnLast => page.next = Some(u64::MAX),
        FaultAction::Shift => {
            // Coming again is only possible behind a page that goes on to another.
            if let (Some(_), Some((position, _))) = (page.next, page.objects.last()) {
                page.next = Some(match paging {
                    Paging::Token => *position,
                    Paging::Offset => token.at + page.objects.len() as u64 - 1,
                });
            }
            page.objects.reverse();
        }
        _ => {}
    }
    page
}
