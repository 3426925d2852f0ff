-- One item with its last sighting.
SELECT
    tenant_id AS "tenant_id!", policy_type AS "policy_type!", external_id AS "external_id!", category AS "category!", display_name, platform,
    meta_jsonb AS "meta_jsonb!", assignment_count, first_seen_at AS "first_seen_at!", first_seen_run_id AS "first_seen_run_id!",
    changed_at AS "changed_at!", last_seen_at AS "last_seen_at!", last_seen_run_id AS "last_seen_run_id!"
FROM item_evidence
WHERE tenant_id = $1 AND policy_type = $2 AND external_id = $3
