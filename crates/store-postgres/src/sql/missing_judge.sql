-- What a reference's listings miss: the totals, and the keys of one page. Only what decides is worked out for every item; the reasons
-- in words are the page's. Each listing is asked for by its key (the OFFSET keeps the planner from turning that round).
WITH judged AS MATERIALIZED (
    SELECT e.*
    FROM unnest($2::text[], $3::uuid[]) AS k (policy_type, run_id)
    CROSS JOIN LATERAL (
        SELECT e.policy_type, e.external_id, e.reference_run_id, e.missing_since, e.acknowledged_at,
               CASE WHEN (e.run_reasons = '{}' OR $4::boolean) AND e.reasons_before = '{}' AND e.reasons_after = '{}'
                    THEN NOT e.seen_as_other_type ELSE false END AS certain
        FROM missing_evidence e
        WHERE e.tenant_id = $1 AND e.reference_run_id = k.run_id AND e.policy_type = k.policy_type
        OFFSET 0
    ) e
),
totals AS (
    SELECT count(*) FILTER (WHERE certain) AS high, count(*) FILTER (WHERE NOT certain) AS low, count(acknowledged_at) AS acknowledged
    FROM judged
),
page AS (
    SELECT policy_type, external_id, reference_run_id FROM judged
    WHERE ($5::boolean IS NULL OR certain = $5)
      AND ($6::timestamptz IS NULL OR missing_since >= $6)
      AND ($7::boolean OR acknowledged_at IS NULL)
      AND ($8::text IS NULL OR (policy_type, external_id) > ($8 COLLATE "C", $9::text COLLATE "C"))
    ORDER BY policy_type, external_id LIMIT $10
)
SELECT totals.high AS "high!", totals.low AS "low!", totals.acknowledged AS "acknowledged!",
       page.policy_type AS "policy_type?", page.external_id AS "external_id?", page.reference_run_id AS "reference_run_id?"
FROM totals LEFT JOIN page ON true
ORDER BY page.policy_type, page.external_id
