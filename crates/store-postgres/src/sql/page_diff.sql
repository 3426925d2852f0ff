-- The items of a page that are known: one probe of the unique index for each id, which holds all that is asked. The OFFSET keeps the
-- planner from reading a whole type instead, which it takes for cheaper long before it is, and once for every page.
SELECT u.external_id AS "external_id!", c.ordinal, c.fingerprint
FROM unnest($3::text[]) AS u (external_id)
CROSS JOIN LATERAL (
    SELECT k.ordinal, k.fingerprint FROM catalogue k
    WHERE k.tenant_id = $1 AND k.policy_type = $2 AND k.external_id = u.external_id
    OFFSET 0
) c
