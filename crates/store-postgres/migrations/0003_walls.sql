-- The walls between tenants: a transaction sees and writes the rows of the tenant that it was opened for, whatever its statements
-- say. Forced, so that the owner of the tables is held as well.

-- The tenant of this transaction; none (and so no row) where none was set. After the first transaction that set it, the setting of
-- a connection is the empty text and not NULL.
CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('app.tenant_id', true), '')::uuid
$$;

-- Whether this transaction looks across tenants: to reap, to count against the limits, to find queued runs.
CREATE FUNCTION app_fleet() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('app.fleet', true), '') = 'on'
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'selections', 'sync_runs', 'run_errors', 'listings', 'ordinals', 'catalogue', 'acknowledgements'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', name);
    END LOOP;
END
$$;

-- Across tenants only runs and the names of tenants can be seen, and nothing can be written.
CREATE POLICY fleet ON tenants FOR SELECT USING (app_fleet());
CREATE POLICY fleet ON sync_runs FOR SELECT USING (app_fleet());
