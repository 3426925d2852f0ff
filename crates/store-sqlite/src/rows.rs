//! From stored rows to domain values. A value that can't be one is reported with its table, column and key.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::str::FromStr;

use lastseen_model::{Confidence, Guard, Reason, TenantId, Tenants, Timestamp};
use lastseen_store::{Item, ListingRecord, MissingItem, ReferenceRun, Result, RunCounts, RunRecord, StoreError, Traffic};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Whose values are read: a table, and the row's key.
pub(crate) struct Stored<'a> {
    pub(crate) table: &'static str,
    pub(crate) key: &'a str,
}

impl Stored<'_> {
    /// What must be there, although its column allows NULL or a view can't promise more.
    pub(crate) fn there<T>(&self, column: &'static str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.inconsistent(column))
    }

    /// An id or a word of a closed set.
    pub(crate) fn word<T: FromStr>(&self, column: &'static str, text: &str) -> Result<T> {
        text.parse().map_err(|_| self.inconsistent(column))
    }

    /// An id or a word, or nothing.
    pub(crate) fn option_word<T: FromStr>(&self, column: &'static str, text: Option<&str>) -> Result<Option<T>> {
        text.map(|text| self.word(column, text)).transpose()
    }

    /// A number.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str, number: i64) -> Result<T> {
        number.try_into().map_err(|_| self.inconsistent(column))
    }

    /// A number, or nothing.
    pub(crate) fn option_number<T: TryFrom<i64>>(&self, column: &'static str, number: Option<i64>) -> Result<Option<T>> {
        number.map(|number| self.number(column, number)).transpose()
    }

    /// A limit within its bounds, or nothing.
    pub(crate) fn limit(&self, column: &'static str, limit: Option<i64>, bounds: &RangeInclusive<u32>) -> Result<Option<u32>> {
        let limit = self.option_number(column, limit)?;
        limit.map(|limit| if bounds.contains(&limit) { Ok(limit) } else { Err(self.inconsistent(column)) }).transpose()
    }

    /// A time.
    pub(crate) fn time(&self, column: &'static str, micros: i64) -> Result<Timestamp> {
        Timestamp::from_microsecond(micros).map_err(|_| self.inconsistent(column))
    }

    /// A time, or nothing.
    pub(crate) fn option_time(&self, column: &'static str, micros: Option<i64>) -> Result<Option<Timestamp>> {
        micros.map(|micros| self.time(column, micros)).transpose()
    }

    /// A value stored as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str, text: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|_| self.inconsistent(column))
    }

    /// All tenants, or those of a JSON array.
    pub(crate) fn tenants(&self, all: bool, some: &str) -> Result<Tenants> {
        if all { Ok(Tenants::All) } else { self.json::<BTreeSet<TenantId>>("tenant_id", some).map(Tenants::Some) }
    }

    /// The report that a column holds what it can't.
    pub(crate) fn inconsistent(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, key: self.key.to_owned() }
    }
}

/// A row of `sync_runs` with the columns that a record shows.
pub(crate) struct RunRow {
    pub(crate) tenant_id: String,
    pub(crate) run_id: String,
    pub(crate) run_no: Option<i64>,
    pub(crate) selection_hash: String,
    pub(crate) selection_payload: String,
    pub(crate) status: String,
    pub(crate) correlation_id: String,
    pub(crate) trigger: String,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) worker: Option<String>,
    pub(crate) guard_min_items: i64,
    pub(crate) guard_percent: i64,
    pub(crate) errors_count: i64,
    pub(crate) error_codes: String,
    pub(crate) items_observed: i64,
    pub(crate) items_upserted: i64,
    pub(crate) items_created: i64,
    pub(crate) items_changed: i64,
    pub(crate) items_unseen: i64,
    pub(crate) items_rejected: i64,
    pub(crate) requests: i64,
    pub(crate) retries: i64,
    pub(crate) throttled: i64,
    pub(crate) bytes_received: i64,
    pub(crate) meta_keys_dropped: i64,
}

impl TryFrom<RunRow> for RunRecord {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self> {
        let run = Stored { table: "sync_runs", key: &row.run_id };
        let finished_at = run.option_time("finished_at", row.finished_at)?;
        let errors: u64 = run.number("errors_count", row.errors_count)?;
        Ok(Self {
            tenant_id: run.word("tenant_id", &row.tenant_id)?,
            run_id: run.word("run_id", &row.run_id)?,
            run_no: row.run_no,
            selection_hash: run.word("selection_hash", &row.selection_hash)?,
            selection_payload: run.json("selection_payload", &row.selection_payload)?,
            status: run.word("status", &row.status)?,
            had_errors: errors > 0,
            correlation_id: run.word("correlation_id", &row.correlation_id)?,
            trigger: run.word("trigger", &row.trigger)?,
            created_at: run.time("created_at", row.created_at)?,
            started_at: run.option_time("started_at", row.started_at)?,
            finished_at,
            worker: row.worker,
            guard: Guard {
                min_items: run.number("guard_min_items", row.guard_min_items)?,
                percent: run.number("guard_percent", row.guard_percent)?,
            },
            counts: RunCounts {
                items_observed: run.number("items_observed", row.items_observed)?,
                items_upserted: run.number("items_upserted", row.items_upserted)?,
                items_created: run.number("items_created", row.items_created)?,
                items_changed: run.number("items_changed", row.items_changed)?,
                items_unseen: run.number("items_unseen", row.items_unseen)?,
                items_rejected: run.number("items_rejected", row.items_rejected)?,
                // Errors are noted as they come; like every count, theirs is told when the run has ended.
                errors: if finished_at.is_some() { errors } else { 0 },
                traffic: Traffic {
                    requests: run.number("requests", row.requests)?,
                    retries: run.number("retries", row.retries)?,
                    throttled: run.number("throttled", row.throttled)?,
                    bytes_received: run.number("bytes_received", row.bytes_received)?,
                    meta_keys_dropped: run.number("meta_keys_dropped", row.meta_keys_dropped)?,
                },
            },
            error_codes: run.json("error_codes", &row.error_codes)?,
        })
    }
}

/// A row of `listings` with the columns that a record shows.
pub(crate) struct ListingRow {
    pub(crate) policy_type: String,
    pub(crate) outcome: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) items_observed: i64,
    pub(crate) items_created: i64,
    pub(crate) items_changed: i64,
    pub(crate) items_unseen: i64,
    pub(crate) items_rejected: i64,
    pub(crate) pages: i64,
    pub(crate) known_before: i64,
    pub(crate) contract_hash: String,
    pub(crate) started_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
}

impl TryFrom<ListingRow> for ListingRecord {
    type Error = StoreError;

    fn try_from(row: ListingRow) -> Result<Self> {
        let listing = Stored { table: "listings", key: &row.policy_type };
        Ok(Self {
            policy_type: listing.word("policy_type", &row.policy_type)?,
            outcome: listing.option_word("outcome", row.outcome.as_deref())?,
            error_code: listing.option_word("error_code", row.error_code.as_deref())?,
            observed: listing.number("items_observed", row.items_observed)?,
            created: listing.number("items_created", row.items_created)?,
            changed: listing.number("items_changed", row.items_changed)?,
            unseen: listing.number("items_unseen", row.items_unseen)?,
            rejected: listing.number("items_rejected", row.items_rejected)?,
            pages: listing.number("pages", row.pages)?,
            known_before: listing.number("known_before", row.known_before)?,
            contract_hash: listing.word("contract_hash", &row.contract_hash)?,
            started_at: listing.option_time("started_at", row.started_at)?,
            finished_at: listing.option_time("ended_at", row.ended_at)?,
        })
    }
}

/// A row of `item_evidence`. A view can't promise that an item has a last sighting; every item has one.
pub(crate) struct ItemRow {
    pub(crate) tenant_id: String,
    pub(crate) policy_type: String,
    pub(crate) external_id: String,
    pub(crate) category: String,
    pub(crate) display_name: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) meta_jsonb: String,
    pub(crate) assignment_count: Option<i64>,
    pub(crate) first_seen_at: i64,
    pub(crate) first_seen_run_id: String,
    pub(crate) changed_at: i64,
    pub(crate) last_seen_at: Option<i64>,
    pub(crate) last_seen_run_id: Option<String>,
}

impl TryFrom<ItemRow> for Item {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self> {
        let item = Stored { table: "catalogue", key: &row.external_id };
        Ok(Self {
            tenant_id: item.word("tenant_id", &row.tenant_id)?,
            policy_type: item.word("policy_type", &row.policy_type)?,
            external_id: item.word("external_id", &row.external_id)?,
            category: item.word("category", &row.category)?,
            display_name: row.display_name,
            platform: row.platform,
            meta_jsonb: RawValue::from_string(row.meta_jsonb).map_err(|_| item.inconsistent("meta_jsonb"))?,
            assignment_count: item.option_number("assignment_count", row.assignment_count)?,
            first_seen_at: item.time("first_seen_at", row.first_seen_at)?,
            first_seen_run_id: item.word("first_seen_run_id", &row.first_seen_run_id)?,
            changed_at: item.time("changed_at", row.changed_at)?,
            last_seen_at: item.time("last_seen_at", item.there("last_seen_at", row.last_seen_at)?)?,
            last_seen_run_id: item.word("last_seen_run_id", &item.there("last_seen_run_id", row.last_seen_run_id)?)?,
        })
    }
}

/// A row of `missing_evidence`, with the reasons that count for the reference.
pub(crate) struct MissingRow {
    pub(crate) tenant_id: String,
    pub(crate) selection_hash: String,
    pub(crate) policy_type: String,
    pub(crate) external_id: String,
    pub(crate) category: String,
    pub(crate) display_name: Option<String>,
    pub(crate) platform: Option<String>,
    /// JSON strings, led by commas.
    pub(crate) reasons: Option<String>,
    pub(crate) listing_outcome: Option<String>,
    pub(crate) reference_run_id: String,
    pub(crate) reference_status: String,
    pub(crate) reference_finished_at: Option<i64>,
    pub(crate) first_seen_at: i64,
    pub(crate) last_seen_at: Option<i64>,
    pub(crate) last_seen_run_id: Option<String>,
    pub(crate) missing_since: Option<i64>,
    pub(crate) missing_since_run_id: Option<String>,
    pub(crate) acknowledged_at: Option<i64>,
}

impl TryFrom<MissingRow> for MissingItem {
    type Error = StoreError;

    fn try_from(row: MissingRow) -> Result<Self> {
        let item = Stored { table: "missing_evidence", key: &row.external_id };
        let reasons = row.reasons.unwrap_or_default();
        let reasons: Vec<Reason> = item.json("reasons", &format!("[{}]", reasons.trim_start_matches(',')))?;
        Ok(Self {
            tenant_id: item.word("tenant_id", &row.tenant_id)?,
            selection_hash: item.word("selection_hash", &row.selection_hash)?,
            policy_type: item.word("policy_type", &row.policy_type)?,
            external_id: item.word("external_id", &row.external_id)?,
            category: item.word("category", &row.category)?,
            display_name: row.display_name,
            platform: row.platform,
            confidence: Confidence::from_reasons(&reasons),
            reasons,
            listing_outcome: item.word("listing_outcome", &item.there("listing_outcome", row.listing_outcome)?)?,
            reference: reference_run(&item, &row.reference_run_id, &row.reference_status, row.reference_finished_at)?,
            first_seen_at: item.time("first_seen_at", row.first_seen_at)?,
            last_seen_at: item.time("last_seen_at", item.there("last_seen_at", row.last_seen_at)?)?,
            last_seen_run_id: item.word("last_seen_run_id", &item.there("last_seen_run_id", row.last_seen_run_id)?)?,
            missing_since: item.option_time("missing_since", row.missing_since)?,
            missing_since_run_id: item.option_word("missing_since_run_id", row.missing_since_run_id.as_deref())?,
            acknowledged_at: item.option_time("acknowledged_at", row.acknowledged_at)?,
            // Named for all items of an answer at once.
            possible_successors: Vec::new(),
        })
    }
}

/// The run that an answer refers to.
pub(crate) fn reference_run(stored: &Stored<'_>, run: &str, status: &str, finished_at: Option<i64>) -> Result<ReferenceRun> {
    let finished_at = stored.there("reference_finished_at", finished_at)?;
    Ok(ReferenceRun {
        reference_run_id: stored.word("reference_run_id", run)?,
        reference_status: stored.word("reference_status", status)?,
        reference_finished_at: stored.time("reference_finished_at", finished_at)?,
    })
}
