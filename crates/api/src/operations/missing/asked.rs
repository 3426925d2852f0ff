//! What is asked about missing, the same for all that ask.

use lastseen_model::{Category, PolicyType, Reference, Selection, SelectionHash};
use lastseen_store::{Store, TenantScope};

use crate::operations::common::{known_categories, known_types, one_of, optional, several};
use crate::parameter::{Parameter, Query, plain};
use crate::problem::{Code, Problem};

/// Which selection is meant, by its hash.
pub(super) const SELECTION: Parameter = optional(
    "selection",
    "The selection that the answer is about, by its hash; everything where no selection is named. It is one that runs were asked for: it \
     does not filter the answer about another.",
    plain::<SelectionHash>,
);
/// Which selection is meant, by a type in it.
pub(super) const SELECTION_TYPES: Parameter = several(
    "selection_type",
    "Names the selection by a policy type in it, instead of by its hash; may be given more than once, beside `selection_category`. It names \
     the selection of just these, which has a run of its own or no baseline, and does not filter the answer about another.",
    known_types,
);
/// Which selection is meant, by a category in it.
pub(super) const SELECTION_CATEGORIES: Parameter = several(
    "selection_category",
    "Names the selection by a category in it, as `selection_type` does by a type; may be given more than once.",
    known_categories,
);
/// Which run the answer refers to.
pub(super) const REFERENCE: Parameter = optional(
    "reference",
    "Which run the answer refers to: the latest that completed however it ended, the latest that succeeded, or for each type the newest \
     that completed it. `latest_completed` where nothing is said.",
    || one_of(["latest_completed", "latest_success", "latest_complete"]),
);

/// The selection that is meant, and what it selects; that is not known of a hash that the tenant has not used.
pub(super) async fn selection(
    store: &dyn Store,
    scope: &TenantScope,
    query: &Query,
) -> Result<(SelectionHash, Option<Selection>), Problem> {
    let (types, categories): (Vec<PolicyType>, Vec<Category>) = (query.many(&SELECTION_TYPES)?, query.many(&SELECTION_CATEGORIES)?);
    let Some(hash) = query.one::<SelectionHash>(&SELECTION)? else {
        // No name is everything.
        let named = Selection { categories: categories.into_iter().collect(), policy_types: types.into_iter().collect() };
        return Ok((named.hash(), Some(named)));
    };
    if !types.is_empty() || !categories.is_empty() {
        let detail =
            format!("`{}` names a selection, and so do `{}` and `{}`", SELECTION.name, SELECTION_TYPES.name, SELECTION_CATEGORIES.name);
        let conflict = Problem::new(Code::ConflictingParameters).detail(detail).field(SELECTION.name);
        return Err(conflict.next("leave one of them out"));
    }
    let used = store.selections(scope).await?;
    Ok((hash, used.into_iter().find(|record| record.selection_hash == hash).map(|record| record.selection_payload)))
}

/// The reference that is meant.
pub(super) fn reference(query: &Query) -> Result<Reference, Problem> {
    let word: Option<String> = query.one(&REFERENCE)?;
    Ok(match word.as_deref() {
        Some("latest_success") => Reference::LatestSuccess,
        Some("latest_complete") => Reference::LatestComplete,
        _ => Reference::LatestCompleted,
    })
}
