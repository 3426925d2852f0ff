-- The items of a page that are known: one probe of the unique index for each id, which holds all that is asked.
SELECT c.external_id, c.ordinal, c.fingerprint
FROM catalogue c
WHERE c.tenant_id = $1 AND c.policy_type = $2 AND c.external_id = ANY($3::text[])
