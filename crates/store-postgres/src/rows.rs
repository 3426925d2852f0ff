//! From stored rows to domain values. A value that can't be one is reported with its table, column and key.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff_sqlx::Timestamp as SqlTimestamp;
use lastseen_model::{Guard, TenantId, Tenants, Timestamp};
use lastseen_store::{Item, ListingRecord, MissingItem, ReferenceRun, Result, RunCounts, RunRecord, StoreError, Traffic};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

/// Whose values are read: a table, and the row's key.
pub(crate) struct Stored<'a> {
    pub(crate) table: &'static str,
    pub(crate) key: &'a str,
}

impl Stored<'_> {
    /// An id or a word of a closed set.
    pub(crate) fn word<T: FromStr>(&self, column: &'static str, text: &str) -> Result<T> {
        text.parse().map_err(|_| self.inconsistent(column))
    }

    /// An id or a word, or nothing.
    pub(crate) fn option_word<T: FromStr>(&self, column: &'static str, text: Option<&str>) -> Result<Option<T>> {
        text.map(|text| self.word(column, text)).transpose()
    }

    /// Words of a closed set.
    pub(crate) fn words<T: FromStr>(&self, column: &'static str, texts: &[String]) -> Result<Vec<T>> {
        texts.iter().map(|text| self.word(column, text)).collect()
    }

    /// A GUID.
    pub(crate) fn id<T: TryFrom<Uuid>>(&self, column: &'static str, id: Uuid) -> Result<T> {
        id.try_into().map_err(|_| self.inconsistent(column))
    }

    /// A GUID, or nothing.
    pub(crate) fn option_id<T: TryFrom<Uuid>>(&self, column: &'static str, id: Option<Uuid>) -> Result<Option<T>> {
        id.map(|id| self.id(column, id)).transpose()
    }

    /// A number.
    pub(crate) fn number<N, T: TryFrom<N>>(&self, column: &'static str, number: N) -> Result<T> {
        number.try_into().map_err(|_| self.inconsistent(column))
    }

    /// A limit within its bounds, or nothing.
    pub(crate) fn limit(&self, column: &'static str, limit: Option<i32>, bounds: &RangeInclusive<u32>) -> Result<Option<u32>> {
        let within = |limit: i32| self.number(column, limit).ok().filter(|limit| bounds.contains(limit));
        limit.map(|limit| within(limit).ok_or_else(|| self.inconsistent(column))).transpose()
    }

    /// A digest of as many bytes as it must have.
    pub(crate) fn digest<const N: usize>(&self, column: &'static str, bytes: &[u8]) -> Result<[u8; N]> {
        bytes.try_into().map_err(|_| self.inconsistent(column))
    }

    /// A value stored as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str, value: Value) -> Result<T> {
        serde_json::from_value(value).map_err(|_| self.inconsistent(column))
    }

    /// All tenants, or these.
    pub(crate) fn tenants(&self, all: bool, some: Vec<Uuid>) -> Result<Tenants> {
        if all {
            return Ok(Tenants::All);
        }
        some.into_iter().map(|tenant| self.id("tenant_id", tenant)).collect::<Result<BTreeSet<TenantId>>>().map(Tenants::Some)
    }

    /// The report that a column holds what it can't.
    pub(crate) fn inconsistent(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, key: self.key.to_owned() }
    }
}

/// A stored time, or nothing.
pub(crate) fn time(time: Option<SqlTimestamp>) -> Option<Timestamp> {
    time.map(SqlTimestamp::to_jiff)
}

/// A row of `sync_runs` with the columns that a record shows.
pub(crate) struct RunRow {
    pub(crate) tenant_id: Uuid,
    pub(crate) run_id: Uuid,
    pub(crate) run_no: Option<i64>,
    pub(crate) selection_hash: String,
    pub(crate) selection_payload: Value,
    pub(crate) status: String,
    pub(crate) correlation_id: Uuid,
    pub(crate) trigger: String,
    pub(crate) created_at: SqlTimestamp,
    pub(crate) started_at: Option<SqlTimestamp>,
    pub(crate) finished_at: Option<SqlTimestamp>,
    pub(crate) worker: Option<String>,
    pub(crate) guard_min_items: i32,
    pub(crate) guard_percent: i32,
    pub(crate) errors_count: i64,
    pub(crate) error_codes: Vec<String>,
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
        let key = row.run_id.to_string();
        let run = Stored { table: "sync_runs", key: &key };
        let errors: u64 = run.number("errors_count", row.errors_count)?;
        Ok(Self {
            tenant_id: run.id("tenant_id", row.tenant_id)?,
            run_id: run.id("run_id", row.run_id)?,
            run_no: row.run_no,
            selection_hash: run.word("selection_hash", &row.selection_hash)?,
            selection_payload: run.json("selection_payload", row.selection_payload)?,
            status: run.word("status", &row.status)?,
            had_errors: errors > 0,
            correlation_id: run.id("correlation_id", row.correlation_id)?,
            trigger: run.word("trigger", &row.trigger)?,
            created_at: row.created_at.to_jiff(),
            started_at: time(row.started_at),
            finished_at: time(row.finished_at),
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
                errors: if row.finished_at.is_some() { errors } else { 0 },
                traffic: Traffic {
                    requests: run.number("requests", row.requests)?,
                    retries: run.number("retries", row.retries)?,
                    throttled: run.number("throttled", row.throttled)?,
                    bytes_received: run.number("bytes_received", row.bytes_received)?,
                    meta_keys_dropped: run.number("meta_keys_dropped", row.meta_keys_dropped)?,
                },
            },
            error_codes: run.words("error_codes", &row.error_codes)?,
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
    pub(crate) pages: i32,
    pub(crate) known_before: i32,
    pub(crate) contract_hash: Vec<u8>,
    pub(crate) started_at: Option<SqlTimestamp>,
    pub(crate) ended_at: Option<SqlTimestamp>,
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
            contract_hash: lastseen_model::ContractHash::from_bytes(listing.digest("contract_hash", &row.contract_hash)?),
            started_at: time(row.started_at),
            finished_at: time(row.ended_at),
        })
    }
}

/// A row of `item_evidence`.
pub(crate) struct ItemRow {
    pub(crate) tenant_id: Uuid,
    pub(crate) policy_type: String,
    pub(crate) external_id: String,
    pub(crate) category: String,
    pub(crate) display_name: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) meta_jsonb: Value,
    pub(crate) assignment_count: Option<i32>,
    pub(crate) first_seen_at: SqlTimestamp,
    pub(crate) first_seen_run_id: Uuid,
    pub(crate) changed_at: SqlTimestamp,
    pub(crate) last_seen_at: SqlTimestamp,
    pub(crate) last_seen_run_id: Uuid,
}

impl TryFrom<ItemRow> for Item {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self> {
        let item = Stored { table: "catalogue", key: &row.external_id };
        // The database keeps JSON in an order of its own; what is told is always the canonical text.
        let meta_jsonb = serde_json::value::to_raw_value(&row.meta_jsonb).map_err(|_| item.inconsistent("meta_jsonb"))?;
        Ok(Self {
            tenant_id: item.id("tenant_id", row.tenant_id)?,
            policy_type: item.word("policy_type", &row.policy_type)?,
            external_id: item.word("external_id", &row.external_id)?,
            category: item.word("category", &row.category)?,
            display_name: row.display_name,
            platform: row.platform,
            meta_jsonb,
            assignment_count: row.assignment_count.map(|count| item.number("assignment_count", count)).transpose()?,
            first_seen_at: row.first_seen_at.to_jiff(),
            first_seen_run_id: item.id("first_seen_run_id", row.first_seen_run_id)?,
            changed_at: row.changed_at.to_jiff(),
            last_seen_at: row.last_seen_at.to_jiff(),
            last_seen_run_id: item.id("last_seen_run_id", row.last_seen_run_id)?,
        })
    }
}

/// A row of `missing_evidence`, with the reasons that count for the reference.
pub(crate) struct MissingRow {
    pub(crate) tenant_id: Uuid,
    pub(crate) selection_hash: String,
    pub(crate) policy_type: String,
    pub(crate) external_id: String,
    pub(crate) category: String,
    pub(crate) display_name: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) reasons: Vec<String>,
    pub(crate) listing_outcome: String,
    pub(crate) reference_run_id: Uuid,
    pub(crate) reference_status: String,
    pub(crate) reference_finished_at: SqlTimestamp,
    pub(crate) first_seen_at: SqlTimestamp,
    pub(crate) last_seen_at: SqlTimestamp,
    pub(crate) last_seen_run_id: Uuid,
    pub(crate) missing_since: Option<SqlTimestamp>,
    pub(crate) missing_since_run_id: Option<Uuid>,
    pub(crate) acknowledged_at: Option<SqlTimestamp>,
}

impl TryFrom<MissingRow> for MissingItem {
    type Error = StoreError;

    fn try_from(row: MissingRow) -> Result<Self> {
        let item = Stored { table: "missing_evidence", key: &row.external_id };
        let reasons: Vec<lastseen_model::Reason> = item.words("reasons", &row.reasons)?;
        Ok(Self {
            tenant_id: item.id("tenant_id", row.tenant_id)?,
            selection_hash: item.word("selection_hash", &row.selection_hash)?,
            policy_type: item.word("policy_type", &row.policy_type)?,
            external_id: item.word("external_id", &row.external_id)?,
            category: item.word("category", &row.category)?,
            display_name: row.display_name,
            platform: row.platform,
            confidence: lastseen_model::Confidence::from_reasons(&reasons),
            reasons,
            listing_outcome: item.word("listing_outcome", &row.listing_outcome)?,
            reference: reference_run(&item, row.reference_run_id, &row.reference_status, row.reference_finished_at)?,
            first_seen_at: row.first_seen_at.to_jiff(),
            last_seen_at: row.last_seen_at.to_jiff(),
            last_seen_run_id: item.id("last_seen_run_id", row.last_seen_run_id)?,
            missing_since: time(row.missing_since),
            missing_since_run_id: item.option_id("missing_since_run_id", row.missing_since_run_id)?,
            acknowledged_at: time(row.acknowledged_at),
            // Named for all items of an answer at once.
            possible_successors: Vec::new(),
        })
    }
}

/// The run that an answer refers to.
pub(crate) fn reference_run(stored: &Stored<'_>, run: Uuid, status: &str, finished_at: SqlTimestamp) -> Result<ReferenceRun> {
    Ok(ReferenceRun {
        reference_run_id: stored.id("reference_run_id", run)?,
        reference_status: stored.word("reference_status", status)?,
        reference_finished_at: finished_at.to_jiff(),
    })
}
