//! What holds after every crash.

use std::collections::BTreeSet;

use lastseen_model::TenantId;

use crate::on_postgres::database::{Database, TABLES};
use crate::on_postgres::world::{TYPES, World};

/// Each rule as a query whose rows are its violations.
const RULES: &[(&str, &str)] = &[
    (
        "every bit belongs to an item",
        "SELECT l.run_id, l.policy_type, n FROM listings l
         CROSS JOIN LATERAL generate_series(0, greatest(octet_length(l.observed), octet_length(l.seen_elsewhere)) * 8 - 1) AS n
         WHERE (has_bit(l.observed, n) OR has_bit(l.seen_elsewhere, n)) AND NOT EXISTS (
             SELECT FROM catalogue c WHERE c.tenant_id = l.tenant_id AND c.policy_type = l.policy_type AND c.ordinal = n)",
    ),
    (
        "ordinals have no gaps",
        "SELECT * FROM ordinals o FULL JOIN (
             SELECT tenant_id, policy_type, count(*) AS items, max(ordinal) AS last, min(ordinal) AS first FROM catalogue GROUP BY 1, 2
         ) AS c USING (tenant_id, policy_type)
         WHERE coalesce(o.next_ordinal, -1) <> coalesce(c.items, 0) OR c.first <> 0 OR c.last <> o.next_ordinal - 1",
    ),
    ("a listing counts its own bits", "SELECT run_id, policy_type FROM listings WHERE items_observed <> bit_count(observed)"),
    (
        "what an ended run counts is the sum of its listings, each of which has an outcome",
        "SELECT r.run_id, r.status FROM sync_runs r
         JOIN (SELECT tenant_id, run_id, sum(items_observed) AS observed, sum(items_created) AS created, sum(items_unseen) AS unseen,
                      bool_or(outcome IS NULL) AS is_open FROM listings GROUP BY 1, 2) AS l USING (tenant_id, run_id)
         WHERE r.finished_at IS NOT NULL
           AND (l.is_open OR (r.items_observed, r.items_created, r.items_unseen) IS DISTINCT FROM (l.observed, l.created, l.unseen))",
    ),
    (
        "a run that was claimed has a listing for each type of its scope, and no other run has one",
        "SELECT r.run_id, r.status FROM sync_runs r
         WHERE (SELECT count(*) FROM listings l WHERE l.tenant_id = r.tenant_id AND l.run_id = r.run_id)
               <> coalesce(array_length(r.scope, 1), 0)",
    ),
    (
        "an item was first and last seen by runs that are there",
        "SELECT i.policy_type, i.external_id FROM item_evidence i
         WHERE i.last_seen_run_id IS NULL
            OR NOT EXISTS (SELECT FROM sync_runs r WHERE r.tenant_id = i.tenant_id AND r.run_id = i.last_seen_run_id)
            OR NOT EXISTS (SELECT FROM sync_runs r WHERE r.tenant_id = i.tenant_id AND r.run_id = i.first_seen_run_id)",
    ),
    (
        "every number of the sequence is given once",
        "SELECT no FROM (SELECT run_no AS no FROM sync_runs UNION ALL SELECT DISTINCT last_no FROM listings) AS given
         WHERE no IS NOT NULL GROUP BY no HAVING count(*) > 1",
    ),
    (
        "a run is success exactly when every listing is complete",
        "SELECT r.run_id, r.status FROM sync_runs r
         WHERE r.status = 'success' AND EXISTS (
             SELECT FROM listings l WHERE l.tenant_id = r.tenant_id AND l.run_id = r.run_id AND l.outcome <> 'complete')",
    ),
];

/// Fails unless every rule holds in the whole database, and nothing in it belongs to anybody but these tenants.
pub(crate) fn hold(database: &Database, tenants: &[TenantId]) {
    let broken = |(rule, query): &(&str, &str)| format!("SELECT '{rule}: ' || to_jsonb(v)::text FROM ({query}) AS v;");
    let known = tenants.iter().map(|tenant| format!("'{tenant}'")).collect::<Vec<_>>().join(", ");
    let foreign = |table: &&str| format!("SELECT 'a stranger in {table}: ' || tenant_id FROM {table} WHERE tenant_id NOT IN ({known});");
    let queries: String = RULES.iter().map(broken).chain(TABLES.iter().map(foreign)).collect();
    assert_eq!(database.ask(&queries), "");
}

/// Fails unless every complete listing since a run, by its place among the tenant's runs, saw all that the tenant holds, and nothing that the
/// tenant holds is missing for certain.
pub(crate) fn hold_for(database: &Database, world: &World, tenant: TenantId, since: usize) {
    let [complete, certain] = database.ask_each([
        &format!(
            "SELECT l.policy_type, string_agg(c.external_id, ' ')
             FROM (SELECT tenant_id, run_id FROM sync_runs WHERE tenant_id = '{tenant}' ORDER BY created_no OFFSET {since}) AS r
             JOIN listings l USING (tenant_id, run_id)
             LEFT JOIN catalogue c ON c.tenant_id = l.tenant_id AND c.policy_type = l.policy_type AND has_bit(l.observed, c.ordinal)
             WHERE l.outcome = 'complete' GROUP BY l.run_id, l.policy_type"
        ),
        &format!("SELECT policy_type, external_id FROM inventory_missing WHERE tenant_id = '{tenant}' AND confidence = 'high'"),
    ]);
    for (name, seen) in fields(&complete) {
        let seen: BTreeSet<String> = seen.split(' ').map(str::to_owned).collect();
        assert_eq!(seen, world.ids(tenant, name), "a complete listing of {name}");
    }
    for (name, id) in fields(&certain) {
        assert!(!world.ids(tenant, name).contains(id), "{name} {id} is there, and is said to be missing for certain");
    }
}

/// Fails unless a tenant whose [`TYPES`] have just been synced is known as it is, beside what [`hold_for`] asks: no run is live, all that it
/// holds is known, and what is missing is what is gone.
pub(crate) fn hold_after_success(database: &Database, world: &World, tenant: TenantId, since: usize) {
    hold_for(database, world, tenant, since);
    let [live, known, missing] = database.ask_each([
        &format!("SELECT run_id FROM sync_runs WHERE tenant_id = '{tenant}' AND status IN ('pending', 'running')"),
        &format!("SELECT policy_type, external_id FROM catalogue WHERE tenant_id = '{tenant}'"),
        &format!("SELECT policy_type, external_id FROM inventory_missing WHERE tenant_id = '{tenant}'"),
    ]);
    assert_eq!(live, "", "a run is live");
    let known: BTreeSet<_> = fields(&known).collect();
    let is_there = |(name, id): &(&str, &str)| world.ids(tenant, name).contains(*id);
    let there: usize = TYPES.iter().map(|name| world.ids(tenant, name).len()).sum();
    assert_eq!(known.iter().filter(|item| is_there(item)).count(), there, "something that is there is not known");
    let gone: BTreeSet<_> = known.into_iter().filter(|item| !is_there(item)).collect();
    assert_eq!(fields(&missing).collect::<BTreeSet<_>>(), gone);
}

/// Rows of two fields.
fn fields(rows: &str) -> impl Iterator<Item = (&str, &str)> {
    rows.lines().map(|row| row.split_once('|').expect("two fields"))
}
