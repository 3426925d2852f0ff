-- What the service keeps: who may ask, what is asked for by itself, and what is asked of a run from outside.

ALTER TABLE sync_runs
    -- What its caller named the start, so that asking again finds this run and makes no other; and what was asked for at a limit, so
    -- that another wish under the same name is told from the same one.
    ADD COLUMN start_key       text COLLATE "C" CHECK (octet_length(start_key) BETWEEN 1 AND 128),
    ADD COLUMN start_on_limit  text COLLATE "C" CHECK (start_on_limit IN ('skip', 'wait')),
    -- Since when it is to end. Its worker hears of it when it renews its lease.
    ADD COLUMN cancel_asked_at timestamptz,
    ADD CHECK ((start_key IS NULL) = (start_on_limit IS NULL));
CREATE UNIQUE INDEX sync_runs_start_key ON sync_runs (tenant_id, start_key) WHERE start_key IS NOT NULL;

-- Tokens of the API. Of the secret only its hash is known. A listed exception to the tenant that leads every key: whose a token is
-- comes to light when its hash is found.
CREATE TABLE api_tokens (
    token_id     uuid             NOT NULL PRIMARY KEY,
    name         text             NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    token_hash   bytea            NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    role         text COLLATE "C" NOT NULL CHECK (role IN ('reader', 'operator', 'admin')),
    -- Every tenant, those that come later too. Otherwise those in `api_token_tenants`, and none where none is left there.
    all_tenants  boolean          NOT NULL,
    created_at   timestamptz      NOT NULL,
    expires_at   timestamptz      NOT NULL,
    revoked_at   timestamptz,
    -- To the hour, so that using a token writes seldom.
    last_used_at timestamptz
);

CREATE TABLE api_token_tenants (
    tenant_id uuid NOT NULL REFERENCES tenants (tenant_id),
    token_id  uuid NOT NULL REFERENCES api_tokens (token_id),
    PRIMARY KEY (tenant_id, token_id)
);
-- The tenants of a token, asked at every request. A listed exception: who asks has a token, and no tenant yet.
CREATE INDEX api_token_tenants_of_token ON api_token_tenants (token_id, tenant_id);

-- Schedules. A listed exception to the tenant that leads every key: one is for several tenants, or for all.
CREATE TABLE schedules (
    schedule_id       uuid             NOT NULL PRIMARY KEY,
    name              text COLLATE "C" NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    cron              text             NOT NULL CHECK (octet_length(cron) BETWEEN 1 AND 256),
    time_zone         text             NOT NULL CHECK (octet_length(time_zone) BETWEEN 1 AND 64),
    jitter_secs       integer          NOT NULL CHECK (jitter_secs BETWEEN 0 AND 86400),
    selection_hash    text COLLATE "C" NOT NULL CHECK (octet_length(selection_hash) = 64),
    selection_payload jsonb            NOT NULL,
    -- Every tenant, those that come later too. Otherwise those in `schedule_tenants`.
    all_tenants       boolean          NOT NULL,
    created_at        timestamptz      NOT NULL,
    paused_at         timestamptz
);

-- When each tenant is due next; NULL until somebody has reckoned it. Of a schedule for every tenant a row is made when it is first
-- reckoned, so that a tenant that is added later comes in by itself.
CREATE TABLE schedule_tenants (
    tenant_id   uuid NOT NULL REFERENCES tenants (tenant_id),
    schedule_id uuid NOT NULL REFERENCES schedules (schedule_id),
    next_due_at timestamptz,
    PRIMARY KEY (tenant_id, schedule_id)
);
-- What is due. A listed exception: whoever looks does not know yet for which tenant anything is.
CREATE INDEX schedule_tenants_due ON schedule_tenants (schedule_id, next_due_at);

-- The walls. Tokens and schedules have no tenant of their own and show only to a look across tenants; which tenant one is for is that
-- tenant's.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['api_tokens', 'api_token_tenants', 'schedules', 'schedule_tenants'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY fleet ON %I USING (app_fleet()) WITH CHECK (app_fleet())', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['api_token_tenants', 'schedule_tenants'] LOOP
        EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', name);
    END LOOP;
END
$$;

-- The latest success of a selection: how a fleet stands asks it of every tenant, and of some every run for weeks was only partial.
CREATE UNIQUE INDEX sync_runs_success ON sync_runs (tenant_id, selection_hash, run_no) WHERE status = 'success';
