-- Of the items that a listing misses, those of a bitmap, and whether nothing speaks against their absence. What is about the whole run
-- does not count, for one type compares with one type; nor, where it is known anyway (?5), that an item was seen since.
SELECT c.ordinal AS "ordinal!: i64",
       (e.reasons_before = '' OR ?5 AND e.reasons_before = ',"seen_since"') AND e.reasons_after = '' AND NOT e.seen_as_other_type
           AS "certain!: bool"
FROM missing_evidence e
CROSS JOIN catalogue c ON c.tenant_id = e.tenant_id AND c.policy_type = e.policy_type AND c.external_id = e.external_id
WHERE e.tenant_id = ?1 AND e.reference_run_id = ?2 AND e.policy_type = ?3
  AND ((instr('0123456789ABCDEF', substr(hex(substr(?4, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1)
