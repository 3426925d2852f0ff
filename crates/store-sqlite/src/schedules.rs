//! Schedules: kept, looked at, and taken on step by step. Listed exceptions to the tenant scope, but for the step: a schedule may be for
//! several tenants, or for all.

use std::collections::{BTreeSet, HashMap};

use lastseen_model::{Guard, ScheduleId, Tenants};
use lastseen_store::{Advance, Advanced, DueSchedule, DueSchedules, NewSchedule, Result, ScheduleRecord, StoreError, TenantScope};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::{of_row_of_tenant, of_statement};
use crate::queue::ask_for;
use crate::reap::reap;
use crate::rows::Stored;
use crate::transaction::{WriteTx, met};

/// A row of `schedules`, its tenants as a JSON array, and when the first of them is due.
struct ScheduleRow {
    schedule_id: String,
    name: String,
    cron: String,
    time_zone: String,
    jitter_secs: i64,
    selection_hash: String,
    selection_payload: String,
    all_tenants: bool,
    tenants: String,
    created_at: i64,
    paused_at: Option<i64>,
    next_due_at: Option<i64>,
}

impl TryFrom<ScheduleRow> for ScheduleRecord {
    type Error = StoreError;

    fn try_from(row: ScheduleRow) -> Result<Self> {
        let schedule = Stored { table: "schedules", key: &row.schedule_id };
        Ok(Self {
            schedule_id: schedule.word("schedule_id", &row.schedule_id)?,
            name: row.name,
            cron: row.cron,
            time_zone: row.time_zone,
            jitter_secs: schedule.number("jitter_secs", row.jitter_secs)?,
            selection_hash: schedule.word("selection_hash", &row.selection_hash)?,
            selection_payload: schedule.json("selection_payload", &row.selection_payload)?,
            tenants: schedule.tenants(row.all_tenants, &row.tenants)?,
            created_at: schedule.time("created_at", row.created_at)?,
            paused_at: schedule.option_time("paused_at", row.paused_at)?,
            next_due_at: schedule.option_time("next_due_at", row.next_due_at)?,
        })
    }
}

pub(crate) async fn add_schedule(store: &SqliteStore, schedule: &NewSchedule) -> Result<ScheduleRecord> {
    let mut tx = store.write().await?;
    let (id, now) = (schedule.schedule_id.to_string(), tx.now);
    let made = sqlx::query!(
        "INSERT INTO schedules (schedule_id, name, cron, time_zone, jitter_secs, selection_hash, selection_payload, all_tenants, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (name) DO NOTHING",
        id,
        schedule.name,
        schedule.cron,
        schedule.time_zone,
        schedule.jitter_secs,
        schedule.selection.hash().to_string(),
        schedule.selection.canonical(),
        schedule.tenants == Tenants::All,
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if made.rows_affected() == 0 {
        return Err(StoreError::NameTaken);
    }
    if let Tenants::Some(tenants) = &schedule.tenants {
        for tenant in tenants {
            sqlx::query!("INSERT INTO schedule_tenants (tenant_id, schedule_id) VALUES (?1, ?2)", tenant.to_string(), id)
                .execute(tx.db())
                .await
                .map_err(|error| of_row_of_tenant(error, *tenant))?;
        }
    }
    let record = read_schedule(tx.db(), schedule.schedule_id).await?;
    tx.commit().await?;
    record.ok_or(StoreError::RowsAffected { verb: "add_schedule", expected: 1, actual: 0 })
}

pub(crate) async fn schedules(store: &SqliteStore) -> Result<Vec<ScheduleRecord>> {
    let mut tx = store.read().await?;
    readable_schedules(tx.db()).await
}

/// All schedules by name. What a newer program selects may have words that this one can't read. It is left to one that can, and stops
/// nobody.
async fn readable_schedules(db: &mut SqliteConnection) -> Result<Vec<ScheduleRecord>> {
    Ok(read_schedules(db, None).await?.into_iter().filter_map(|row| ScheduleRecord::try_from(row).ok()).collect())
}

async fn read_schedule(db: &mut SqliteConnection, schedule: ScheduleId) -> Result<Option<ScheduleRecord>> {
    read_schedules(db, Some(schedule)).await?.pop().map(ScheduleRecord::try_from).transpose()
}

/// This schedule, or all of them by name. A removed tenant is never due.
async fn read_schedules(db: &mut SqliteConnection, only: Option<ScheduleId>) -> Result<Vec<ScheduleRow>> {
    sqlx::query_as!(
        ScheduleRow,
        r#"SELECT s.schedule_id, s.name, s.cron, s.time_zone, s.jitter_secs, s.selection_hash, s.selection_payload,
                  s.all_tenants AS "all_tenants: bool",
                  (SELECT json_group_array(x.tenant_id) FROM schedule_tenants x
                   WHERE x.schedule_id = s.schedule_id AND NOT s.all_tenants) AS "tenants!: String",
                  s.created_at, s.paused_at,
                  (SELECT min(x.next_due_at) FROM schedule_tenants x
                   JOIN tenants t ON t.tenant_id = x.tenant_id AND t.removed_at IS NULL
                   WHERE x.schedule_id = s.schedule_id AND s.paused_at IS NULL) AS "next_due_at?: i64"
           FROM schedules s WHERE ?1 IS NULL OR s.schedule_id = ?1 ORDER BY s.name"#,
        only.map(|schedule| schedule.to_string()),
    )
    .fetch_all(db)
    .await
    .map_err(of_statement)
}

pub(crate) async fn pause_schedule(store: &SqliteStore, schedule: ScheduleId, paused: bool) -> Result<Option<ScheduleRecord>> {
    let mut tx = store.write().await?;
    let Some(known) = read_schedule(tx.db(), schedule).await? else { return Ok(None) };
    let (id, now) = (schedule.to_string(), tx.now);
    if paused == known.paused_at.is_some() {
        return Ok(Some(known));
    }
    let since = paused.then_some(now);
    let done = sqlx::query!("UPDATE schedules SET paused_at = ?2 WHERE schedule_id = ?1", id, since).execute(tx.db()).await;
    met("pause_schedule", 1, done.map_err(of_statement)?.rows_affected())?;
    if !paused {
        // What was due while it rested is not made up for.
        sqlx::query!("UPDATE schedule_tenants SET next_due_at = NULL WHERE schedule_id = ?1", id)
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
    }
    let record = read_schedule(tx.db(), schedule).await?;
    tx.commit().await?;
    Ok(record)
}

pub(crate) async fn remove_schedule(store: &SqliteStore, schedule: ScheduleId) -> Result<bool> {
    let mut tx = store.write().await?;
    let id = schedule.to_string();
    sqlx::query!("DELETE FROM schedule_tenants WHERE schedule_id = ?1", id).execute(tx.db()).await.map_err(of_statement)?;
    let done = sqlx::query!("DELETE FROM schedules WHERE schedule_id = ?1", id).execute(tx.db()).await.map_err(of_statement)?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// A look; the step decides.
pub(crate) async fn due_schedules(store: &SqliteStore, at_most: u32, except: &BTreeSet<ScheduleId>) -> Result<DueSchedules> {
    let now = store.now();
    let mut tx = store.read().await?;
    // What is not readable is not even to fill up what is asked for.
    let readable = readable_schedules(tx.db()).await?.into_iter().filter(|record| !except.contains(&record.schedule_id));
    let known: HashMap<String, ScheduleRecord> = readable.map(|record| (record.schedule_id.to_string(), record)).collect();
    let ids = serde_json::Value::from(known.keys().cloned().collect::<Vec<_>>()).to_string();
    let rows = sqlx::query!(
        r#"SELECT s.schedule_id, d.tenant_id AS "tenant_id!: String", d.next_due_at AS "next_due_at?: i64"
           FROM schedules s
           JOIN (SELECT x.schedule_id, x.tenant_id, x.next_due_at FROM schedule_tenants x
                 WHERE x.next_due_at IS NULL OR x.next_due_at <= ?1
                 UNION ALL
                 -- A schedule for every tenant has no row of a tenant that nobody has reckoned.
                 SELECT a.schedule_id, t.tenant_id, NULL FROM schedules a CROSS JOIN tenants t
                 WHERE a.all_tenants AND NOT EXISTS (
                     SELECT 1 FROM schedule_tenants x WHERE x.tenant_id = t.tenant_id AND x.schedule_id = a.schedule_id)
                ) d ON d.schedule_id = s.schedule_id
           JOIN tenants t ON t.tenant_id = d.tenant_id AND t.removed_at IS NULL
           WHERE s.paused_at IS NULL AND s.schedule_id IN (SELECT value FROM json_each(?2))
           ORDER BY d.next_due_at, s.name, d.tenant_id LIMIT ?3"#,
        now,
        ids,
        at_most,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    let mut due = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(schedule) = known.get(&row.schedule_id) else { continue };
        let stored = Stored { table: "schedule_tenants", key: &row.schedule_id };
        due.push(DueSchedule {
            schedule: schedule.clone(),
            tenant_id: stored.word("tenant_id", &row.tenant_id)?,
            due_at: stored.option_time("next_due_at", row.next_due_at)?,
        });
    }
    Ok(DueSchedules { now: Stored { table: "schedules", key: "" }.time("now", now)?, due })
}

pub(crate) async fn advance_schedule(store: &SqliteStore, scope: &TenantScope, step: &Advance, guard: Guard) -> Result<Advanced> {
    let mut tx = store.write().await?;
    if step.run.is_some() {
        reap(&mut tx).await?;
    }
    let advanced = if goes_on(&mut tx, scope, step).await? {
        match &step.run {
            None => Advanced::Reckoned,
            Some(run) => Advanced::Asked(ask_for(&mut tx, scope, run, guard, None).await?),
        }
    } else {
        Advanced::NotDue
    };
    // Also where the step was not taken: what was reaped stays reaped.
    tx.commit().await?;
    Ok(advanced)
}

/// Takes the step, if it is there to be taken: the tenant is there and not removed, the schedule is there, does not rest and covers the
/// tenant, and its next time is still the one that was seen.
async fn goes_on(tx: &mut WriteTx, scope: &TenantScope, step: &Advance) -> Result<bool> {
    let (tenant, id) = (scope.tenant().to_string(), step.schedule_id.to_string());
    let all_tenants = sqlx::query_scalar!(
        r#"SELECT s.all_tenants AS "all_tenants: bool" FROM schedules s
           JOIN tenants t ON t.tenant_id = ?1 AND t.removed_at IS NULL
           WHERE s.schedule_id = ?2 AND s.paused_at IS NULL"#,
        tenant,
        id,
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let Some(all_tenants) = all_tenants else { return Ok(false) };
    let (from, to) = (step.from.map(lastseen_model::Timestamp::as_microsecond), step.to.as_microsecond());
    let taken = sqlx::query!(
        "UPDATE schedule_tenants SET next_due_at = ?4 WHERE tenant_id = ?1 AND schedule_id = ?2 AND next_due_at IS ?3",
        tenant,
        id,
        from,
        to,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if taken.rows_affected() == 1 {
        return Ok(true);
    }
    if !all_tenants || step.from.is_some() {
        return Ok(false);
    }
    let made = sqlx::query!(
        "INSERT INTO schedule_tenants (tenant_id, schedule_id, next_due_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant_id, schedule_id) DO NOTHING",
        tenant,
        id,
        to,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(made.rows_affected() == 1)
}
