//! Tenants: what is known of one, how that changes, and how one goes.

use std::ops::RangeInclusive;

use lastseen_model::{ClientId, Cloud, CredentialRef, RunId, TenantId, Timestamp};
use serde::Serialize;

/// What [`TenantRecord::runs_at_once`] may be.
pub const RUNS_AT_ONCE: RangeInclusive<u32> = 1..=100;

/// What [`TenantRecord::requests_at_once`] may be.
pub const REQUESTS_AT_ONCE: RangeInclusive<u32> = 1..=64;

/// A tenant the database knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TenantRecord {
    /// Its id.
    pub tenant_id: TenantId,
    /// Its name, where one was given.
    pub name: Option<String>,
    /// The cloud it is in; none for the one that the configuration names.
    pub cloud: Option<Cloud>,
    /// The app registration that signs in; none for the configuration's.
    pub client_id: Option<ClientId>,
    /// Where the credential is kept; none for the configuration's.
    pub credential: Option<CredentialRef>,
    /// How many of its runs may be running, in place of [`lastseen_model::Limits::per_tenant`]. Within [`RUNS_AT_ONCE`].
    pub runs_at_once: Option<u32>,
    /// How many requests may be under way to it at once. Within [`REQUESTS_AT_ONCE`].
    pub requests_at_once: Option<u32>,
    /// When it became known, by the database's clock.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub registered_at: Timestamp,
    /// When it was removed; none while it is not. What was seen of a removed tenant stays, and no run of it is made.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub removed_at: Option<Timestamp>,
}

impl TenantRecord {
    /// Whether it was removed and not brought back.
    pub fn is_removed(&self) -> bool {
        self.removed_at.is_some()
    }
}

/// What becomes of a value that may be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Leave,
    /// It becomes this.
    Set(T),
    /// It goes.
    Clear,
}

impl<T> Change<T> {
    /// Whether the value stays as it is.
    pub fn leaves(&self) -> bool {
        matches!(self, Self::Leave)
    }

    /// The value to be; none where it goes, and where it stays.
    pub fn value(&self) -> Option<&T> {
        if let Self::Set(value) = self { Some(value) } else { None }
    }
}

/// What to change of a tenant. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantChange {
    /// Its name.
    pub name: Change<String>,
    /// Its cloud.
    pub cloud: Change<Cloud>,
    /// Its app registration.
    pub client_id: Change<ClientId>,
    /// Where its credential is kept.
    pub credential: Change<CredentialRef>,
    /// Its limit of runs, within [`RUNS_AT_ONCE`]: the database refuses another.
    pub runs_at_once: Change<u32>,
    /// Its limit of requests, within [`REQUESTS_AT_ONCE`]: the database refuses another.
    pub requests_at_once: Change<u32>,
}

/// What a removal did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Removal {
    /// Since when the tenant is removed: the first time, where it was removed before.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub removed_at: Timestamp,
    /// Its pending runs, which ended as `skipped` with `cancelled`; in the order of their creation.
    pub cancelled: Vec<RunId>,
    /// Its running runs, which end by themselves; in the order of their creation.
    pub running: Vec<RunId>,
}

/// What a purge took away of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// Each table with how many rows of the tenant it had, in the order in which they went. All zero where the database did not know it.
    pub tables: Vec<PurgedTable>,
}

/// How many rows of a tenant a table had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PurgedTable {
    /// The table.
    pub table: &'static str,
    /// The rows.
    pub rows: u64,
}

impl Purged {
    /// How many rows a table had.
    pub fn rows(&self, table: &str) -> u64 {
        self.tables.iter().find(|known| known.table == table).map_or(0, |known| known.rows)
    }

    /// Whether the database knew the tenant.
    pub fn knew_it(&self) -> bool {
        self.rows("tenants") > 0
    }
}
