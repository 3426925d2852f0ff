//! What a worker tells of its listings.

use std::collections::BTreeMap;

use lastseen_model::{ErrorCode, ErrorContext, ListingOutcome, PageEnd, PolicyType, RunId, TenantId};
use lastseen_store::{ListingFailure, PageRecord, PageStored, RunError};

use super::{ItemRow, Model, Refusal, Run};

impl Model {
    /// Marks listings as begun.
    pub(crate) fn begin(&mut self, tenant: TenantId, run: RunId, types: &[PolicyType]) -> Result<(), Refusal> {
        let now = self.now;
        let run = self.leased(tenant, run)?;
        run.all_in_scope(types.iter())?;
        for listing in run.listings.iter_mut().filter(|listing| types.contains(&listing.scoped.policy_type) && listing.outcome.is_none()) {
            listing.started_at.get_or_insert(now);
        }
        Ok(())
    }

    /// Stores a page.
    pub(crate) fn page(&mut self, tenant: TenantId, run_id: RunId, page: &PageRecord) -> Result<PageStored, Refusal> {
        let now = self.now;
        let run = self.leased(tenant, run_id)?;
        run.all_in_scope(page.listings.iter().map(|part| &part.policy_type))?;
        for listing in page.listings.iter().filter_map(|part| run.listing(&part.policy_type)) {
            if page.page <= listing.pages {
                return Ok(PageStored::AlreadyStored);
            }
            if listing.outcome.is_some() || page.page != listing.pages + 1 {
                return Err(Refusal::OutOfOrder);
            }
        }
        let no = self.next_no();
        let Some(known) = self.tenants.get_mut(&tenant) else { return Err(Refusal::LeaseLost) };
        let Some(run) = known.runs.iter_mut().find(|known| known.record.run_id == run_id) else { return Err(Refusal::LeaseLost) };
        let (mut created, mut changed) = (0, 0);
        for (place, part) in page.listings.iter().enumerate() {
            let Some(listing) = run.listings.iter_mut().find(|listing| listing.scoped.policy_type == part.policy_type) else { continue };
            let last_word: BTreeMap<_, _> = part.observations.iter().map(|seen| (seen.external_id.clone(), seen)).collect();
            let version = listing.scoped.contract_version;
            let (mut new, mut other) = (0, 0);
            for (external_id, seen) in last_word {
                let row = known.items.entry((part.policy_type.clone(), external_id.clone())).or_insert_with(|| {
                    new += 1;
                    ItemRow { observation: seen.clone(), version, first_seen_at: now, first_seen_run_id: run_id, changed_at: now }
                });
                if row.observation.fingerprint != seen.fingerprint {
                    if row.version == version {
                        other += 1;
                        row.changed_at = now;
                    }
                    row.observation = seen.clone();
                    row.version = version;
                }
                listing.seen.insert(external_id);
            }
            listing.passed_over.extend(page.passed_over.iter().cloned());
            listing.created += u64::from(new);
            listing.changed += u64::from(other);
            listing.rejected += if place == 0 { u64::from(page.rejected) } else { 0 };
            listing.pages = page.page;
            listing.last_page = Some((no, now));
            listing.started_at.get_or_insert(now);
            if let Some(end) = page.end {
                listing.outcome = Some(if end == PageEnd::Complete { ListingOutcome::Complete } else { ListingOutcome::Incomplete });
                listing.code = (end == PageEnd::Rejected).then_some(ErrorCode::ItemRejected);
                listing.finished_at = Some(now);
            }
            created += new;
            changed += other;
        }
        if page.end == Some(PageEnd::Rejected) {
            run.note_error(of_first(
                ErrorCode::ItemRejected,
                ErrorContext { page: Some(page.page), ..ErrorContext::default() },
                page.listings.first().map(|part| &part.policy_type),
            ));
        }
        Ok(PageStored::Stored { created, changed })
    }

    /// Ends the listings of a path that broke off.
    pub(crate) fn fail(&mut self, tenant: TenantId, run: RunId, failure: &ListingFailure) -> Result<(), Refusal> {
        let now = self.now;
        let run = self.leased(tenant, run)?;
        run.all_in_scope(failure.types.iter())?;
        let mut broke_off = false;
        let open = |listing: &&mut super::Listing| failure.types.contains(&listing.scoped.policy_type) && listing.outcome.is_none();
        for listing in run.listings.iter_mut().filter(open) {
            let outcome = ListingOutcome::after_failure(failure.code, listing.pages);
            broke_off |= outcome != ListingOutcome::Unavailable;
            listing.outcome = Some(outcome);
            listing.code = Some(failure.code);
            listing.finished_at = Some(now);
        }
        if broke_off {
            run.note_error(of_first(failure.code, failure.context.clone(), failure.types.first()));
        }
        Ok(())
    }
}

impl Run {
    fn all_in_scope<'a>(&self, mut types: impl Iterator<Item = &'a PolicyType>) -> Result<(), Refusal> {
        if types.all(|policy_type| self.listing(policy_type).is_some()) { Ok(()) } else { Err(Refusal::NotOpen) }
    }
}

fn of_first(code: ErrorCode, context: ErrorContext, first: Option<&PolicyType>) -> RunError {
    RunError { code, context: ErrorContext { policy_type: first.cloned(), ..context } }
}
