-- Where each selection of many tenants stands: its newest run by creation, its live one, its latest completed one, its latest success.
--
-- Selections are found along the index of runs, one step for each, however many runs it has: across tenants only runs can be seen.
-- Each question is then one step down an index.
WITH RECURSIVE used AS (
    SELECT t.tenant_id, h.selection_hash
    FROM tenants t
    CROSS JOIN LATERAL (
        SELECT x.selection_hash FROM sync_runs x WHERE x.tenant_id = t.tenant_id ORDER BY x.selection_hash LIMIT 1
    ) h
    WHERE t.removed_at IS NULL AND ($1::uuid[] IS NULL OR t.tenant_id = ANY($1))
    UNION ALL
    SELECT u.tenant_id, h.selection_hash
    FROM used u
    CROSS JOIN LATERAL (
        SELECT x.selection_hash FROM sync_runs x
        WHERE x.tenant_id = u.tenant_id AND x.selection_hash > u.selection_hash ORDER BY x.selection_hash LIMIT 1
    ) h
)
SELECT u.tenant_id AS "tenant_id!", n.run_id AS "newest!", l.run_id AS "live?", c.run_id AS "completed?", s.run_id AS "success?", s.finished_at AS "success_at?"
FROM used u
CROSS JOIN LATERAL (
    SELECT x.run_id FROM sync_runs x
    WHERE x.tenant_id = u.tenant_id AND x.selection_hash = u.selection_hash ORDER BY x.created_no DESC LIMIT 1
) n
LEFT JOIN LATERAL (
    SELECT x.run_id FROM sync_runs x
    WHERE x.tenant_id = u.tenant_id AND x.selection_hash = u.selection_hash AND x.status IN ('pending', 'running')
    LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT x.run_id FROM sync_runs x
    WHERE x.tenant_id = u.tenant_id AND x.selection_hash = u.selection_hash AND x.status IN ('success', 'partial', 'failed')
    ORDER BY x.run_no DESC LIMIT 1
) c ON true
-- By its number first, which the index holds: the planner would else read and sort all successes to find the last (and by the OFFSET it
-- reads no others to join them).
LEFT JOIN LATERAL (
    SELECT y.run_id, y.finished_at
    FROM (
        SELECT x.run_no FROM sync_runs x
        WHERE x.tenant_id = u.tenant_id AND x.selection_hash = u.selection_hash AND x.status = 'success'
        ORDER BY x.run_no DESC LIMIT 1
    ) last
    CROSS JOIN LATERAL (
        SELECT z.run_id, z.finished_at FROM sync_runs z
        WHERE z.tenant_id = u.tenant_id AND z.selection_hash = u.selection_hash AND z.run_no = last.run_no AND z.status = 'success'
        OFFSET 0
    ) y
) s ON true
ORDER BY u.tenant_id, u.selection_hash
