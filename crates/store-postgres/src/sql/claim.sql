-- Queued runs that a worker may try to claim, oldest first. Live runs only, which the partial index holds.
WITH running AS MATERIALIZED (
    SELECT tenant_id FROM sync_runs WHERE status IN ('pending', 'running') AND status = 'running'
)
SELECT q.tenant_id, q.run_id, q.correlation_id, q.selection_payload
FROM sync_runs q
WHERE q.status IN ('pending', 'running') AND q.status = 'pending' AND q.for_worker
  AND (SELECT count(*) FROM running) < $1
  AND (SELECT count(*) FROM running r WHERE r.tenant_id = q.tenant_id) < $2
ORDER BY q.created_no LIMIT $3
