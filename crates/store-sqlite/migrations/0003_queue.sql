-- The queue. Nothing newer than SQLite 3.40.

-- Whether a pending run is for any worker (it was enqueued), or for its starter alone, who waits for a slot.
ALTER TABLE sync_runs ADD COLUMN for_worker INTEGER NOT NULL DEFAULT 0 CHECK (for_worker IN (0, 1));

-- What a worker looks at each time it asks, oldest first. A listed exception to the tenant that leads every index: a worker takes
-- runs of all tenants.
CREATE INDEX sync_runs_queue ON sync_runs (created_no) WHERE status = 'pending' AND for_worker = 1;
