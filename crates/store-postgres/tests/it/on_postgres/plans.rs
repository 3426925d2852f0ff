//! How the database answers the hot questions on a catalogue of 200,000 items: by the index that is there for each.
//!
//! The plans are snapshots, without costs. A difference means that a statement, an index or the planner changed: look whether the
//! question is still answered without reading what it does not need.

use std::fmt::Write;

use lastseen_test_postgres::APP_ROLE;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::support::{Database, runtime};

/// Four tenants with 50,000 items each: a large type, and 24 of 500. Each tenant has two selections with a hundred runs each, of
/// which the last misses 40 items of the large type, and one queued run.
const CATALOGUE: &str = r#"
INSERT INTO policy_types SELECT 'type' || chr(96 + n), 'Category ' || n % 5, 'type', '/path', 'beta' FROM generate_series(1, 25) n;
INSERT INTO tenants SELECT ('00000000-0000-0000-0000-00000000000' || t)::uuid, 'tenant ' || t, now() FROM generate_series(1, 4) t;
INSERT INTO selections SELECT tenant_id, repeat(s, 64), '{"categories":[],"policy_types":[]}', now() FROM tenants, unnest(ARRAY['a', 'b']) s;
INSERT INTO sync_runs (tenant_id, run_id, run_no, selection_hash, selection_payload, scope, status, correlation_id, "trigger", created_at, started_at,
                       finished_at, worker, guard_min_items, guard_percent)
    SELECT q.tenant_id, md5(q.tenant_id::text || q.selection_hash || n)::uuid, n * 100 + ascii(q.selection_hash) % 2, q.selection_hash, '{}', '{}',
           CASE WHEN n % 3 = 0 THEN 'partial' ELSE 'success' END, gen_random_uuid(), 'schedule', now() + n * interval '1 hour',
           now() + n * interval '1 hour', now() + n * interval '1 hour', 'w', 20, 50
    FROM selections q, generate_series(1, 100) n;
INSERT INTO selections SELECT tenant_id, repeat('c', 64), '{"categories":[],"policy_types":[]}', now() FROM tenants;
INSERT INTO sync_runs (tenant_id, run_id, selection_hash, selection_payload, status, correlation_id, "trigger", for_worker, created_at, pending_until,
                       guard_min_items, guard_percent)
    SELECT tenant_id, gen_random_uuid(), repeat('c', 64), '{}', 'pending', gen_random_uuid(), 'schedule', true, now(), now() + interval '1 day', 20, 50
    FROM tenants;
INSERT INTO ordinals SELECT t.tenant_id, p.policy_type, CASE WHEN p.policy_type = 'typea' THEN 38000 ELSE 500 END FROM tenants t, policy_types p;
INSERT INTO catalogue (tenant_id, policy_type, ordinal, external_id, fingerprint, contract_version, display_name, platform, first_seen_at,
                       first_seen_run_id, changed_at, meta_jsonb, search_text)
    SELECT o.tenant_id, o.policy_type, n, o.policy_type || '-' || n, decode(md5(n::text), 'hex'), decode(md5('v'), 'hex'),
           'Policy ' || n, CASE n % 3 WHEN 0 THEN 'windows' WHEN 1 THEN 'ios' END, now(), gen_random_uuid(), now(),
           jsonb_build_object('version', n % 9, 'note', repeat('x', 300)), 'policy ' || n
    FROM ordinals o, generate_series(0, o.next_ordinal - 1) n;
INSERT INTO listings (tenant_id, run_id, policy_type, run_no, selection_hash, position, contract_hash, contract_version, pages_by_offset,
                      known_before, items_observed, items_unseen, outcome, error_code, started_at, ended_at, pages, last_no, last_page_at, observed)
    SELECT r.tenant_id, r.run_id, o.policy_type, r.run_no, r.selection_hash, row_number() OVER (PARTITION BY r.run_id) - 1, decode(md5('c'), 'hex'),
           decode(md5('v'), 'hex'), false, o.next_ordinal, o.next_ordinal, 0,
           CASE WHEN r.status = 'partial' AND o.policy_type = 'typeb' THEN 'incomplete' ELSE 'complete' END,
           CASE WHEN r.status = 'partial' AND o.policy_type = 'typeb' THEN 'graph_throttled' END,
           r.started_at, r.started_at, 1, r.run_no + 2, r.started_at,
           decode(repeat('ff', o.next_ordinal / 8 - CASE WHEN r.run_no >= 10000 AND o.policy_type = 'typea' THEN 5 ELSE 0 END), 'hex')
    FROM sync_runs r JOIN ordinals o ON o.tenant_id = r.tenant_id WHERE r.run_no IS NOT NULL;
"#;

const TENANT: &str = "'00000000-0000-0000-0000-000000000002'";

/// The last run of the first selection.
const REFERENCE: &str = "md5('00000000-0000-0000-0000-000000000002' || repeat('a', 64) || 100)::uuid";

/// The run before it, which saw what that one misses.
const BEFORE: &str = "md5('00000000-0000-0000-0000-000000000002' || repeat('a', 64) || 99)::uuid";

/// A bitmap of one item.
const GONE: &str = r"'\x0001'";

/// The hot questions, as the program asks them, with what it asks for.
fn questions() -> Vec<(&'static str, &'static str, String)> {
    let ids: Vec<String> = (1..=1_000).map(|n| format!("'typea-{n}'")).collect();
    let ids = format!("ARRAY[{}]", ids.join(", "));
    vec![
        ("page diff", include_str!("../../../src/sql/page_diff.sql"), format!("{TENANT}, 'typea', {ids}")),
        (
            "missing",
            include_str!("../../../src/sql/missing_judge.sql"),
            format!("{TENANT}, ARRAY['typea', 'typeb'], ARRAY[{REFERENCE}, {REFERENCE}], false, NULL, NULL, true, NULL, NULL, 201"),
        ),
        (
            "missing, one item",
            include_str!("../../../src/sql/missing_page.sql"),
            format!("{TENANT}, ARRAY['typea'], ARRAY['typea-37990'], ARRAY[{REFERENCE}], false"),
        ),
        (
            "possible successors",
            include_str!("../../../src/sql/successors.sql"),
            format!(
                "{TENANT}, ARRAY['typea', 'typea'], ARRAY['typea-37990', 'typea-37991'], ARRAY[{BEFORE}, {BEFORE}], ARRAY['Policy 37990', 'Policy 37991']"
            ),
        ),
        (
            "items page",
            include_str!("../../../src/sql/items_page.sql"),
            format!("{TENANT}, ARRAY['typea'], 'typea', '5', NULL, NULL, NULL, 201"),
        ),
        (
            "diff, what was missed",
            include_str!("../../../src/sql/diff_missed.sql"),
            format!("{TENANT}, {REFERENCE}, 'typea', {GONE}, false"),
        ),
        (
            "diff, page",
            include_str!("../../../src/sql/diff_page.sql"),
            format!("{TENANT}, 'typea', ARRAY[37990, 37991, 12], 'typea-1', 201"),
        ),
        ("fleet state", include_str!("../../../src/sql/fleet_state.sql"), "NULL".to_owned()),
        ("claim", include_str!("../../../src/sql/claim.sql"), "8, 2, 16".to_owned()),
        ("last seen", include_str!("../../../src/sql/last_seen.sql"), format!("{TENANT}, 'typea', 'typea-7'")),
    ]
}

async fn execute(connection: &mut PgConnection, sql: String) {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.expect("executes");
}

/// A line of a plan without the values of a long list.
fn without_list(line: &str) -> String {
    match (line.find("'{"), line.rfind("}'")) {
        (Some(begin), Some(end)) if end > begin + 100 => format!("{}'{{...{}", &line[..begin], &line[end..]),
        _ => line.to_owned(),
    }
}

async fn plan(app: &mut PgConnection, sql: &str, values: &str) -> String {
    let mut tx = app.begin().await.expect("begins");
    // Who asks which tenants were removed looks across tenants.
    let fleet = if sql.contains("removed_at") { "on" } else { "" };
    execute(&mut tx, format!("SELECT set_config('app.tenant_id', {TENANT}, true), set_config('app.fleet', '{fleet}', true)")).await;
    execute(&mut tx, format!("PREPARE question AS {sql}")).await;
    let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE question({values})"));
    let lines: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut *tx).await.expect("a plan");
    execute(&mut tx, "DEALLOCATE question".to_owned()).await;
    lines.iter().map(|line| without_list(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_hot_questions_are_answered_by_their_indexes_on_200_000_items() {
    runtime().block_on(async {
        let database = Database::migrated().await;
        database.as_superuser(CATALOGUE).await;
        let mut app = PgConnection::connect(&database.url(APP_ROLE)).await.expect("connects");
        // A tenant's first sync comes before anybody has counted rows: then, too, a page must not read its type once for each of its ids.
        let (name, sql, values) = questions().swap_remove(0);
        let uncounted = plan(&mut app, sql, &values).await;
        assert!(uncounted.contains("ANY") && !uncounted.contains("Nested Loop"), "{name}:\n{uncounted}");
        // Alone, because a vacuum runs in no transaction: it says which pages an index alone can answer for.
        database.as_superuser("VACUUM (ANALYZE)").await;
        let mut plans = String::new();
        for (name, sql, values) in questions() {
            let plan = plan(&mut app, sql, &values).await;
            for table in ["catalogue", "listings", "sync_runs"] {
                assert!(!plan.contains(&format!("Seq Scan on {table}")), "{name} reads all of {table}:\n{plan}");
            }
            writeln!(plans, "== {name}\n{plan}\n").expect("a text takes every line");
        }
        insta::assert_snapshot!("plans", plans);
    });
}
