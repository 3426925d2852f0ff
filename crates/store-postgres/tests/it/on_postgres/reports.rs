//! The roles for reports, made by the very SQL that `docs/operations.md` tells people to run.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::walls::{FLEET_DATA, TABLES, TENANT_DATA, count, execute, two_tenants};
use crate::support::{Database, runtime};

const PAGE: &str = include_str!("../../../../../docs/operations.md");
/// The tenant that the page speaks of.
const ON_THE_PAGE: &str = "1f468022-1664-4160-bbdd-6ac2a9dbb066";
const OWN: &str = "11111111-1111-1111-1111-111111111111";
const OTHER: &str = "22222222-2222-2222-2222-222222222222";
/// What no report shows.
const SERVICE: [&str; 4] = ["api_tokens", "api_token_tenants", "schedules", "schedule_tenants"];

/// The pieces of SQL between a heading of the page and the next one.
fn sql_under(heading: &str) -> Vec<&'static str> {
    let (_, after) = PAGE.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("the page has no `{heading}`"));
    let section = after.split("\n#").next().unwrap_or(after);
    let pieces: Vec<&str> = section.split("```sql\n").skip(1).filter_map(|piece| piece.split("```").next()).collect();
    assert!(!pieces.is_empty(), "no SQL under `{heading}`");
    pieces
}

/// Runs a piece of the page as superuser, for this database and with roles of its own.
async fn run(database: &Database, sql: &str) {
    let mut sql = sql.replace(ON_THE_PAGE, OWN).replace("DATABASE lastseen", &format!("DATABASE {}", database.name));
    for role in ["report_contoso", "report_all", "lastseen_monitor"] {
        sql = sql.replace(role, &database.role(role));
    }
    database.as_superuser(&sql).await;
}

async fn connect(database: &Database, role: &str) -> PgConnection {
    PgConnection::connect(&database.url(&database.role(role))).await.expect("connects")
}

/// Whoever asks for it may not have it.
async fn is_refused(app: &mut PgConnection, table: &str) -> bool {
    let sql = format!("SELECT count(*) FROM {table}");
    let refused = app.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.err();
    refused.and_then(sqlx::Error::into_database_error).is_some_and(|error| error.code().as_deref() == Some("42501"))
}

#[test]
fn r05_a_role_for_one_tenant_sees_no_other_tenant_no_token_and_no_schedule_whatever_it_sets() {
    runtime().block_on(async {
        let (database, _app) = two_tenants().await;
        for sql in sql_under("### A role that reads one tenant") {
            run(&database, sql).await;
        }
        let role = database.role("report_contoso");
        for granted_since in [false, true] {
            if granted_since {
                // What somebody may do one day, or did by an earlier page.
                database.as_superuser(&format!("GRANT SELECT ON {} TO {role}", SERVICE.join(", "))).await;
            }
            let mut report = connect(&database, "report_contoso").await;
            for (tenant, fleet) in [(None, ""), (Some(OWN), "on"), (Some(OTHER), ""), (Some(OTHER), "on"), (Some(""), "on")] {
                if let Some(tenant) = tenant {
                    execute(&mut report, &format!("SET app.tenant_id = '{tenant}'")).await.expect("anybody may");
                }
                execute(&mut report, &format!("SET app.fleet = '{fleet}'")).await.expect("anybody may");
                let its_own = tenant.is_none_or(|tenant| tenant == OWN);
                for table in TENANT_DATA.iter().chain(&FLEET_DATA).filter(|table| !SERVICE.contains(table)) {
                    let seen = count(&mut report, table).await;
                    let by_fleet = fleet == "on" && ["tenants", "sync_runs", "inventory_sync_runs"].contains(table);
                    assert_eq!(seen, i64::from(its_own || by_fleet), "{table} with {tenant:?} and {fleet:?}");
                    let others = format!("{table} WHERE tenant_id <> '{OWN}'");
                    assert_eq!(count(&mut report, &others).await, 0, "{table} with {tenant:?} and {fleet:?}");
                }
                for table in SERVICE {
                    if granted_since {
                        assert_eq!(count(&mut report, table).await, 0, "{table} with {tenant:?} and {fleet:?}");
                    } else {
                        assert!(is_refused(&mut report, table).await, "{table} with {tenant:?} and {fleet:?}");
                    }
                }
            }
            execute(&mut report, "SET default_transaction_read_only = off").await.expect("anybody may");
            for table in &TENANT_DATA[..TABLES] {
                execute(&mut report, &format!("UPDATE {table} SET tenant_id = tenant_id")).await.expect_err("no right to write");
            }
            report.close().await.expect("closes");
        }
        database.as_superuser(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    });
}

#[test]
fn a_role_for_all_tenants_sees_their_reports_and_no_token_and_no_schedule() {
    runtime().block_on(async {
        let (database, _app) = two_tenants().await;
        let pieces = sql_under("### A role that reads all tenants");
        run(&database, pieces[0]).await;
        let (role, contoso) = (database.role("report_all"), database.role("report_contoso"));
        let mut report = connect(&database, "report_all").await;
        for table in TENANT_DATA.iter().filter(|table| !SERVICE.contains(table)) {
            assert_eq!(count(&mut report, table).await, 2, "{table}");
        }
        // As the page says for those that an earlier edition of it gave too much.
        database.as_superuser(&format!("CREATE ROLE {contoso}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}, {contoso}")).await;
        assert_eq!(count(&mut report, "api_tokens").await, 2, "so it was");
        run(&database, pieces[1]).await;
        for table in SERVICE {
            assert!(is_refused(&mut report, table).await, "{table}");
        }
        report.close().await.expect("closes");
        database.as_superuser(&format!("DROP OWNED BY {role}, {contoso}; DROP ROLE {role}, {contoso}")).await;
    });
}

#[test]
fn a_role_that_watches_sees_runs_and_the_names_of_tenants_and_nothing_else() {
    runtime().block_on(async {
        let (database, _app) = two_tenants().await;
        let pieces = sql_under("## Watching it");
        run(&database, pieces[0]).await;
        let role = database.role("lastseen_monitor");
        let mut monitor = connect(&database, "lastseen_monitor").await;
        for table in TENANT_DATA.iter().chain(&FLEET_DATA) {
            if ["tenants", "sync_runs"].contains(table) {
                assert_eq!(count(&mut monitor, table).await, 2, "{table}");
            } else {
                assert!(is_refused(&mut monitor, table).await, "{table}");
            }
        }
        execute(&mut monitor, pieces[1]).await.expect("its questions can be asked");
        monitor.close().await.expect("closes");
        database.as_superuser(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    });
}
