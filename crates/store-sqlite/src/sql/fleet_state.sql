-- Where each selection of many tenants stands: its newest run by creation, its live one, its latest completed one, its latest success. A listed
-- exception to the tenant scope. Each question is one step down an index.
SELECT q.tenant_id AS "tenant_id!: String",
       (SELECT x.run_id FROM sync_runs x
        WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash ORDER BY x.created_no DESC LIMIT 1) AS "newest?: String",
       (SELECT x.run_id FROM sync_runs x
        WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash AND x.status IN ('pending', 'running')) AS "live?: String",
       (SELECT x.run_id FROM sync_runs x
        WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash AND x.status IN ('success', 'partial', 'failed')
        ORDER BY x.run_no DESC LIMIT 1) AS "completed?: String",
       s.run_id AS "success?: String", s.finished_at AS "success_at?: i64"
FROM tenants t
CROSS JOIN selections q ON q.tenant_id = t.tenant_id
LEFT JOIN sync_runs s ON s.tenant_id = q.tenant_id AND s.run_id = (
    SELECT x.run_id FROM sync_runs x
    WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash AND x.status = 'success'
    ORDER BY x.run_no DESC LIMIT 1
)
WHERE t.removed_at IS NULL AND (?1 IS NULL OR t.tenant_id IN (SELECT value FROM json_each(?1)))
ORDER BY q.tenant_id, q.selection_hash
