-- The tables of Lastseen in PostgreSQL 15 or newer, in the schema that the owner's connection has first on its search path.
--
-- Times are by the database's clock. Bitmaps are plain bytes: bit n in byte n / 8, least significant first. `tenant_id` leads every
-- key and index of tenant data; the exceptions are listed where they stand. Text sorts by code point, whatever the database's own
-- collation is.

-- Which schema this is, and from which version on programs are served by it. Written by each migration.
CREATE TABLE lastseen_schema (
    one         boolean NOT NULL PRIMARY KEY CHECK (one),
    version     bigint  NOT NULL,
    serves_from bigint  NOT NULL
);
INSERT INTO lastseen_schema (one, version, serves_from) VALUES (true, 0, 0);

CREATE TABLE tenants (
    tenant_id     uuid        NOT NULL PRIMARY KEY,
    name          text        COLLATE "C",
    registered_at timestamptz NOT NULL
);

-- The registry as the database's readers see it. Types that left the registry stay, because old runs name them.
CREATE TABLE policy_types (
    policy_type  text COLLATE "C" NOT NULL PRIMARY KEY,
    category     text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    path         text NOT NULL,
    api_version  text NOT NULL
);

-- The one sequence: numbers claims and stored pages, and decides what is earlier and later.
CREATE SEQUENCE run_and_page_no AS bigint;

-- Claims take turns on this one row, so that a count of running runs holds until the claim commits.
CREATE TABLE claim_gate (
    one boolean NOT NULL PRIMARY KEY CHECK (one)
);
INSERT INTO claim_gate (one) VALUES (true);

CREATE TABLE selections (
    tenant_id         uuid             NOT NULL REFERENCES tenants (tenant_id),
    selection_hash    text COLLATE "C" NOT NULL CHECK (length(selection_hash) = 64),
    selection_payload jsonb            NOT NULL,
    first_used_at     timestamptz      NOT NULL,
    PRIMARY KEY (tenant_id, selection_hash)
);

CREATE TABLE sync_runs (
    tenant_id          uuid             NOT NULL,
    run_id             uuid             NOT NULL,
    -- Order of creation.
    created_no         bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
    -- From the sequence, at the claim. A run is claimed once at most, so its number is also the fence of its lease.
    run_no             bigint,
    selection_hash     text COLLATE "C" NOT NULL,
    selection_payload  jsonb            NOT NULL,
    -- The types it covers, in registry order; resolved at the claim.
    scope              text[],
    status             text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'running', 'skipped', 'failed', 'partial', 'success')),
    correlation_id     uuid             NOT NULL,
    "trigger"          text             NOT NULL CHECK ("trigger" IN ('manual', 'schedule', 'api')),
    -- Whether any worker may take it while it is pending; a start that waits for a slot keeps its run for itself.
    for_worker         boolean          NOT NULL DEFAULT false,
    created_at         timestamptz      NOT NULL,
    pending_until      timestamptz,
    started_at         timestamptz,
    finished_at        timestamptz,
    worker             text,
    lease_until        timestamptz,
    guard_min_items    integer          NOT NULL,
    guard_percent      integer          NOT NULL,
    -- Errors are counted as they are recorded; every other count is written when the run ends.
    errors_count       bigint           NOT NULL DEFAULT 0,
    -- Sorted, each once.
    error_codes        text[]           NOT NULL DEFAULT '{}',
    items_observed     bigint           NOT NULL DEFAULT 0,
    items_upserted     bigint           NOT NULL DEFAULT 0,
    items_created      bigint           NOT NULL DEFAULT 0,
    items_changed      bigint           NOT NULL DEFAULT 0,
    items_unseen       bigint           NOT NULL DEFAULT 0,
    items_rejected     bigint           NOT NULL DEFAULT 0,
    requests           bigint           NOT NULL DEFAULT 0,
    retries            bigint           NOT NULL DEFAULT 0,
    throttled          bigint           NOT NULL DEFAULT 0,
    bytes_received     bigint           NOT NULL DEFAULT 0,
    meta_keys_dropped  bigint           NOT NULL DEFAULT 0,

    PRIMARY KEY (tenant_id, run_id),
    FOREIGN KEY (tenant_id, selection_hash) REFERENCES selections (tenant_id, selection_hash),
    CHECK ((status = 'pending') = (pending_until IS NOT NULL)),
    CHECK ((status = 'running') = (lease_until IS NOT NULL)),
    CHECK ((status IN ('skipped', 'failed', 'partial', 'success')) = (finished_at IS NOT NULL)),
    CHECK ((status IN ('running', 'failed', 'partial', 'success')) = (run_no IS NOT NULL)),
    CHECK ((run_no IS NULL) = (started_at IS NULL) AND (run_no IS NULL) = (worker IS NULL) AND (run_no IS NULL) = (scope IS NULL))
);

-- The lock: one live run of a tenant and selection.
CREATE UNIQUE INDEX sync_runs_live ON sync_runs (tenant_id, selection_hash) WHERE status IN ('pending', 'running');
-- Reaping, the limits and the queue look across tenants, at live runs only, oldest first.
CREATE INDEX sync_runs_fleet ON sync_runs (created_no) WHERE status IN ('pending', 'running');
-- What *missing* refers to: the latest completed run of a selection.
CREATE UNIQUE INDEX sync_runs_completed ON sync_runs (tenant_id, selection_hash, run_no) WHERE status IN ('success', 'partial', 'failed');
CREATE UNIQUE INDEX sync_runs_history ON sync_runs (tenant_id, created_no);
CREATE INDEX sync_runs_of_selection ON sync_runs (tenant_id, selection_hash, created_no);

CREATE TABLE run_errors (
    tenant_id uuid  NOT NULL,
    run_id    uuid  NOT NULL,
    n         integer NOT NULL CHECK (n BETWEEN 1 AND 20),
    code      text  NOT NULL,
    -- Typed, bounded fields only; no text from outside.
    context   jsonb NOT NULL,
    PRIMARY KEY (tenant_id, run_id, n),
    FOREIGN KEY (tenant_id, run_id) REFERENCES sync_runs (tenant_id, run_id)
);

-- What one run learned about one type: the unit of evidence.
CREATE TABLE listings (
    tenant_id        uuid             NOT NULL,
    run_id           uuid             NOT NULL,
    policy_type      text COLLATE "C" NOT NULL,
    -- Copies of the run's, so that order within a selection needs no join.
    run_no           bigint           NOT NULL,
    selection_hash   text COLLATE "C" NOT NULL,
    -- Its place in the run's scope, from 0.
    position         integer          NOT NULL,
    contract_hash    bytea            NOT NULL,
    contract_version bytea            NOT NULL,
    pages_by_offset  boolean          NOT NULL,
    -- The next free ordinal when the run was claimed: an item was known before exactly when its ordinal is smaller.
    known_before     integer          NOT NULL,
    -- The complete listing that this one is compared with by the guard and by `unconfirmed`: the newest before it of the same
    -- selection, else the newest of the tenant. It is settled when the run is claimed, because only listings that ended before
    -- that count; retention keeps it for as long as this listing can be a reference or is open.
    base_run_id      uuid,
    -- How many items of the base this listing did not observe; known when it is complete.
    base_unseen      bigint,
    outcome          text COLLATE "C" CHECK (outcome IN ('complete', 'incomplete', 'unavailable', 'not_started')),
    error_code       text,
    started_at       timestamptz,
    ended_at         timestamptz,
    pages            integer          NOT NULL DEFAULT 0,
    items_observed   bigint           NOT NULL DEFAULT 0,
    items_created    bigint           NOT NULL DEFAULT 0,
    items_changed    bigint           NOT NULL DEFAULT 0,
    items_unseen     bigint           NOT NULL,
    items_rejected   bigint           NOT NULL DEFAULT 0,
    -- Number and time of the newest page: when the items whose bits are set were last seen by this run.
    last_no          bigint,
    last_page_at     timestamptz,
    -- The bitmap of this type's items whose external id the run saw on the path under a type outside its scope: such an item has
    -- another type now, and is not gone.
    seen_elsewhere   bytea            NOT NULL DEFAULT '',
    observed         bytea            NOT NULL DEFAULT '',

    PRIMARY KEY (tenant_id, run_id, policy_type),
    FOREIGN KEY (tenant_id, run_id) REFERENCES sync_runs (tenant_id, run_id),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((pages = 0) = (last_no IS NULL) AND (pages = 0) = (last_page_at IS NULL)),
    CHECK (pages = 0 OR started_at IS NOT NULL),
    CHECK (outcome IS DISTINCT FROM 'complete' OR (pages > 0 AND items_rejected = 0)),
    CHECK (outcome IS DISTINCT FROM 'complete' OR (base_run_id IS NULL) = (base_unseen IS NULL)),
    CHECK (outcome IS NOT DISTINCT FROM 'complete' OR base_unseen IS NULL),
    CHECK (outcome IS DISTINCT FROM 'unavailable' OR pages = 0),
    CHECK (outcome IS DISTINCT FROM 'not_started' OR started_at IS NULL),
    CHECK ((error_code IS NOT NULL) = (outcome IS NOT NULL AND outcome IN ('incomplete', 'unavailable')))
);
-- Not compressed: one byte of a long bitmap is then read without the rest of it.
ALTER TABLE listings ALTER COLUMN observed SET STORAGE EXTERNAL, ALTER COLUMN seen_elsewhere SET STORAGE EXTERNAL;

-- The newest sighting of an item is found along this index; no other index holds what a page writes.
CREATE UNIQUE INDEX listings_by_last_no ON listings (tenant_id, policy_type, last_no);
-- Along this one *missing since*, the newest complete listing and a claim's base are found, past any number of failures.
CREATE UNIQUE INDEX listings_complete ON listings (tenant_id, selection_hash, policy_type, run_no) WHERE outcome = 'complete';

CREATE TABLE ordinals (
    tenant_id    uuid             NOT NULL REFERENCES tenants (tenant_id),
    policy_type  text COLLATE "C" NOT NULL,
    next_ordinal integer          NOT NULL CHECK (next_ordinal >= 0),
    PRIMARY KEY (tenant_id, policy_type)
);

-- What was last observed of each item. No statement of Lastseen deletes from it. Without a foreign key: it would cost a look-up for
-- each new row, and the row of `ordinals` is locked by whoever inserts.
CREATE TABLE catalogue (
    tenant_id               uuid             NOT NULL,
    policy_type             text COLLATE "C" NOT NULL,
    -- Given when it is first seen, without gaps, never reused.
    ordinal                 integer          NOT NULL,
    -- Graph's id, byte for byte.
    external_id             text COLLATE "C" NOT NULL,
    fingerprint             bytea            NOT NULL,
    contract_version        bytea            NOT NULL,
    display_name            text COLLATE "C",
    platform                text COLLATE "C",
    assignment_count        integer,
    first_seen_at           timestamptz      NOT NULL,
    first_seen_run_id       uuid             NOT NULL,
    changed_at              timestamptz      NOT NULL,
    -- The last sighting whose listing retention dropped, if any; a newer listing outweighs it.
    cold_last_seen_at       timestamptz,
    cold_last_seen_run_id   uuid,
    cold_last_seen_no       bigint,
    cold_last_seen_contract bytea,
    meta_jsonb              jsonb            NOT NULL,
    -- Name and id in lower case, one a line; folded in Rust, so that every database folds alike.
    search_text             text COLLATE "C" NOT NULL,

    PRIMARY KEY (tenant_id, policy_type, ordinal),
    CHECK ((cold_last_seen_no IS NULL) = (cold_last_seen_at IS NULL)
       AND (cold_last_seen_no IS NULL) = (cold_last_seen_run_id IS NULL)
       AND (cold_last_seen_no IS NULL) = (cold_last_seen_contract IS NULL))
-- Vacuumed early, so that the look-up of known ids stays within its index.
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

CREATE UNIQUE INDEX catalogue_by_external_id ON catalogue (tenant_id, policy_type, external_id) INCLUDE (ordinal, fingerprint);

-- A person's note on a missing item. In force until the item is seen again: as long as its last sighting is not newer than `at_no`.
CREATE TABLE acknowledgements (
    tenant_id       uuid             NOT NULL,
    policy_type     text COLLATE "C" NOT NULL,
    external_id     text COLLATE "C" NOT NULL,
    author          text             NOT NULL,
    note            text             NOT NULL,
    acknowledged_at timestamptz      NOT NULL,
    -- The item's last sighting when the note was made.
    at_no           bigint           NOT NULL,
    PRIMARY KEY (tenant_id, policy_type, external_id),
    FOREIGN KEY (tenant_id, policy_type, external_id) REFERENCES catalogue (tenant_id, policy_type, external_id)
);
