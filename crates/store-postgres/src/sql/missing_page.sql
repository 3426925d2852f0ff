-- The items of a page by their keys, with their reasons in words, in the order of the semantics.
SELECT
    e.tenant_id AS "tenant_id!", e.selection_hash AS "selection_hash!", e.policy_type AS "policy_type!", e.external_id AS "external_id!",
    e.category AS "category!", e.display_name, e.platform, e.reasons AS "reasons!", e.listing_outcome AS "listing_outcome!",
    e.reference_run_id AS "reference_run_id!", e.reference_status AS "reference_status!", e.reference_finished_at AS "reference_finished_at!",
    e.first_seen_at AS "first_seen_at!", e.last_seen_at AS "last_seen_at!", e.last_seen_run_id AS "last_seen_run_id!",
    e.missing_since, e.missing_since_run_id, e.acknowledged_at
FROM unnest($2::text[], $3::text[], $4::uuid[]) WITH ORDINALITY AS k (policy_type, external_id, run_id, place)
CROSS JOIN LATERAL (
    SELECT m.*, CASE WHEN $5::boolean THEN '{}' ELSE m.run_reasons END || m.reasons_before
               || CASE WHEN m.seen_as_other_type THEN ARRAY['seen_as_other_type'] ELSE '{}' END || m.reasons_after AS reasons
    FROM missing_evidence m
    WHERE m.tenant_id = $1 AND m.reference_run_id = k.run_id AND m.policy_type = k.policy_type AND m.external_id = k.external_id
    OFFSET 0
) e
ORDER BY k.place
