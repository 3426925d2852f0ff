-- The items of a page by their keys, with their reasons in words, in the order of the semantics.
SELECT
    e.tenant_id AS "tenant_id!", e.selection_hash AS "selection_hash!", e.policy_type AS "policy_type!", e.external_id AS "external_id!",
    e.category AS "category!", e.display_name AS "display_name?", e.platform AS "platform?",
    iif(?3, '', e.run_reasons) || e.reasons_before || iif(e.seen_as_other_type, ',"seen_as_other_type"', '') || e.reasons_after
        AS "reasons?: String",
    e.listing_outcome AS "listing_outcome?", e.reference_run_id AS "reference_run_id!", e.reference_status AS "reference_status!",
    e.reference_finished_at AS "reference_finished_at?", e.first_seen_at AS "first_seen_at!", e.last_seen_at AS "last_seen_at?: i64",
    e.last_seen_run_id AS "last_seen_run_id?: String", e.missing_since AS "missing_since?",
    e.missing_since_run_id AS "missing_since_run_id?", e.acknowledged_at AS "acknowledged_at?"
FROM json_each(?2) j
CROSS JOIN missing_evidence e ON e.tenant_id = ?1 AND e.reference_run_id = j.value ->> 'run_id'
    AND e.policy_type = j.value ->> 'policy_type' AND e.external_id = j.value ->> 'external_id'
ORDER BY e.policy_type, e.external_id
