//! The pages that a history's runs bring, path by path.

use lastseen_model::{ErrorCode, PageEnd, PolicyType, RunId, RunStatus};
use lastseen_store::{ListingPage, PageRecord};

use super::command::Command;
use super::ops::{PageTold, PathTold};
use super::player::{Played, Player, failure, finish};
use crate::world;

/// How paths break off.
pub(super) const FAILURES: [ErrorCode; 6] = [
    ErrorCode::GraphForbidden,
    ErrorCode::GraphThrottled,
    ErrorCode::GraphFeatureUnavailable,
    ErrorCode::GraphTimeout,
    ErrorCode::GraphInvalidResponse,
    ErrorCode::StoreUnavailable,
];

impl Player<'_> {
    pub(super) async fn tell_path(&mut self, tenant: u8, run: RunId, types: Vec<PolicyType>, told: PathTold) -> Played<()> {
        let page = |mask, last| PageTold { mask, twice: false, rejected: 0, last };
        let (pages, broken) = match told {
            PathTold::Whole { pages } => ((1..=pages).map(|n| page(u16::MAX, n == pages)).collect(), None),
            PathTold::LeavesOut { mask } => (vec![page(mask, true)], None),
            PathTold::BreaksOff { mask, code } => (vec![page(mask, false)], Some(FAILURES[usize::from(code) % FAILURES.len()])),
            PathTold::Fails { code } => (Vec::new(), Some(FAILURES[usize::from(code) % FAILURES.len()])),
            PathTold::Unavailable => (Vec::new(), Some(ErrorCode::GraphFeatureUnavailable)),
            PathTold::Rejects => (vec![PageTold { rejected: 1, ..page(u16::MAX, true) }], None),
            PathTold::NotStarted => (Vec::new(), None),
        };
        for (number, page) in (1..).zip(pages) {
            let page = self.page(run, &types, number, page);
            self.send(tenant, Command::Page(run, page)).await?;
        }
        if let Some(code) = broken {
            self.send(tenant, Command::Fail(run, failure(types, code))).await?;
        }
        Ok(())
    }

    pub(super) async fn complete(&mut self, tenant: u8, run: RunId) -> Played<()> {
        for (pages, types) in self.paths(tenant, run) {
            let open = self.run(tenant, run).and_then(|run| run.listing(types.first()?)).is_some_and(|listing| listing.outcome.is_none());
            if open {
                let page = self.page(run, &types, pages + 1, PageTold { mask: u16::MAX, twice: true, rejected: 0, last: true });
                self.send(tenant, Command::Page(run, page)).await?;
            }
        }
        self.send(tenant, Command::Finish(run, finish(0))).await.map(|_| ())
    }

    /// Sends what `make` makes of a path of a running run: an open one where there is any.
    pub(super) async fn on_path(
        &mut self,
        run: u8,
        path: u8,
        make: impl FnOnce(&mut Self, RunId, Vec<PolicyType>, u32) -> Option<Command>,
    ) -> Played<()> {
        let Some((tenant, run)) = self.pick(run, |status| status == RunStatus::Running) else { return Ok(()) };
        let mut paths = self.paths(tenant, run);
        let open = |types: &[PolicyType]| {
            let listing = self.run(tenant, run).and_then(|run| run.listing(types.first()?));
            listing.is_some_and(|listing| listing.outcome.is_none())
        };
        if path != 3 && paths.iter().any(|(_, types)| open(types)) {
            paths.retain(|(_, types)| open(types));
        }
        let (pages, types) = paths.swap_remove(usize::from(path) % paths.len());
        match make(self, run, types, pages) {
            Some(command) => self.send(tenant, command).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// The next page of a path; it remembers whether the path rejected an object.
    pub(super) fn page(&mut self, run: RunId, types: &[PolicyType], number: u32, told: PageTold) -> PageRecord {
        let path = types.first().map_or("", world::path_of);
        if told.rejected > 0 {
            self.rejecting.insert((run, path));
        }
        self.made_page(run, types, number, told)
    }

    pub(super) fn made_page(&self, run: RunId, types: &[PolicyType], number: u32, told: PageTold) -> PageRecord {
        let (tenant, listings) = [0, 1]
            .into_iter()
            .find_map(|tenant| Some((tenant, &self.run(tenant, run)?.listings)))
            .map_or((0, &[][..]), |(tenant, listings)| (tenant, listings.as_slice()));
        let part = |policy_type: &PolicyType| {
            let scoped = listings.iter().map(|listing| &listing.scoped).find(|scoped| scoped.policy_type == *policy_type)?;
            let mut observations = self.tenancies[usize::from(tenant)].observe(scoped, told.mask);
            if told.twice {
                observations.extend(observations.first().cloned());
            }
            Some(ListingPage { policy_type: policy_type.clone(), observations })
        };
        // The path holds the objects of its other types too.
        let outside =
            world::on_path(types.first().map_or("", world::path_of)).filter(|name| types.iter().all(|known| known.as_str() != *name));
        let passed_over = outside.flat_map(|name| self.tenancies[usize::from(tenant)].ids(name, told.mask)).collect();
        let rejecting = told.rejected > 0 || self.rejecting.contains(&(run, types.first().map_or("", world::path_of)));
        let end = told.last.then_some(if rejecting { PageEnd::Rejected } else { PageEnd::Complete });
        PageRecord { page: number, listings: types.iter().filter_map(part).collect(), passed_over, rejected: u32::from(told.rejected), end }
    }

    /// The paths of a run: pages stored, and the types in scope.
    pub(super) fn paths(&self, tenant: u8, run: RunId) -> Vec<(u32, Vec<PolicyType>)> {
        let Some(run) = self.run(tenant, run) else { return Vec::new() };
        let mut paths: Vec<(&str, u32, Vec<PolicyType>)> = Vec::new();
        for listing in &run.listings {
            let path = world::path_of(&listing.scoped.policy_type);
            match paths.iter_mut().find(|known| known.0 == path) {
                Some(known) => known.2.push(listing.scoped.policy_type.clone()),
                None => paths.push((path, listing.pages, vec![listing.scoped.policy_type.clone()])),
            }
        }
        paths.into_iter().map(|(_, pages, types)| (pages, types)).collect()
    }
}
