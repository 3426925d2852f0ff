-- Queued runs that a worker may try to claim, oldest first. Live runs only, which the partial index holds; each looks up its tenant (the
-- OFFSET keeps the planner from turning that round).
WITH running AS MATERIALIZED (
    SELECT tenant_id FROM sync_runs WHERE status IN ('pending', 'running') AND status = 'running'
)
SELECT q.tenant_id, q.run_id, q.correlation_id, q.selection_payload
FROM sync_runs q
CROSS JOIN LATERAL (SELECT runs_at_once FROM tenants WHERE tenant_id = q.tenant_id AND removed_at IS NULL OFFSET 0) t
WHERE q.status IN ('pending', 'running') AND q.status = 'pending' AND q.for_worker
  AND (SELECT count(*) FROM running) < $1
  AND (SELECT count(*) FROM running r WHERE r.tenant_id = q.tenant_id) < coalesce(t.runs_at_once::bigint, $2)
ORDER BY q.created_no LIMIT $3
