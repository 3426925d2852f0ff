-- For whom which of these schedules is due at $1 or has not been reckoned yet, the longest due first. A schedule for every tenant has no row of a
-- tenant that nobody has reckoned. Few are due, and each of them looks up its tenant (the OFFSET keeps the planner from turning that round).
SELECT s.schedule_id, d.tenant_id AS "tenant_id!", d.next_due_at
FROM schedules s
CROSS JOIN LATERAL (
    SELECT x.tenant_id, x.next_due_at FROM schedule_tenants x
    WHERE x.schedule_id = s.schedule_id AND x.next_due_at <= $1
    UNION ALL
    SELECT x.tenant_id, x.next_due_at FROM schedule_tenants x
    WHERE x.schedule_id = s.schedule_id AND x.next_due_at IS NULL
    UNION ALL
    SELECT t.tenant_id, NULL FROM tenants t
    WHERE s.all_tenants AND NOT EXISTS (SELECT 1 FROM schedule_tenants x WHERE x.tenant_id = t.tenant_id AND x.schedule_id = s.schedule_id)
) d
CROSS JOIN LATERAL (SELECT FROM tenants WHERE tenant_id = d.tenant_id AND removed_at IS NULL OFFSET 0) t
WHERE s.schedule_id = ANY($2) AND s.paused_at IS NULL
ORDER BY d.next_due_at NULLS FIRST, s.name, d.tenant_id
LIMIT $3
