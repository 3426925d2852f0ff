-- Of the items that a listing misses, those of a bitmap, and whether nothing speaks against their absence. What is about the whole run
-- does not count, for one type compares with one type; nor, where it is known anyway ($5), that an item was seen since.
SELECT c.ordinal AS "ordinal!",
       CASE WHEN (e.reasons_before = '{}' OR $5::boolean AND e.reasons_before = ARRAY['seen_since']) AND e.reasons_after = '{}'
            THEN NOT e.seen_as_other_type ELSE false END AS "certain!"
FROM missing_evidence e
JOIN catalogue c ON c.tenant_id = e.tenant_id AND c.policy_type = e.policy_type AND c.external_id = e.external_id
WHERE e.tenant_id = $1 AND e.reference_run_id = $2 AND e.policy_type = $3 AND has_bit($4, c.ordinal)
