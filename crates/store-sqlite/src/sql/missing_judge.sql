-- What a reference's listings miss: the totals, and the keys of one page. Only what decides is worked out for every item; the reasons
-- in words are the page's. The listings lead (CROSS JOIN), so that each is one range of the catalogue.
WITH judged AS MATERIALIZED (
    SELECT e.policy_type, e.external_id, e.reference_run_id, e.missing_since, e.acknowledged_at,
           (e.run_reasons = '' OR ?3) AND e.reasons_before = '' AND e.reasons_after = '' AND NOT e.seen_as_other_type AS certain
    FROM json_each(?2) j
    CROSS JOIN missing_evidence e
        ON e.tenant_id = ?1 AND e.reference_run_id = j.value ->> 'run_id' AND e.policy_type = j.value ->> 'policy_type'
),
totals AS (
    SELECT count(*) FILTER (WHERE certain) AS high, count(*) FILTER (WHERE NOT certain) AS low, count(acknowledged_at) AS acknowledged
    FROM judged
),
page AS (
    SELECT policy_type, external_id, reference_run_id FROM judged
    WHERE (?4 IS NULL OR certain = ?4)
      AND (?5 IS NULL OR missing_since >= ?5)
      AND (?6 OR acknowledged_at IS NULL)
      AND (?7 IS NULL OR (policy_type, external_id) > (?7, ?8))
    ORDER BY policy_type, external_id LIMIT ?9
)
SELECT totals.high AS "high!: i64", totals.low AS "low!: i64", totals.acknowledged AS "acknowledged!: i64",
       page.policy_type AS "policy_type?: String", page.external_id AS "external_id?: String",
       page.reference_run_id AS "reference_run_id?: String"
FROM totals LEFT JOIN page
ORDER BY page.policy_type, page.external_id
