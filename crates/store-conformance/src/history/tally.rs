//! What random histories reached: a property test that never meets a case proves nothing about it.

use std::collections::BTreeMap;

use lastseen_store::{DiffSide, Renewal, RunRecord};

use super::command::Effect;
use crate::model::{DiffSaid, MissingSaid};

/// A missing item of which nothing but an id that its run passed over says that it has another type now.
pub(crate) const PASSED_OVER: &str = "missing: its id was passed over";

/// A run that was put into the queue.
const QUEUED: &str = "queue: a run";
/// A run that was claimed from the queue.
pub(crate) const QUEUED_AND_CLAIMED: &str = "queue: claimed";
/// A run in the queue that no worker may try for now.
pub(crate) const QUEUED_BEHIND_A_LIMIT: &str = "queue: behind a limit";

/// A run for the queue that was skipped at a limit.
const QUEUE_LIMITED: &str = "queue: limited";
/// A start that was asked for again under its key.
const KEY_REPEATED: &str = "key: repeated";
/// A start under a key that stands for another.
const KEY_TAKEN: &str = "key: taken";
/// A running run that is to be cancelled.
const CANCEL_ASKED: &str = "cancel: asked";
/// A worker that heard of it.
const CANCEL_HEARD: &str = "cancel: heard";

/// A tenant that was removed while a run of it was pending.
const REMOVED_WITH_PENDING: &str = "removed: with a pending run";
/// A tenant that was removed while a run of it went on.
const REMOVED_WITH_RUNNING: &str = "removed: with a running run";

/// How often each thing was met.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Counts one meeting.
    pub(crate) fn met(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// Counts what an answer says.
    pub(crate) fn answer(&mut self, said: Option<&MissingSaid>) {
        let Some(said) = said else { return self.met("answer: no baseline") };
        for item in &said.items {
            self.met(format!("confidence: {}", item.confidence));
            item.reasons.iter().for_each(|reason| self.met(format!("reason: {reason}")));
            self.met(if item.missing_since.is_some() { "missing_since: a run" } else { "missing_since: none" });
            if item.acknowledged_at.is_some() {
                self.met("acknowledged");
            }
            self.met(format!("possible successors: {}", item.possible_successors.len()));
            if item.possible_successors.iter().any(|other| other.external_id != item.external_id) {
                self.met("possible successor: under a new id");
            }
        }
        for row in &said.coverage {
            self.met(format!("outcome: {}", row.outcome));
        }
        self.met(format!("reference: {}", said.reference.reference_status));
    }

    /// Counts what is said of two runs.
    pub(crate) fn diff(&mut self, said: &DiffSaid) {
        let said = match said {
            DiffSaid::NoSuchRun(_) => return self.met("diff: no such run"),
            DiffSaid::NotCompleted(..) => return self.met("diff: not completed"),
            DiffSaid::OtherSelections => return self.met("diff: other selections"),
            DiffSaid::Answer(said) => said,
        };
        for listing in &said.listings {
            if [listing.older, listing.newer].contains(&DiffSide::Dropped) {
                self.met("diff: a dropped listing");
            }
            if listing.counts.changed_since > 0 {
                self.met("diff: changed since");
            }
        }
        for item in &said.changes {
            self.met(format!("diff: {} {}", item.change, item.confidence));
        }
    }

    /// Counts what came of a command.
    pub(crate) fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Claimed => self.met("start: claimed"),
            Effect::NotClaimed(run) | Effect::Finished(run) => {
                if run.record.status.is_live() {
                    self.met("claim: claimed already");
                }
            }
            Effect::Queued(_) => self.met(QUEUED),
            Effect::Limited(_) => self.met(QUEUE_LIMITED),
            Effect::Repeated(_) => self.met(KEY_REPEATED),
            Effect::KeyTaken(_) => self.met(KEY_TAKEN),
            Effect::CancelAsked(_) => self.met(CANCEL_ASKED),
            Effect::Renewed(Renewal::CancelAsked) => self.met(CANCEL_HEARD),
            Effect::Waiting(_) => self.met("start: waiting"),
            Effect::Refused(refusal) => self.met(format!("refused: {refusal:?}")),
            Effect::Reaped(reaped) if !reaped.failed.is_empty() => self.met("reaped: failed"),
            Effect::Reaped(reaped) if !reaped.skipped.is_empty() => self.met("reaped: skipped"),
            Effect::Pruned(pruned) => {
                for (count, what) in
                    [(pruned.listings, "dropped"), (pruned.cold_facts, "a cold fact"), (pruned.kept_as_proof, "proof kept")]
                {
                    if count > 0 {
                        self.met(format!("prune: {what}"));
                    }
                }
            }
            Effect::Page(lastseen_store::PageStored::AlreadyStored) => self.met("page: already stored"),
            Effect::Page(lastseen_store::PageStored::Stored { changed, .. }) if *changed > 0 => self.met("page: changed"),
            Effect::Removed(Some(removal)) if !removal.cancelled.is_empty() => self.met(REMOVED_WITH_PENDING),
            Effect::Removed(Some(removal)) if !removal.running.is_empty() => self.met(REMOVED_WITH_RUNNING),
            Effect::Busy(_) => self.met("purge: refused"),
            Effect::Purged(purged) if purged.rows("catalogue") > 0 => self.met("purge: items"),
            Effect::Page(_)
            | Effect::Purged(_)
            | Effect::Reaped(_)
            | Effect::Removed(_)
            | Effect::Tenant(_)
            | Effect::NoSuchRun
            | Effect::Contended(_)
            | Effect::Cancelled(_)
            | Effect::Over(_)
            | Effect::Renewed(Renewal::Held)
            | Effect::Flag(_)
            | Effect::Done => {}
        }
    }

    /// Counts how the runs of a history ended.
    pub(crate) fn ends(&mut self, runs: &[RunRecord]) {
        for run in runs {
            self.met(format!("status: {}", run.status));
            run.error_codes.iter().for_each(|code| self.met(format!("code: {code}")));
        }
    }

    /// What should have been met at least `least` times, and was not.
    #[cfg(test)]
    pub(crate) fn unmet(&self, least: u64) -> Vec<String> {
        use lastseen_model::{ListingOutcome, Reason, RunStatus};

        let reasons = Reason::ALL.iter().map(|reason| format!("reason: {reason}"));
        let outcomes = ListingOutcome::ALL.iter().map(|outcome| format!("outcome: {outcome}"));
        let ended = RunStatus::ALL.iter().filter(|status| !status.is_live());
        let statuses = ended.map(|status| format!("status: {status}"));
        let references = RunStatus::ALL.iter().filter(|status| status.is_completed()).map(|status| format!("reference: {status}"));
        let others = [
            "confidence: high",
            "confidence: low",
            "answer: no baseline",
            "missing_since: a run",
            "missing_since: none",
            "acknowledged",
            "possible successors: 0",
            "possible successors: 1",
            "possible successors: 2",
            "possible successors: 3",
            "possible successor: under a new id",
            PASSED_OVER,
            "diff: no such run",
            "diff: not completed",
            "diff: other selections",
            "diff: a dropped listing",
            "diff: appeared high",
            "diff: appeared low",
            "diff: gone high",
            "diff: gone low",
            "diff: reappeared high",
            "diff: reappeared low",
            "diff: changed high",
            "diff: changed since",
            "start: claimed",
            "start: waiting",
            QUEUED,
            QUEUED_AND_CLAIMED,
            QUEUED_BEHIND_A_LIMIT,
            QUEUE_LIMITED,
            KEY_REPEATED,
            KEY_TAKEN,
            CANCEL_ASKED,
            CANCEL_HEARD,
            "refused: LeaseLost",
            "refused: OutOfOrder",
            "refused: TenantRemoved",
            "purge: items",
            "purge: refused",
            REMOVED_WITH_PENDING,
            REMOVED_WITH_RUNNING,
            "reaped: failed",
            "page: already stored",
            "page: changed",
            "prune: dropped",
            "prune: a cold fact",
            "prune: proof kept",
            "code: lock_contended",
            "code: concurrency_limit_global",
            "code: concurrency_limit_tenant",
            "code: graph_feature_unavailable",
            "code: item_rejected",
            "code: cancelled",
            "code: worker_lost",
            "code: auth_failed",
        ];
        let wanted = reasons.chain(outcomes).chain(statuses).chain(references).chain(others.map(str::to_owned));
        wanted.filter(|what| self.0.get(what).copied().unwrap_or_default() < least).collect()
    }
}
