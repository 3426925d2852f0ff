//! What is asked about missing, the same for all that ask.

use lastseen_model::{Reference, Selection, SelectionHash};
use lastseen_store::{Store, TenantScope};

use crate::operations::common::{CATEGORIES, SELECTION, TYPES, names, one_of, optional};
use crate::parameter::{Parameter, Query};
use crate::problem::{Code, Problem};

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
    let (types, categories) = names(query)?;
    let Some(hash) = query.one::<SelectionHash>(&SELECTION)? else {
        // No name is everything.
        let named = Selection { categories: categories.into_iter().collect(), policy_types: types.into_iter().collect() };
        return Ok((named.hash(), Some(named)));
    };
    if !types.is_empty() || !categories.is_empty() {
        let detail = format!("`{}` names a selection, and so do `{}` and `{}`", SELECTION.name, TYPES.name, CATEGORIES.name);
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
