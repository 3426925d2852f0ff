-- The items of a page by their keys, with their reasons in words, in the order of the semantics. Each listing is asked once for all its
-- keys: what it did not see is worked out from its whole bitmap.
WITH keys AS MATERIALIZED (
    SELECT policy_type, external_id, run_id, place
    FROM unnest($2::text[], $3::text[], $4::uuid[]) WITH ORDINALITY AS k (policy_type, external_id, run_id, place)
),
asked AS MATERIALIZED (
    SELECT policy_type, run_id, array_agg(external_id) AS external_ids FROM keys GROUP BY policy_type, run_id
)
SELECT
    e.tenant_id AS "tenant_id!", e.selection_hash AS "selection_hash!", e.policy_type AS "policy_type!", e.external_id AS "external_id!",
    e.category AS "category!", e.display_name, e.platform, e.reasons AS "reasons!", e.listing_outcome AS "listing_outcome!",
    e.reference_run_id AS "reference_run_id!", e.reference_status AS "reference_status!", e.reference_finished_at AS "reference_finished_at!",
    e.first_seen_at AS "first_seen_at!", e.last_seen_at AS "last_seen_at!", e.last_seen_run_id AS "last_seen_run_id!",
    e.missing_since, e.missing_since_run_id, e.acknowledged_at
FROM asked a
CROSS JOIN LATERAL (
    SELECT m.*, CASE WHEN $5::boolean THEN '{}' ELSE m.run_reasons END || m.reasons_before
               || CASE WHEN m.seen_as_other_type THEN ARRAY['seen_as_other_type'] ELSE '{}' END || m.reasons_after AS reasons
    FROM missing_evidence m
    WHERE m.tenant_id = $1 AND m.reference_run_id = a.run_id AND m.policy_type = a.policy_type AND m.external_id = ANY(a.external_ids)
    OFFSET 0
) e
JOIN keys k ON k.policy_type = e.policy_type AND k.external_id = e.external_id AND k.run_id = e.reference_run_id
ORDER BY k.place
