//! The database's side of a history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lastseen_model::{RunId, SequenceNo, TenantId};
use lastseen_store::{Cancelled, Claim, Enqueued, Lease, Start, Store, StoreError};

use super::command::{Command, Effect};
use crate::backend::TestDatabase;
use crate::model::Refusal;
use crate::world;

/// A database with two handles that take turns, as two processes would.
pub(crate) struct Database<'a> {
    pub(super) under_test: &'a dyn TestDatabase,
    handles: [Arc<dyn Store>; 2],
    turn: usize,
    leases: BTreeMap<RunId, Lease>,
}

impl<'a> Database<'a> {
    /// An empty database that knows the registry and both tenants of a history.
    pub(crate) async fn new(under_test: &'a dyn TestDatabase) -> Self {
        let handles = [under_test.store(), under_test.another().await];
        handles[0].mirror_registry(&world::registry()).await.expect("the registry is mirrored");
        for part in [0, 1] {
            let scope = world::scope_of(super::player::tenant_of(part));
            handles[1].register_tenant(&scope, None).await.expect("the tenant is registered");
        }
        Self { under_test, handles, turn: 0, leases: BTreeMap::new() }
    }

    /// The handle whose turn it is.
    pub(super) fn store(&mut self) -> Arc<dyn Store> {
        self.turn += 1;
        Arc::clone(&self.handles[self.turn % 2])
    }

    pub(super) fn now_micros(&self) -> i64 {
        self.under_test.clock().now_micros()
    }

    pub(super) fn advance(&self, time: Duration) {
        self.under_test.clock().advance(time);
    }

    /// Does what a command says; also the number of the run that was claimed.
    pub(super) async fn apply(&mut self, tenant: TenantId, command: &Command) -> (Effect, Option<SequenceNo>) {
        let (store, scope) = (self.store(), world::scope_of(tenant));
        let held = |run: &RunId| self.leases.get(run).cloned().unwrap_or_else(|| never_given(*run));
        let mut run_no = None;
        let effect = match command {
            Command::Start(new, terms) => store.start_run(&scope, new, terms).await.map(|start| match start {
                Start::Claimed(claimed) => {
                    run_no = Some(claimed.run_no);
                    self.leases.insert(new.run_id, claimed.lease);
                    Effect::Claimed
                }
                Start::Skipped(run) => Effect::NotClaimed(run),
                Start::Waiting(code) => Effect::Waiting(code),
            }),
            Command::Enqueue(new, terms) => store.enqueue_run(&scope, new, terms).await.map(|enqueued| match enqueued {
                Enqueued::Queued(run) => Effect::Queued(run),
                Enqueued::Contended(run) => Effect::Contended(run),
                Enqueued::Limited(run) => Effect::Limited(run),
                Enqueued::Repeated(run) => Effect::Repeated(run),
                Enqueued::KeyTaken(run) => Effect::KeyTaken(run),
            }),
            Command::Claim(run, terms) => store.claim_run(&scope, *run, terms).await.map(|claim| match claim {
                Claim::Claimed(claimed) => {
                    run_no = Some(claimed.run_no);
                    self.leases.insert(*run, claimed.lease);
                    Effect::Claimed
                }
                Claim::Ended(run) => Effect::NotClaimed(run),
                Claim::Waiting(code) => Effect::Waiting(code),
                Claim::NoSuchRun => Effect::NoSuchRun,
            }),
            Command::Cancel(run) => store.cancel_run(&scope, *run).await.map(|cancelled| match cancelled {
                Cancelled::Ended(run) => Effect::Cancelled(run),
                Cancelled::Asked(run) => Effect::CancelAsked(run),
                Cancelled::Over(run) => Effect::Over(run),
                Cancelled::NoSuchRun => Effect::NoSuchRun,
            }),
            Command::Renew(run, for_) => store.renew_lease(&scope, &held(run), *for_).await.map(Effect::Renewed),
            Command::Begin(run, types) => store.begin_listings(&scope, &held(run), types).await.map(|()| Effect::Done),
            Command::Page(run, page) => store.record_page(&scope, &held(run), page).await.map(Effect::Page),
            Command::Fail(run, failure) => store.fail_listings(&scope, &held(run), failure).await.map(|()| Effect::Done),
            Command::Finish(run, finish) => store.finish_run(&scope, &held(run), finish).await.map(|run| Effect::Finished(Box::new(run))),
            Command::Reap => store.reap_expired().await.map(|mut reaped| {
                let by_tenant_and_age = |one: &(TenantId, RunId), two: &(TenantId, RunId)| one.cmp(two);
                reaped.failed.sort_by(by_tenant_and_age);
                reaped.skipped.sort_by(by_tenant_and_age);
                Effect::Reaped(reaped)
            }),
            Command::Acknowledge(note) => store.acknowledge(&scope, note).await.map(Effect::Flag),
            Command::Unacknowledge(policy_type, external_id) => {
                store.unacknowledge(&scope, policy_type, external_id).await.map(Effect::Flag)
            }
            Command::Prune(retention) => store.prune(&scope, retention).await.map(Effect::Pruned),
            Command::SetTenant(change) => store.set_tenant(&scope, change).await.map(|record| Effect::Tenant(Box::new(record))),
            Command::RemoveTenant => store.remove_tenant(&scope).await.map(Effect::Removed),
            Command::Purge => match self.under_test.purge(&scope).await {
                Err(StoreError::TenantBusy { run }) => Ok(Effect::Busy(run)),
                purged => purged.map(Effect::Purged),
            },
        };
        (effect.unwrap_or_else(|error| Effect::Refused(refusal(&error))), run_no)
    }
}

/// A lease that no claim gave out, for a run that was never claimed.
fn never_given(run_id: RunId) -> Lease {
    Lease { run_id, worker: lastseen_model::WorkerId::new("worker-1"), fence: 1 }
}

/// The refusals that a history may meet; any other error ends the test.
fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::LeaseLost => Refusal::LeaseLost,
        StoreError::PageOutOfOrder { .. } => Refusal::OutOfOrder,
        StoreError::ListingNotOpen(_) => Refusal::NotOpen,
        StoreError::TenantRemoved => Refusal::TenantRemoved,
        other => {
            let causes = std::iter::successors(std::error::Error::source(other), |cause| cause.source());
            panic!("{other}: {}", causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
        }
    }
}
