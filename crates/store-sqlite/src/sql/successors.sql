-- Items with one of these names that a run saw for the first time that was claimed after a number, in the order of those runs, then type,
-- then id; of many twins that one run saw first, three of each type: no answer names more.
--
-- Ordinals are given in order, so no index is needed. Of the newest listing of a type whose last page is not newer than the number: whoever
-- was claimed later gave no ordinal below its `known_before`. Where retention dropped such listings the bound is lower, and more is read;
-- the number of the run decides all the same.
WITH bounds AS MATERIALIZED (
    SELECT o.policy_type, coalesce((
        SELECT n.known_before FROM listings n
        WHERE n.tenant_id = ?1 AND n.policy_type = o.policy_type AND n.last_no <= ?3
        ORDER BY n.last_no DESC LIMIT 1
    ), 0) AS ordinal
    FROM ordinals o WHERE o.tenant_id = ?1
),
fresh AS (
    SELECT c.policy_type, c.external_id, c.display_name, c.platform, c.first_seen_at, c.first_seen_run_id, r.run_no,
           row_number() OVER (PARTITION BY c.display_name, c.platform, c.policy_type, r.run_no ORDER BY c.external_id) AS twin
    FROM bounds b
    -- By the ordinals (`+`), and not by the names: of those there may be more than of new items.
    CROSS JOIN catalogue c ON c.tenant_id = ?1 AND c.policy_type = b.policy_type AND c.ordinal >= b.ordinal
        AND +c.display_name IN (SELECT value FROM json_each(?2))
    CROSS JOIN sync_runs r ON r.tenant_id = ?1 AND r.run_id = c.first_seen_run_id AND r.run_no > ?3
)
SELECT policy_type AS "policy_type!: String", external_id AS "external_id!: String", display_name AS "display_name!: String",
       platform AS "platform?: String", first_seen_at AS "first_seen_at!: i64", first_seen_run_id AS "first_seen_run_id!: String",
       run_no AS "run_no!: i64"
FROM fresh WHERE twin <= 3 ORDER BY run_no, policy_type, external_id
