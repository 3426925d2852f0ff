-- What missing items may live on as: by each key and the run of its last sighting, at most three items of another type with the same name
-- and platform that were first seen since. Decided by numbers: the run that first saw it was claimed after the last sighting.
--
-- Ordinals are given in order, so no index is needed. Of the newest listing of a type whose last page is not newer than the oldest of the
-- last sightings: whoever was claimed later gave no ordinal below its `known_before`. Where retention dropped such listings the bound is
-- lower, and more is read; the number of the run decides all the same.
WITH wanted AS MATERIALIZED (
    SELECT k.place, c.policy_type, c.display_name, c.platform, coalesce(l.last_no, c.cold_last_seen_no) AS last_seen_no
    FROM unnest($2::text[], $3::text[], $4::uuid[]) WITH ORDINALITY AS k (policy_type, external_id, run_id, place)
    JOIN catalogue c ON c.tenant_id = $1 AND c.policy_type = k.policy_type AND c.external_id = k.external_id
    LEFT JOIN listings l ON l.tenant_id = $1 AND l.run_id = k.run_id AND l.policy_type = k.policy_type
    WHERE c.display_name IS NOT NULL
),
since AS MATERIALIZED (SELECT min(last_seen_no) AS no FROM wanted),
bounds AS MATERIALIZED (
    SELECT o.policy_type, coalesce((
        SELECT n.known_before FROM listings n
        WHERE n.tenant_id = $1 AND n.policy_type = o.policy_type AND n.last_no <= (SELECT no FROM since)
        ORDER BY n.last_no DESC LIMIT 1
    ), 0) AS ordinal
    FROM ordinals o WHERE o.tenant_id = $1
),
-- Of many twins that one run saw first, those that can be among the three. The names come in once more as an array: the server hashes it,
-- and else it would go through all names for each item.
fresh AS MATERIALIZED (
    SELECT i.policy_type, i.external_id, i.display_name, i.platform, i.first_seen_at, i.first_seen_run_id, r.run_no,
           row_number() OVER (PARTITION BY i.display_name, i.platform, i.policy_type, r.run_no ORDER BY i.external_id) AS twin
    FROM bounds b
    CROSS JOIN LATERAL (
        SELECT c.* FROM catalogue c
        WHERE c.tenant_id = $1 AND c.policy_type = b.policy_type AND c.ordinal >= b.ordinal
          AND c.display_name = ANY($5::text[])
        OFFSET 0
    ) i
    -- For each of the few that bear the name, and never the other way: a tenant's runs are many.
    CROSS JOIN LATERAL (SELECT y.run_no FROM sync_runs y WHERE y.tenant_id = $1 AND y.run_id = i.first_seen_run_id OFFSET 0) r
    WHERE r.run_no > (SELECT no FROM since)
),
ranked AS (
    SELECT w.place, f.*, row_number() OVER (PARTITION BY w.place ORDER BY f.run_no, f.policy_type, f.external_id) AS rank
    FROM wanted w
    JOIN fresh f ON f.display_name = w.display_name AND f.platform IS NOT DISTINCT FROM w.platform AND f.policy_type <> w.policy_type
        AND f.run_no > w.last_seen_no
    WHERE f.twin <= 3
)
SELECT place AS "place!", policy_type, external_id, first_seen_at, first_seen_run_id
FROM ranked WHERE rank <= 3 ORDER BY place, rank
