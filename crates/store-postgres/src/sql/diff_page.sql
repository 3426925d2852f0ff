-- Items of a type by their ordinals, in the order of their ids, with their last sighting, which is looked up for those of the page alone.
SELECT e.ordinal AS "ordinal!", e.external_id AS "external_id!", e.category AS "category!", e.display_name, e.platform,
       e.first_seen_at AS "first_seen_at!", e.changed_at AS "changed_at!", e.last_seen_at AS "last_seen_at!"
FROM (
    SELECT c.ordinal, c.external_id FROM unnest($3::integer[]) AS k (ordinal)
    JOIN catalogue c ON c.tenant_id = $1 AND c.policy_type = $2 AND c.ordinal = k.ordinal
    WHERE $4::text IS NULL OR c.external_id > $4
    ORDER BY c.external_id LIMIT $5
) k
CROSS JOIN LATERAL (
    SELECT * FROM item_evidence i WHERE i.tenant_id = $1 AND i.policy_type = $2 AND i.ordinal = k.ordinal OFFSET 0
) e
ORDER BY k.external_id
