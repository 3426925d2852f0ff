-- The SQL contract, in two layers, with the columns of every other database that Lastseen uses.
--
-- The `*_evidence` views are Lastseen's own: each says one rule once, for the program and for the contract. The `inventory_*` views
-- are the contract. All of them look with the rights of whoever asks (`security_invoker`), so that row-level security holds.

-- Whether bit n is set. Past the end it is not; `get_byte` would raise there, so the length is asked first. One byte is cut out,
-- because a long bitmap is stored in pieces.
CREATE FUNCTION has_bit(bitmap bytea, n integer) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN n / 8 < octet_length(bitmap) THEN get_byte(substring(bitmap FROM n / 8 + 1 FOR 1), 0) >> (n % 8) & 1 = 1 ELSE false END
$$;

-- The ordinals below `known_before` whose bit is not set. The bitmap is put together once (the empty text behind it does that), and
-- eight items that were all observed are passed over in one step. STRICT, so that the planner takes it as a whole: few ordinals come
-- out of it, and each is then one probe of the catalogue.
CREATE FUNCTION unseen_ordinals(observed bytea, known_before integer) RETURNS SETOF integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 50 AS $$
    SELECT n
    FROM (SELECT observed || ''::bytea AS bits OFFSET 0) b
    CROSS JOIN generate_series(0, (known_before - 1) / 8) AS place
    CROSS JOIN LATERAL (SELECT CASE WHEN place < octet_length(b.bits) THEN get_byte(b.bits, place) ELSE 0 END AS byte OFFSET 0) v
    CROSS JOIN LATERAL generate_series(place * 8, least(place * 8 + 7, known_before - 1)) AS n
    WHERE v.byte <> 255 AND v.byte >> (n % 8) & 1 = 0
$$;

-- Every item with its last sighting: of the listings that hold its bit (also those of a run that goes on, or that failed) and the
-- cold fact, the one with the highest number.
CREATE VIEW item_evidence WITH (security_invoker = true) AS
SELECT
    c.tenant_id, c.policy_type, c.ordinal, c.external_id, p.category, c.display_name, c.platform, c.meta_jsonb, c.assignment_count,
    c.first_seen_at, c.first_seen_run_id, c.changed_at, c.search_text,
    coalesce(s.last_no, c.cold_last_seen_no) AS last_seen_no,
    coalesce(s.last_page_at, c.cold_last_seen_at) AS last_seen_at,
    coalesce(s.run_id, c.cold_last_seen_run_id) AS last_seen_run_id
FROM catalogue c
JOIN policy_types p ON p.policy_type = c.policy_type
LEFT JOIN LATERAL (
    SELECT n.last_no, n.last_page_at, n.run_id FROM listings n
    WHERE n.tenant_id = c.tenant_id AND n.policy_type = c.policy_type AND n.last_no > coalesce(c.cold_last_seen_no, 0)
      AND has_bit(n.observed, c.ordinal)
    ORDER BY n.last_no DESC LIMIT 1
) s ON true;

-- The latest completed run of every selection: the highest number among those that were claimed and have ended.
CREATE VIEW latest_completed_runs WITH (security_invoker = true) AS
SELECT r.tenant_id, r.run_id, r.run_no, r.selection_hash, r.selection_payload
FROM selections q
CROSS JOIN LATERAL (
    SELECT x.tenant_id, x.run_id, x.run_no, x.selection_hash, x.selection_payload FROM sync_runs x
    WHERE x.tenant_id = q.tenant_id AND x.selection_hash = q.selection_hash AND x.status IN ('success', 'partial', 'failed')
    ORDER BY x.run_no DESC LIMIT 1
) r;

-- For every listing of every completed run: each item of its type that was known before (ordinal < known_before) and that it did
-- not observe. `inventory_missing` takes from it the latest completed run of a selection; the program, any reference.
-- The reasons come in parts: those about the run apart, because the reference "latest complete" has none of them, and the one that
-- costs a look into every other type apart, so that an item that is in doubt already need not wait for it.
CREATE VIEW missing_evidence WITH (security_invoker = true) AS
SELECT
    l.tenant_id, r.selection_hash, l.policy_type, c.external_id, p.category, c.display_name, c.platform,
    -- The reasons in the order of the semantics.
    array_remove(ARRAY[
        CASE r.status WHEN 'partial' THEN 'run_partial' WHEN 'failed' THEN 'run_failed' END,
        CASE WHEN r.errors_count > 0 THEN 'run_had_errors' END
    ], NULL) AS run_reasons,
    array_remove(ARRAY[
        CASE WHEN l.outcome <> 'complete' THEN 'listing_' || l.outcome END,
        CASE WHEN coalesce(s.last_no, c.cold_last_seen_no) > l.run_no THEN 'seen_since' END
    ], NULL) AS reasons_before,
    -- This run itself saw the id on the path under a type outside its scope, or under any other type of the tenant the same id has a
    -- sighting newer than the claim.
    has_bit(l.seen_elsewhere, c.ordinal) OR EXISTS (
        SELECT 1 FROM ordinals o
        JOIN catalogue t ON t.tenant_id = o.tenant_id AND t.policy_type = o.policy_type AND t.external_id = c.external_id
        WHERE o.tenant_id = l.tenant_id AND o.policy_type <> l.policy_type AND (
            t.cold_last_seen_no > l.run_no
            OR EXISTS (
                SELECT 1 FROM listings n
                WHERE n.tenant_id = t.tenant_id AND n.policy_type = t.policy_type AND n.last_no > l.run_no AND has_bit(n.observed, t.ordinal)
            )
        )
    ) AS seen_as_other_type,
    array_remove(ARRAY[
        CASE WHEN coalesce(s.contract_hash, c.cold_last_seen_contract) <> l.contract_hash THEN 'contract_changed' END,
        -- On a path that pages by offset only a complete base that knew the item and missed it too confirms.
        CASE WHEN l.pages_by_offset AND NOT coalesce(c.ordinal < b.known_before AND NOT has_bit(b.observed, c.ordinal), false)
             THEN 'unconfirmed' END,
        -- The guard, on the counts of the whole listing, speaks of the items of the base.
        CASE WHEN l.outcome = 'complete'
              AND (l.base_unseen >= r.guard_min_items AND l.base_unseen * 100 > b.items_observed * r.guard_percent
                   OR b.items_observed >= 3 AND l.base_unseen = b.items_observed)
              AND has_bit(b.observed, c.ordinal)
             THEN 'mass_disappearance' END
    ], NULL) AS reasons_after,
    l.outcome AS listing_outcome,
    r.run_id AS reference_run_id, r.status AS reference_status, r.finished_at AS reference_finished_at,
    c.first_seen_at,
    coalesce(s.last_page_at, c.cold_last_seen_at) AS last_seen_at,
    coalesce(s.run_id, c.cold_last_seen_run_id) AS last_seen_run_id,
    m.finished_at AS missing_since, m.run_id AS missing_since_run_id,
    a.acknowledged_at
-- From the run to its listings to the items, never the other way: a reference is one run, the catalogue is everything.
FROM sync_runs r
JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
JOIN policy_types p ON p.policy_type = l.policy_type
CROSS JOIN LATERAL unseen_ordinals(l.observed, l.known_before) AS u (ordinal)
JOIN catalogue c ON c.tenant_id = l.tenant_id AND c.policy_type = l.policy_type AND c.ordinal = u.ordinal
LEFT JOIN listings b ON b.tenant_id = l.tenant_id AND b.run_id = l.base_run_id AND b.policy_type = l.policy_type
-- The item's last sighting, as in item_evidence.
LEFT JOIN LATERAL (
    SELECT n.last_no, n.last_page_at, n.run_id, n.contract_hash FROM listings n
    WHERE n.tenant_id = c.tenant_id AND n.policy_type = c.policy_type AND n.last_no > coalesce(c.cold_last_seen_no, 0)
      AND has_bit(n.observed, c.ordinal)
    ORDER BY n.last_no DESC LIMIT 1
) s ON true
-- Missing since the oldest run of the selection, up to this one, that was claimed after the last sighting, whose listing of the
-- type is complete, and in which the item is missing.
LEFT JOIN LATERAL (
    SELECT y.run_id, y.finished_at
    FROM (
        SELECT x.tenant_id, x.run_id FROM listings x
        WHERE x.tenant_id = l.tenant_id AND x.selection_hash = l.selection_hash AND x.policy_type = l.policy_type
          AND x.run_no > coalesce(s.last_no, c.cold_last_seen_no) AND x.run_no <= l.run_no
          AND x.outcome = 'complete' AND c.ordinal < x.known_before AND NOT has_bit(x.observed, c.ordinal)
        ORDER BY x.run_no LIMIT 1
    ) first
    JOIN sync_runs y ON y.tenant_id = first.tenant_id AND y.run_id = first.run_id
) m ON true
LEFT JOIN acknowledgements a ON a.tenant_id = c.tenant_id AND a.policy_type = c.policy_type AND a.external_id = c.external_id
    AND a.at_no >= coalesce(s.last_no, c.cold_last_seen_no)
WHERE r.status IN ('success', 'partial', 'failed');

-- Every listing of every completed run, and the newest completed run of the selection that completed its type.
CREATE VIEW coverage_evidence WITH (security_invoker = true) AS
SELECT
    l.tenant_id, r.selection_hash, l.policy_type,
    r.run_id AS reference_run_id, r.status AS reference_status, r.finished_at AS reference_finished_at,
    l.outcome, l.error_code, l.items_observed, l.items_unseen,
    k.run_id AS latest_complete_run_id, k.ended_at AS latest_complete_at
FROM sync_runs r
JOIN listings l ON l.tenant_id = r.tenant_id AND l.run_id = r.run_id
LEFT JOIN LATERAL (
    SELECT x.run_id, x.ended_at FROM listings x
    JOIN sync_runs y ON y.tenant_id = x.tenant_id AND y.run_id = x.run_id AND y.status IN ('success', 'partial', 'failed')
    WHERE x.tenant_id = l.tenant_id AND x.selection_hash = l.selection_hash AND x.policy_type = l.policy_type AND x.outcome = 'complete'
    ORDER BY x.run_no DESC LIMIT 1
) k ON true
WHERE r.status IN ('success', 'partial', 'failed');

CREATE VIEW inventory_items WITH (security_invoker = true) AS
SELECT
    tenant_id, policy_type, external_id, category, display_name, platform, meta_jsonb, assignment_count,
    first_seen_at, first_seen_run_id, changed_at, last_seen_at, last_seen_run_id
FROM item_evidence;

CREATE VIEW inventory_sync_runs WITH (security_invoker = true) AS
SELECT
    tenant_id, run_id, run_no, selection_hash, selection_payload, status, errors_count > 0 AS had_errors, correlation_id, "trigger",
    created_at, started_at, finished_at,
    items_observed, items_upserted, items_created, items_changed, items_unseen, items_rejected,
    -- Errors are noted as they come; like every count, theirs is 0 until the run has ended.
    CASE WHEN finished_at IS NULL THEN 0 ELSE errors_count END AS errors_count,
    to_jsonb(error_codes) AS error_codes
FROM sync_runs;

CREATE VIEW inventory_missing WITH (security_invoker = true) AS
SELECT
    e.tenant_id, e.selection_hash, e.policy_type, e.external_id, e.category, e.display_name, e.platform,
    CASE WHEN w.reasons = '{}' THEN 'high' ELSE 'low' END AS confidence,
    to_jsonb(w.reasons) AS reasons,
    e.listing_outcome, e.reference_run_id, e.reference_status, e.reference_finished_at,
    e.first_seen_at, e.last_seen_at, e.last_seen_run_id, e.missing_since, e.missing_since_run_id, e.acknowledged_at
FROM latest_completed_runs r
JOIN missing_evidence e ON e.tenant_id = r.tenant_id AND e.reference_run_id = r.run_id
CROSS JOIN LATERAL (
    SELECT e.run_reasons || e.reasons_before || CASE WHEN e.seen_as_other_type THEN ARRAY['seen_as_other_type'] ELSE '{}' END || e.reasons_after
        AS reasons
    OFFSET 0
) w;

CREATE VIEW inventory_coverage WITH (security_invoker = true) AS
SELECT
    e.tenant_id, e.selection_hash, e.policy_type, e.reference_run_id, e.reference_status, e.reference_finished_at,
    e.outcome, e.error_code, e.items_observed, e.items_unseen, e.latest_complete_run_id, e.latest_complete_at
FROM latest_completed_runs r
JOIN coverage_evidence e ON e.tenant_id = r.tenant_id AND e.reference_run_id = r.run_id;
