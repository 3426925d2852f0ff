-- Of the items that a listing misses, those of a bitmap, and whether nothing speaks against their being gone.
SELECT c.ordinal AS "ordinal!",
       CASE WHEN e.run_reasons = '{}' AND e.reasons_before = '{}' AND e.reasons_after = '{}' THEN NOT e.seen_as_other_type ELSE false END
           AS "certain!"
FROM missing_evidence e
JOIN catalogue c ON c.tenant_id = e.tenant_id AND c.policy_type = e.policy_type AND c.external_id = e.external_id
WHERE e.tenant_id = $1 AND e.reference_run_id = $2 AND e.policy_type = $3 AND has_bit($4, c.ordinal)
