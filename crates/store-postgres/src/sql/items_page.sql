-- A page of items of a few types, in order: each type follows the unique index from its cursor on, and no further than the page.
SELECT
    i.tenant_id AS "tenant_id!", i.policy_type AS "policy_type!", i.external_id AS "external_id!", i.category AS "category!",
    i.display_name, i.platform, i.meta_jsonb AS "meta_jsonb!", i.assignment_count, i.first_seen_at AS "first_seen_at!",
    i.first_seen_run_id AS "first_seen_run_id!", i.changed_at AS "changed_at!", i.last_seen_at AS "last_seen_at!",
    i.last_seen_run_id AS "last_seen_run_id!"
FROM unnest($2::text[]) AS t (policy_type)
CROSS JOIN LATERAL (
    SELECT * FROM item_evidence e
    WHERE e.tenant_id = $1 AND e.policy_type = t.policy_type
      -- Every id is longer than the empty text.
      AND e.external_id > CASE WHEN t.policy_type = $3::text THEN $4::text ELSE '' END
      AND ($5::text IS NULL OR e.platform = $5)
      AND ($6::text IS NULL OR strpos(e.search_text, $6) > 0)
      AND ($7::timestamptz IS NULL OR e.last_seen_at < $7)
    ORDER BY e.external_id LIMIT $8
) i
ORDER BY i.policy_type, i.external_id LIMIT $8
