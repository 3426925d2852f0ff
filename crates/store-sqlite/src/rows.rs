//! From stored rows to domain values. A value that can't be one is reported with its table, column and key.

use std::str::FromStr;

use lastseen_model::{Guard, OrdinalBitmap, Timestamp};
use lastseen_store::{ListingRecord, Result, RunCounts, RunRecord, StoreError, Traffic};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::error::of_statement;

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

    /// The report that a column holds what it can't.
    pub(crate) fn inconsistent(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, key: self.key.to_owned() }
    }
}

/// Reads one row's columns by name.
pub(crate) struct Fields<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    /// The column that says which row it is.
    key: &'static str,
}

impl<'r> Fields<'r> {
    /// The fields of a row of `table`, which `key` tells apart.
    pub(crate) fn of(row: &'r SqliteRow, table: &'static str, key: &'static str) -> Self {
        Self { row, table, key }
    }

    /// A text, or nothing.
    pub(crate) fn text(&self, column: &'static str) -> Result<Option<&'r str>> {
        self.row.try_get(column).map_err(of_statement)
    }

    /// An id or a word of a closed set.
    pub(crate) fn word<T: FromStr>(&self, column: &'static str) -> Result<T> {
        self.option_word(column)?.ok_or_else(|| self.inconsistent(column))
    }

    /// An id or a word, or nothing.
    pub(crate) fn option_word<T: FromStr>(&self, column: &'static str) -> Result<Option<T>> {
        self.text(column)?.map(|text| text.parse().map_err(|_| self.inconsistent(column))).transpose()
    }

    /// A number.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T> {
        self.option_number(column)?.ok_or_else(|| self.inconsistent(column))
    }

    /// A number, or nothing.
    pub(crate) fn option_number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<Option<T>> {
        let number: Option<i64> = self.row.try_get(column).map_err(of_statement)?;
        number.map(|number| number.try_into().map_err(|_| self.inconsistent(column))).transpose()
    }

    /// 0 or 1.
    pub(crate) fn flag(&self, column: &'static str) -> Result<bool> {
        Ok(self.number::<i64>(column)? != 0)
    }

    /// A time.
    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.option_time(column)?.ok_or_else(|| self.inconsistent(column))
    }

    /// A time, or nothing.
    pub(crate) fn option_time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        let micros: Option<i64> = self.option_number(column)?;
        micros.map(|micros| Timestamp::from_microsecond(micros).map_err(|_| self.inconsistent(column))).transpose()
    }

    /// A bitmap of ordinals.
    pub(crate) fn bitmap(&self, column: &'static str) -> Result<OrdinalBitmap> {
        let bytes: Vec<u8> = self.row.try_get(column).map_err(of_statement)?;
        Ok(OrdinalBitmap::from_bytes(bytes))
    }

    /// A value stored as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        let text = self.text(column)?.ok_or_else(|| self.inconsistent(column))?;
        serde_json::from_str(text).map_err(|_| self.inconsistent(column))
    }

    /// The report that a column holds what it can't.
    pub(crate) fn inconsistent(&self, column: &'static str) -> StoreError {
        let key = self.row.try_get::<Option<String>, _>(self.key).ok().flatten().unwrap_or_default();
        StoreError::Inconsistent { table: self.table, column, key }
    }
}

/// A row of `sync_runs` with all its columns.
pub(crate) fn run_record(row: &SqliteRow) -> Result<RunRecord> {
    let run = Fields::of(row, "sync_runs", "run_id");
    let finished_at = run.option_time("finished_at")?;
    let errors: u64 = run.number("errors_count")?;
    Ok(RunRecord {
        tenant_id: run.word("tenant_id")?,
        run_id: run.word("run_id")?,
        run_no: run.option_number("run_no")?,
        selection_hash: run.word("selection_hash")?,
        selection_payload: run.json("selection_payload")?,
        status: run.word("status")?,
        had_errors: errors > 0,
        correlation_id: run.word("correlation_id")?,
        trigger: run.word("trigger")?,
        created_at: run.time("created_at")?,
        started_at: run.option_time("started_at")?,
        finished_at,
        worker: run.text("worker")?.map(str::to_owned),
        guard: Guard { min_items: run.number("guard_min_items")?, percent: run.number("guard_percent")? },
        counts: RunCounts {
            items_observed: run.number("items_observed")?,
            items_upserted: run.number("items_upserted")?,
            items_created: run.number("items_created")?,
            items_changed: run.number("items_changed")?,
            items_unseen: run.number("items_unseen")?,
            items_rejected: run.number("items_rejected")?,
            // Errors are noted as they come; like every count, theirs is told when the run has ended.
            errors: if finished_at.is_some() { errors } else { 0 },
            traffic: Traffic {
                requests: run.number("requests")?,
                retries: run.number("retries")?,
                throttled: run.number("throttled")?,
                bytes_received: run.number("bytes_received")?,
                meta_keys_dropped: run.number("meta_keys_dropped")?,
            },
        },
        error_codes: run.json("error_codes")?,
    })
}

/// A row of `listings` with the columns that a record shows.
pub(crate) fn listing_record(row: &SqliteRow) -> Result<ListingRecord> {
    let listing = Fields::of(row, "listings", "policy_type");
    Ok(ListingRecord {
        policy_type: listing.word("policy_type")?,
        outcome: listing.option_word("outcome")?,
        error_code: listing.option_word("error_code")?,
        observed: listing.number("items_observed")?,
        created: listing.number("items_created")?,
        changed: listing.number("items_changed")?,
        unseen: listing.number("items_unseen")?,
        rejected: listing.number("items_rejected")?,
        pages: listing.number("pages")?,
        known_before: listing.number("known_before")?,
        contract_hash: listing.word("contract_hash")?,
        started_at: listing.option_time("started_at")?,
        finished_at: listing.option_time("ended_at")?,
    })
}
