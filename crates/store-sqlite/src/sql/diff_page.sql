-- Items of a type by their ordinals, in the order of their ids, with their last sighting, which is looked up for those of the page alone.
WITH page AS MATERIALIZED (
    SELECT c.ordinal, c.external_id
    FROM json_each(?3) j CROSS JOIN catalogue c ON c.tenant_id = ?1 AND c.policy_type = ?2 AND c.ordinal = j.value
    WHERE ?4 IS NULL OR c.external_id > ?4
    ORDER BY c.external_id LIMIT ?5
)
SELECT e.ordinal AS "ordinal!: i64", e.external_id AS "external_id!: String", e.category AS "category!: String",
       e.display_name AS "display_name?: String", e.platform AS "platform?: String", e.first_seen_at AS "first_seen_at!: i64",
       e.changed_at AS "changed_at!: i64", e.last_seen_at AS "last_seen_at?: i64"
FROM page CROSS JOIN item_evidence e ON e.tenant_id = ?1 AND e.policy_type = ?2 AND e.ordinal = page.ordinal
ORDER BY page.external_id
