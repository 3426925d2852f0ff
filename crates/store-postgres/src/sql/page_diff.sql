-- The items of a page that are known; the unique index holds all that is asked. All ids in one condition: whether the planner probes
-- for each or reads the type once, it does not do both, also while nobody has counted a new table's rows yet.
SELECT c.external_id, c.ordinal, c.fingerprint
FROM catalogue c
WHERE c.tenant_id = $1 AND c.policy_type = $2 AND c.external_id = ANY($3::text[])
