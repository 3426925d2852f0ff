-- What the service keeps: who may ask, what is asked for by itself, and what is asked of a run from outside. Nothing newer than
-- SQLite 3.40.

-- What its caller named the start, so that asking again finds this run and makes no other; and what was asked for at a limit, so that
-- another wish under the same name is told from the same one.
ALTER TABLE sync_runs ADD COLUMN start_key TEXT CHECK (length(CAST(start_key AS BLOB)) BETWEEN 1 AND 128);
ALTER TABLE sync_runs ADD COLUMN start_on_limit TEXT
    CHECK (start_on_limit IN ('skip', 'wait')) CHECK ((start_key IS NULL) = (start_on_limit IS NULL));
-- Since when it is to end. Its worker hears of it when it renews its lease.
ALTER TABLE sync_runs ADD COLUMN cancel_asked_at INTEGER;
CREATE UNIQUE INDEX sync_runs_start_key ON sync_runs (tenant_id, start_key) WHERE start_key IS NOT NULL;

-- Tokens of the API. Of the secret only its hash is known. A listed exception to the tenant that leads every key: whose a token is
-- comes to light when its hash is found.
CREATE TABLE api_tokens (
    token_id     TEXT    NOT NULL PRIMARY KEY CHECK (length(token_id) = 36),
    name         TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    token_hash   TEXT    NOT NULL UNIQUE CHECK (length(token_hash) = 64),
    role         TEXT    NOT NULL CHECK (role IN ('reader', 'operator', 'admin')),
    -- Every tenant, those that come later too. Otherwise those in `api_token_tenants`, and none where none is left there.
    all_tenants  INTEGER NOT NULL CHECK (all_tenants IN (0, 1)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    -- To the hour, so that using a token writes seldom.
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token_tenants (
    tenant_id TEXT NOT NULL REFERENCES tenants (tenant_id),
    token_id  TEXT NOT NULL REFERENCES api_tokens (token_id),
    PRIMARY KEY (tenant_id, token_id)
) STRICT, WITHOUT ROWID;
-- The tenants of a token, asked at every request. A listed exception: who asks has a token, and no tenant yet.
CREATE INDEX api_token_tenants_of_token ON api_token_tenants (token_id, tenant_id);

-- Schedules. A listed exception to the tenant that leads every key: one is for several tenants, or for all.
CREATE TABLE schedules (
    schedule_id       TEXT    NOT NULL PRIMARY KEY CHECK (length(schedule_id) = 36),
    name              TEXT    NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^-A-Za-z0-9_.]*'),
    cron              TEXT    NOT NULL CHECK (length(CAST(cron AS BLOB)) BETWEEN 1 AND 256),
    time_zone         TEXT    NOT NULL CHECK (length(CAST(time_zone AS BLOB)) BETWEEN 1 AND 64),
    jitter_secs       INTEGER NOT NULL CHECK (jitter_secs BETWEEN 0 AND 86400),
    selection_hash    TEXT    NOT NULL CHECK (length(selection_hash) = 64),
    selection_payload TEXT    NOT NULL,
    -- Every tenant, those that come later too. Otherwise those in `schedule_tenants`.
    all_tenants       INTEGER NOT NULL CHECK (all_tenants IN (0, 1)),
    created_at        INTEGER NOT NULL,
    paused_at         INTEGER
) STRICT, WITHOUT ROWID;

-- When each tenant is due next; NULL until somebody has reckoned it. Of a schedule for every tenant a row is made when it is first
-- reckoned, so that a tenant that is added later comes in by itself.
CREATE TABLE schedule_tenants (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (tenant_id),
    schedule_id TEXT    NOT NULL REFERENCES schedules (schedule_id),
    next_due_at INTEGER,
    PRIMARY KEY (tenant_id, schedule_id)
) STRICT, WITHOUT ROWID;
-- What is due. A listed exception: whoever looks does not know yet for which tenant anything is.
CREATE INDEX schedule_tenants_due ON schedule_tenants (schedule_id, next_due_at);

-- The latest success of a selection: how a fleet stands asks it of every tenant, and of some every run for weeks was only partial.
CREATE UNIQUE INDEX sync_runs_success ON sync_runs (tenant_id, selection_hash, run_no) WHERE status = 'success';
