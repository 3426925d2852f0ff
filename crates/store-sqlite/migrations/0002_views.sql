-- The SQL contract, in two layers. Nothing newer than SQLite 3.40.
--
-- The `*_evidence` views are Lastseen's own: each says one rule once, in stored units, for the program and for the contract.
-- The `inventory_*` views are the contract: the same columns in every database that Lastseen uses, times as RFC 3339 text in UTC
-- with microseconds, arrays and objects as JSON text, booleans as 0 and 1.
--
-- Whether bit n of a bitmap is set is asked in plain SQL: the byte in hexadecimal, of that the digit that holds the bit, of that
-- the bit. Past the end every function answers "nothing" and the bit is 0:
--     (instr('0123456789ABCDEF', substr(hex(substr(bitmap, n / 8 + 1, 1)), 2 - n % 8 / 4, 1)) - 1 >> n % 4) & 1
--
-- Predicates on tenant_id, policy_type and selection_hash reach the indexes: no view aggregates, sorts or materialises.

-- Every item with its last sighting: of the listings that hold its bit (also those of a run that goes on, or that failed) and the
-- cold fact, the one with the highest number.
CREATE VIEW item_evidence AS
SELECT
    c.tenant_id, c.policy_type, c.ordinal, c.external_id, p.category, c.display_name, c.platform, c.meta_jsonb, c.assignment_count,
    c.first_seen_at, c.first_seen_run_id, c.changed_at, c.search_text,
    coalesce(s.last_no, c.cold_last_seen_no) AS last_seen_no,
    coalesce(s.last_page_at, c.cold_last_seen_at) AS last_seen_at,
    coalesce(s.run_id, c.cold_last_seen_run_id) AS last_seen_run_id,
    coalesce(s.contract_hash, c.cold_last_seen_contract) AS last_seen_contract
FROM catalogue c
JOIN policy_types p ON p.policy_type = c.policy_type
LEFT JOIN listings s ON s.tenant_id = c.tenant_id AND s.policy_type = c.policy_type AND s.last_no = (
    SELECT n.last_no FROM listings n
    WHERE n.tenant_id = c.tenant_id AND n.policy_type = c.policy_type AND n.last_no > coalesce(c.cold_last_seen_no, 0)
      AND ((instr('0123456789ABCDEF', substr(hex(substr(n.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1)
    ORDER BY n.last_no DESC LIMIT 1
);

-- The latest completed run of every selection: the highest number among those that were claimed and have ended.
CREATE VIEW latest_completed_runs AS
SELECT r.*
FROM selections q
CROSS JOIN sync_runs r ON r.tenant_id = q.tenant_id AND r.selection_hash = q.selection_hash
    AND r.status IN ('success', 'partial', 'failed')
    AND r.run_no = (
        SELECT max(x.run_no) FROM sync_runs x
        WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash AND x.status IN ('success', 'partial', 'failed')
    );

-- For every listing of every completed run: each item of its type that was known before (ordinal < known_before) and that it did
-- not observe. `inventory_missing` takes from it the latest completed run of a selection; the program, any reference.
-- The reasons come in parts: those about the run apart, because the reference "latest complete" has none of them, and the one that
-- costs a look into every other type apart, so that an item that is in doubt already need not wait for it.
CREATE VIEW missing_evidence AS
SELECT
    l.tenant_id, l.selection_hash, l.policy_type, c.external_id, p.category, c.display_name, c.platform,
    -- The reasons in the order of the semantics, as JSON strings led by commas.
    CASE r.status WHEN 'partial' THEN ',"run_partial"' WHEN 'failed' THEN ',"run_failed"' ELSE '' END
        || iif(r.errors_count > 0, ',"run_had_errors"', '') AS run_reasons,
    iif(l.outcome = 'complete', '', ',"listing_' || l.outcome || '"')
        || iif(coalesce(s.last_no, c.cold_last_seen_no) > l.run_no, ',"seen_since"', '') AS reasons_before,
    -- This run itself saw the id on the path under a type outside its scope, or under any other type of the tenant the same id has a
    -- sighting newer than the claim.
    ((instr('0123456789ABCDEF', substr(hex(substr(l.seen_elsewhere, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1)
    OR EXISTS (
        SELECT 1 FROM ordinals o
        CROSS JOIN catalogue t ON t.tenant_id = o.tenant_id AND t.policy_type = o.policy_type AND t.external_id = c.external_id
        WHERE o.tenant_id = l.tenant_id AND o.policy_type <> l.policy_type AND (
            t.cold_last_seen_no > l.run_no
            OR EXISTS (
                SELECT 1 FROM listings n
                WHERE n.tenant_id = t.tenant_id AND n.policy_type = t.policy_type AND n.last_no > l.run_no
                  AND ((instr('0123456789ABCDEF', substr(hex(substr(n.observed, t.ordinal / 8 + 1, 1)), 2 - t.ordinal % 8 / 4, 1)) - 1 >> t.ordinal % 4) & 1)
            )
        )
    ) AS seen_as_other_type,
    iif(coalesce(s.contract_hash, c.cold_last_seen_contract) <> l.contract_hash, ',"contract_changed"', '')
        -- On a path that pages by offset only a complete base that knew the item and missed it too confirms.
        || iif(l.pages_by_offset AND NOT coalesce(c.ordinal < b.known_before AND NOT ((instr('0123456789ABCDEF', substr(hex(substr(b.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1), 0),
               ',"unconfirmed"', '')
        -- The guard, on the counts of the whole listing, speaks of the items of the base.
        || iif(l.outcome = 'complete'
               AND (l.base_unseen >= r.guard_min_items AND l.base_unseen * 100 > b.items_observed * r.guard_percent
                    OR b.items_observed >= 3 AND l.base_unseen = b.items_observed)
               AND ((instr('0123456789ABCDEF', substr(hex(substr(b.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1),
               ',"mass_disappearance"', '') AS reasons_after,
    l.outcome AS listing_outcome,
    r.run_id AS reference_run_id, r.run_no AS reference_run_no, r.status AS reference_status, r.finished_at AS reference_finished_at,
    c.first_seen_at,
    coalesce(s.last_page_at, c.cold_last_seen_at) AS last_seen_at,
    coalesce(s.run_id, c.cold_last_seen_run_id) AS last_seen_run_id,
    m.finished_at AS missing_since, m.run_id AS missing_since_run_id,
    a.acknowledged_at
-- From the run to its listings to the items, never the other way (CROSS JOIN): a reference is one run, the catalogue is everything.
FROM sync_runs r
CROSS JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
CROSS JOIN policy_types p ON p.policy_type = l.policy_type
CROSS JOIN catalogue c ON c.tenant_id = l.tenant_id AND c.policy_type = l.policy_type
    AND c.ordinal < l.known_before
    -- Eight items that were all observed are passed over without looking at their bits.
    AND substr(l.observed, c.ordinal / 8 + 1, 1) IS NOT x'ff'
    AND NOT ((instr('0123456789ABCDEF', substr(hex(substr(l.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1)
LEFT JOIN listings b ON b.tenant_id = l.tenant_id AND b.run_id = l.base_run_id AND b.policy_type = l.policy_type
-- The item's last sighting, as in item_evidence.
LEFT JOIN listings s ON s.tenant_id = c.tenant_id AND s.policy_type = c.policy_type AND s.last_no = (
    SELECT n.last_no FROM listings n
    WHERE n.tenant_id = c.tenant_id AND n.policy_type = c.policy_type AND n.last_no > coalesce(c.cold_last_seen_no, 0)
      AND ((instr('0123456789ABCDEF', substr(hex(substr(n.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1)
    ORDER BY n.last_no DESC LIMIT 1
)
-- Missing since the oldest run of the selection, up to this one, that was claimed after the last sighting, whose listing of the
-- type is complete, and in which the item is missing.
LEFT JOIN sync_runs m ON m.tenant_id = l.tenant_id AND m.run_id = (
    SELECT x.run_id FROM listings x
    WHERE x.tenant_id = l.tenant_id AND x.selection_hash = l.selection_hash AND x.policy_type = l.policy_type
      AND x.run_no > coalesce(s.last_no, c.cold_last_seen_no) AND x.run_no <= l.run_no
      AND x.outcome = 'complete' AND c.ordinal < x.known_before AND NOT ((instr('0123456789ABCDEF', substr(hex(substr(x.observed, c.ordinal / 8 + 1, 1)), 2 - c.ordinal % 8 / 4, 1)) - 1 >> c.ordinal % 4) & 1)
    ORDER BY x.run_no LIMIT 1
)
LEFT JOIN acknowledgements a ON a.tenant_id = c.tenant_id AND a.policy_type = c.policy_type AND a.external_id = c.external_id
    AND a.at_no >= coalesce(s.last_no, c.cold_last_seen_no)
WHERE r.status IN ('success', 'partial', 'failed');

-- Every listing of every completed run, and the newest completed run of the selection that completed its type.
CREATE VIEW coverage_evidence AS
SELECT
    l.tenant_id, l.selection_hash, l.policy_type,
    r.run_id AS reference_run_id, r.status AS reference_status, r.finished_at AS reference_finished_at,
    l.outcome, l.error_code, l.items_observed, l.items_unseen,
    k.run_id AS latest_complete_run_id, k.ended_at AS latest_complete_at
FROM sync_runs r
CROSS JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
LEFT JOIN listings k ON k.tenant_id = l.tenant_id AND k.selection_hash = l.selection_hash AND k.policy_type = l.policy_type AND k.run_no = (
    SELECT x.run_no FROM listings x
    JOIN sync_runs y ON y.tenant_id = x.tenant_id AND y.run_id = x.run_id AND y.status IN ('success', 'partial', 'failed')
    WHERE x.tenant_id = l.tenant_id AND x.selection_hash = l.selection_hash AND x.policy_type = l.policy_type AND x.outcome = 'complete'
    ORDER BY x.run_no DESC LIMIT 1
)
WHERE r.status IN ('success', 'partial', 'failed');

CREATE VIEW inventory_items AS
SELECT
    tenant_id, policy_type, external_id, category, display_name, platform, meta_jsonb, assignment_count,
    strftime('%Y-%m-%dT%H:%M:%S', first_seen_at / 1000000, 'unixepoch') || printf('.%06dZ', first_seen_at % 1000000) AS first_seen_at,
    first_seen_run_id,
    strftime('%Y-%m-%dT%H:%M:%S', changed_at / 1000000, 'unixepoch') || printf('.%06dZ', changed_at % 1000000) AS changed_at,
    strftime('%Y-%m-%dT%H:%M:%S', last_seen_at / 1000000, 'unixepoch') || printf('.%06dZ', last_seen_at % 1000000) AS last_seen_at,
    last_seen_run_id
FROM item_evidence;

CREATE VIEW inventory_sync_runs AS
SELECT
    tenant_id, run_id, run_no, selection_hash, selection_payload, status, errors_count > 0 AS had_errors, correlation_id, "trigger",
    strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%06dZ', created_at % 1000000) AS created_at,
    strftime('%Y-%m-%dT%H:%M:%S', started_at / 1000000, 'unixepoch') || printf('.%06dZ', started_at % 1000000) AS started_at,
    strftime('%Y-%m-%dT%H:%M:%S', finished_at / 1000000, 'unixepoch') || printf('.%06dZ', finished_at % 1000000) AS finished_at,
    items_observed, items_upserted, items_created, items_changed, items_unseen, items_rejected,
    -- Errors are noted as they come; like every count, theirs is 0 until the run has ended.
    iif(finished_at IS NULL, 0, errors_count) AS errors_count,
    error_codes
FROM sync_runs;

CREATE VIEW inventory_missing AS
SELECT
    e.tenant_id, e.selection_hash, e.policy_type, e.external_id, e.category, e.display_name, e.platform,
    iif(e.run_reasons <> '' OR e.reasons_before <> '' OR e.reasons_after <> '' OR e.seen_as_other_type, 'low', 'high') AS confidence,
    '[' || substr(e.run_reasons || e.reasons_before || iif(e.seen_as_other_type, ',"seen_as_other_type"', '') || e.reasons_after, 2)
        || ']' AS reasons,
    e.listing_outcome, e.reference_run_id, e.reference_status,
    strftime('%Y-%m-%dT%H:%M:%S', e.reference_finished_at / 1000000, 'unixepoch') || printf('.%06dZ', e.reference_finished_at % 1000000) AS reference_finished_at,
    strftime('%Y-%m-%dT%H:%M:%S', e.first_seen_at / 1000000, 'unixepoch') || printf('.%06dZ', e.first_seen_at % 1000000) AS first_seen_at,
    strftime('%Y-%m-%dT%H:%M:%S', e.last_seen_at / 1000000, 'unixepoch') || printf('.%06dZ', e.last_seen_at % 1000000) AS last_seen_at,
    e.last_seen_run_id,
    strftime('%Y-%m-%dT%H:%M:%S', e.missing_since / 1000000, 'unixepoch') || printf('.%06dZ', e.missing_since % 1000000) AS missing_since,
    e.missing_since_run_id,
    strftime('%Y-%m-%dT%H:%M:%S', e.acknowledged_at / 1000000, 'unixepoch') || printf('.%06dZ', e.acknowledged_at % 1000000) AS acknowledged_at
FROM latest_completed_runs r
CROSS JOIN missing_evidence e ON e.tenant_id = r.tenant_id AND e.reference_run_id = r.run_id;

CREATE VIEW inventory_coverage AS
SELECT
    e.tenant_id, e.selection_hash, e.policy_type, e.reference_run_id, e.reference_status,
    strftime('%Y-%m-%dT%H:%M:%S', e.reference_finished_at / 1000000, 'unixepoch') || printf('.%06dZ', e.reference_finished_at % 1000000) AS reference_finished_at,
    e.outcome, e.error_code, e.items_observed, e.items_unseen, e.latest_complete_run_id,
    strftime('%Y-%m-%dT%H:%M:%S', e.latest_complete_at / 1000000, 'unixepoch') || printf('.%06dZ', e.latest_complete_at % 1000000) AS latest_complete_at
FROM latest_completed_runs r
CROSS JOIN coverage_evidence e ON e.tenant_id = r.tenant_id AND e.reference_run_id = r.run_id;
