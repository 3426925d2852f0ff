-- The tables of Lastseen in an embedded file. Nothing newer than SQLite 3.40.
--
-- Times are INTEGER microseconds since the epoch, by the database's clock. UUIDs are hyphenated lower case, hashes lower case
-- hexadecimal. Bitmaps are plain bytes: bit n in byte n / 8, least significant first. `tenant_id` leads every key and index of
-- tenant data; the exceptions are listed where they stand.

CREATE TABLE tenants (
    tenant_id     TEXT    NOT NULL PRIMARY KEY CHECK (length(tenant_id) = 36),
    name          TEXT,
    registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The registry as the database's readers see it. Types that left the registry stay, because old runs name them.
CREATE TABLE policy_types (
    policy_type  TEXT NOT NULL PRIMARY KEY,
    category     TEXT NOT NULL,
    display_name TEXT NOT NULL,
    path         TEXT NOT NULL,
    api_version  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The one sequence: numbers claims and stored pages, and decides what is earlier and later.
CREATE TABLE sequence (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    last_no INTEGER NOT NULL CHECK (last_no >= 0)
) STRICT;
INSERT INTO sequence (one, last_no) VALUES (1, 0);

CREATE TABLE selections (
    tenant_id         TEXT    NOT NULL REFERENCES tenants (tenant_id),
    selection_hash    TEXT    NOT NULL CHECK (length(selection_hash) = 64),
    selection_payload TEXT    NOT NULL,
    first_used_at     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, selection_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_runs (
    -- Order of creation. The one key without a tenant: it orders and names nothing outside this file.
    created_no         INTEGER NOT NULL PRIMARY KEY,
    tenant_id          TEXT    NOT NULL,
    run_id             TEXT    NOT NULL CHECK (length(run_id) = 36),
    -- From the sequence, at the claim. A run is claimed once at most, so its number is also the fence of its lease.
    run_no             INTEGER,
    selection_hash     TEXT    NOT NULL,
    selection_payload  TEXT    NOT NULL,
    -- The types it covers, as a JSON array in registry order; resolved at the claim.
    scope              TEXT,
    status             TEXT    NOT NULL CHECK (status IN ('pending', 'running', 'skipped', 'failed', 'partial', 'success')),
    correlation_id     TEXT    NOT NULL,
    "trigger"          TEXT    NOT NULL CHECK ("trigger" IN ('manual', 'schedule', 'api')),
    created_at         INTEGER NOT NULL,
    pending_until      INTEGER,
    started_at         INTEGER,
    finished_at        INTEGER,
    worker             TEXT,
    lease_until        INTEGER,
    guard_min_items    INTEGER NOT NULL,
    guard_percent      INTEGER NOT NULL,
    -- Errors are counted as they are recorded; every other count is written when the run ends.
    errors_count       INTEGER NOT NULL DEFAULT 0,
    error_codes        TEXT    NOT NULL DEFAULT '[]',
    items_observed     INTEGER NOT NULL DEFAULT 0,
    items_upserted     INTEGER NOT NULL DEFAULT 0,
    items_created      INTEGER NOT NULL DEFAULT 0,
    items_changed      INTEGER NOT NULL DEFAULT 0,
    items_unseen       INTEGER NOT NULL DEFAULT 0,
    items_rejected     INTEGER NOT NULL DEFAULT 0,
    requests           INTEGER NOT NULL DEFAULT 0,
    retries            INTEGER NOT NULL DEFAULT 0,
    throttled          INTEGER NOT NULL DEFAULT 0,
    bytes_received     INTEGER NOT NULL DEFAULT 0,
    meta_keys_dropped  INTEGER NOT NULL DEFAULT 0,

    UNIQUE (tenant_id, run_id),
    FOREIGN KEY (tenant_id, selection_hash) REFERENCES selections (tenant_id, selection_hash),
    CHECK ((status = 'pending') = (pending_until IS NOT NULL)),
    CHECK ((status = 'running') = (lease_until IS NOT NULL)),
    CHECK ((status IN ('skipped', 'failed', 'partial', 'success')) = (finished_at IS NOT NULL)),
    CHECK ((status IN ('running', 'failed', 'partial', 'success')) = (run_no IS NOT NULL)),
    CHECK ((run_no IS NULL) = (started_at IS NULL) AND (run_no IS NULL) = (worker IS NULL) AND (run_no IS NULL) = (scope IS NULL))
) STRICT;

-- The lock: one live run of a tenant and selection. Reaping and the limits, which look across tenants, read this small index too.
CREATE UNIQUE INDEX sync_runs_live ON sync_runs (tenant_id, selection_hash) WHERE status IN ('pending', 'running');
-- What *missing* refers to: the latest completed run of a selection.
CREATE UNIQUE INDEX sync_runs_completed ON sync_runs (tenant_id, selection_hash, run_no) WHERE status IN ('success', 'partial', 'failed');
CREATE INDEX sync_runs_history ON sync_runs (tenant_id, created_no);
CREATE INDEX sync_runs_of_selection ON sync_runs (tenant_id, selection_hash, created_no);

CREATE TABLE run_errors (
    tenant_id TEXT    NOT NULL,
    run_id    TEXT    NOT NULL,
    n         INTEGER NOT NULL CHECK (n BETWEEN 1 AND 20),
    code      TEXT    NOT NULL,
    -- Typed, bounded fields only; no text from outside.
    context   TEXT    NOT NULL CHECK (json_valid(context)),
    PRIMARY KEY (tenant_id, run_id, n),
    FOREIGN KEY (tenant_id, run_id) REFERENCES sync_runs (tenant_id, run_id)
) STRICT, WITHOUT ROWID;

-- What one run learned about one type: the unit of evidence.
CREATE TABLE listings (
    tenant_id        TEXT    NOT NULL,
    run_id           TEXT    NOT NULL,
    policy_type      TEXT    NOT NULL,
    -- Copies of the run's, so that order within a selection needs no join.
    run_no           INTEGER NOT NULL,
    selection_hash   TEXT    NOT NULL,
    -- Its place in the run's scope, from 0.
    position         INTEGER NOT NULL,
    contract_hash    TEXT    NOT NULL,
    contract_version TEXT    NOT NULL,
    pages_by_offset  INTEGER NOT NULL CHECK (pages_by_offset IN (0, 1)),
    -- The next free ordinal when the run was claimed: an item was known before exactly when its ordinal is smaller.
    known_before     INTEGER NOT NULL,
    -- The complete listing that this one is compared with by the guard and by `unconfirmed`: the newest before it of the same
    -- selection, else the newest of the tenant. It is settled when the run is claimed, because only listings that ended before
    -- that count; retention keeps it for as long as this listing can be a reference or is open.
    base_run_id      TEXT,
    -- How many items of the base this listing did not observe; known when it is complete.
    base_unseen      INTEGER,
    outcome          TEXT    CHECK (outcome IN ('complete', 'incomplete', 'unavailable', 'not_started')),
    error_code       TEXT,
    started_at       INTEGER,
    ended_at         INTEGER,
    pages            INTEGER NOT NULL DEFAULT 0,
    items_observed   INTEGER NOT NULL DEFAULT 0,
    items_created    INTEGER NOT NULL DEFAULT 0,
    items_changed    INTEGER NOT NULL DEFAULT 0,
    items_unseen     INTEGER NOT NULL,
    items_rejected   INTEGER NOT NULL DEFAULT 0,
    -- Number and time of the newest page: when the items whose bits are set were last seen by this run.
    last_no          INTEGER,
    last_page_at     INTEGER,
    -- The bitmap of this type's items whose external id the run saw on the path under a type outside its scope: such an item has
    -- another type now, and is not gone. Mostly empty, so it stands before the one that is not.
    seen_elsewhere   BLOB    NOT NULL DEFAULT x'',
    -- Last, so that the columns before it are read without its overflow pages.
    observed         BLOB    NOT NULL DEFAULT x'',

    PRIMARY KEY (tenant_id, run_id, policy_type),
    FOREIGN KEY (tenant_id, run_id) REFERENCES sync_runs (tenant_id, run_id),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((pages = 0) = (last_no IS NULL) AND (pages = 0) = (last_page_at IS NULL)),
    CHECK (pages = 0 OR started_at IS NOT NULL),
    CHECK (outcome IS NOT 'complete' OR (pages > 0 AND items_rejected = 0)),
    CHECK (outcome IS NOT 'complete' OR (base_run_id IS NULL) = (base_unseen IS NULL)),
    CHECK (outcome IS 'complete' OR base_unseen IS NULL),
    CHECK (outcome IS NOT 'unavailable' OR pages = 0),
    CHECK (outcome IS NOT 'not_started' OR started_at IS NULL),
    CHECK ((error_code IS NOT NULL) = (outcome IN ('incomplete', 'unavailable') AND outcome IS NOT NULL))
) STRICT;

-- The newest sighting of an item is found along this index; no other index holds what a page writes.
CREATE UNIQUE INDEX listings_by_last_no ON listings (tenant_id, policy_type, last_no);
CREATE UNIQUE INDEX listings_of_selection ON listings (tenant_id, selection_hash, policy_type, run_no);
-- Along this one *missing since*, the newest complete listing and a claim's base are found, past any number of failures.
CREATE INDEX listings_complete ON listings (tenant_id, selection_hash, policy_type, run_no) WHERE outcome = 'complete';

CREATE TABLE ordinals (
    tenant_id    TEXT    NOT NULL REFERENCES tenants (tenant_id),
    policy_type  TEXT    NOT NULL,
    next_ordinal INTEGER NOT NULL CHECK (next_ordinal >= 0),
    PRIMARY KEY (tenant_id, policy_type)
) STRICT, WITHOUT ROWID;

-- What was last observed of each item. No statement of Lastseen deletes from it. With a rowid: the rows are wide, and both
-- finding an id and scanning ordinals cost half of what they do in a tree that holds the rows themselves (measured).
CREATE TABLE catalogue (
    tenant_id               TEXT    NOT NULL,
    policy_type             TEXT    NOT NULL,
    -- Given when it is first seen, without gaps, never reused.
    ordinal                 INTEGER NOT NULL,
    -- Graph's id, byte for byte.
    external_id             TEXT    NOT NULL,
    fingerprint             TEXT    NOT NULL,
    contract_version        TEXT    NOT NULL,
    display_name            TEXT,
    platform                TEXT,
    assignment_count        INTEGER,
    first_seen_at           INTEGER NOT NULL,
    first_seen_run_id       TEXT    NOT NULL,
    changed_at              INTEGER NOT NULL,
    -- The last sighting whose listing retention dropped, if any; a newer listing outweighs it.
    cold_last_seen_at       INTEGER,
    cold_last_seen_run_id   TEXT,
    cold_last_seen_no       INTEGER,
    cold_last_seen_contract TEXT,
    meta_jsonb              TEXT    NOT NULL,
    -- Name and id in lower case, one a line; folded in Rust, because SQLite folds ASCII only.
    search_text             TEXT    NOT NULL,

    PRIMARY KEY (tenant_id, policy_type, ordinal),
    FOREIGN KEY (tenant_id, policy_type) REFERENCES ordinals (tenant_id, policy_type),
    CHECK ((cold_last_seen_no IS NULL) = (cold_last_seen_at IS NULL)
       AND (cold_last_seen_no IS NULL) = (cold_last_seen_run_id IS NULL)
       AND (cold_last_seen_no IS NULL) = (cold_last_seen_contract IS NULL))
) STRICT;

CREATE UNIQUE INDEX catalogue_by_external_id ON catalogue (tenant_id, policy_type, external_id);
CREATE INDEX catalogue_by_name ON catalogue (tenant_id, policy_type, display_name);

-- A person's note on a missing item. In force until the item is seen again: as long as its last sighting is not newer than `at_no`.
CREATE TABLE acknowledgements (
    tenant_id       TEXT    NOT NULL,
    policy_type     TEXT    NOT NULL,
    external_id     TEXT    NOT NULL,
    author          TEXT    NOT NULL,
    note            TEXT    NOT NULL,
    acknowledged_at INTEGER NOT NULL,
    -- Where the sequence stood.
    at_no           INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, policy_type, external_id),
    FOREIGN KEY (tenant_id, policy_type, external_id) REFERENCES catalogue (tenant_id, policy_type, external_id)
) STRICT, WITHOUT ROWID;
