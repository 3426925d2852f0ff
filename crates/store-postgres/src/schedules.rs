//! Schedules: kept, looked at, and taken on step by step.

use std::collections::{BTreeSet, HashMap};

use jiff_sqlx::Timestamp as SqlTimestamp;
use lastseen_model::{Guard, ScheduleId, Tenants};
use lastseen_store::{Advance, Advanced, DueSchedule, DueSchedules, NewSchedule, Result, ScheduleRecord, StoreError, TenantScope};
use serde_json::Value;
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::{of_row_of_tenant, of_statement};
use crate::queue::ask_for;
use crate::reap::reap_expired;
use crate::rows::{Stored, time};
use crate::tenants::{Held, hold_tenant};
use crate::transaction::{FleetTx, TenantTx, met};

/// A row of `schedules`, its tenants, and when the first of them is due.
struct ScheduleRow {
    schedule_id: Uuid,
    name: String,
    cron: String,
    time_zone: String,
    jitter_secs: i32,
    selection_hash: String,
    selection_payload: Value,
    all_tenants: bool,
    tenants: Vec<Uuid>,
    created_at: SqlTimestamp,
    paused_at: Option<SqlTimestamp>,
    next_due_at: Option<SqlTimestamp>,
}

impl TryFrom<ScheduleRow> for ScheduleRecord {
    type Error = StoreError;

    fn try_from(row: ScheduleRow) -> Result<Self> {
        let key = row.schedule_id.to_string();
        let schedule = Stored { table: "schedules", key: &key };
        Ok(Self {
            schedule_id: schedule.id("schedule_id", row.schedule_id)?,
            name: row.name,
            cron: row.cron,
            time_zone: row.time_zone,
            jitter_secs: schedule.number("jitter_secs", row.jitter_secs)?,
            selection_hash: schedule.word("selection_hash", &row.selection_hash)?,
            selection_payload: schedule.json("selection_payload", row.selection_payload)?,
            tenants: schedule.tenants(row.all_tenants, row.tenants)?,
            created_at: row.created_at.to_jiff(),
            paused_at: time(row.paused_at),
            next_due_at: time(row.next_due_at),
        })
    }
}

pub(crate) async fn add_schedule(store: &PostgresStore, schedule: &NewSchedule) -> Result<ScheduleRecord> {
    let mut tx = store.fleet().await?;
    let (id, now) = (schedule.schedule_id.as_uuid(), tx.now_sql());
    let made = sqlx::query!(
        "INSERT INTO schedules (schedule_id, name, cron, time_zone, jitter_secs, selection_hash, selection_payload, all_tenants, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9)
         ON CONFLICT (name) DO NOTHING",
        id,
        schedule.name,
        schedule.cron,
        schedule.time_zone,
        // What does not fit the column is what its check refuses, too.
        i32::try_from(schedule.jitter_secs).unwrap_or(i32::MAX),
        schedule.selection.hash().to_string(),
        schedule.selection.canonical(),
        schedule.tenants == Tenants::All,
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if made.rows_affected() == 0 {
        return Err(StoreError::NameTaken);
    }
    if let Tenants::Some(tenants) = &schedule.tenants {
        // In their order, so that several that are made at once do not wait for each other in a circle.
        for tenant in tenants {
            sqlx::query!("INSERT INTO schedule_tenants (tenant_id, schedule_id) VALUES ($1, $2)", tenant.as_uuid(), id)
                .execute(tx.db())
                .await
                .map_err(|error| of_row_of_tenant(error, *tenant))?;
        }
    }
    let record = read_schedule(&mut tx, schedule.schedule_id).await?;
    tx.commit().await?;
    record.ok_or(StoreError::RowsAffected { verb: "add_schedule", expected: 1, actual: 0 })
}

pub(crate) async fn schedules(store: &PostgresStore) -> Result<Vec<ScheduleRecord>> {
    let mut tx = store.fleet().await?;
    readable_schedules(&mut tx).await
}

/// All schedules by name. What a newer program selects may have words that this one can't read. It is left to one that can, and stops
/// nobody.
async fn readable_schedules(tx: &mut FleetTx) -> Result<Vec<ScheduleRecord>> {
    Ok(read_schedules(tx, None).await?.into_iter().filter_map(|row| ScheduleRecord::try_from(row).ok()).collect())
}

async fn read_schedule(tx: &mut FleetTx, schedule: ScheduleId) -> Result<Option<ScheduleRecord>> {
    read_schedules(tx, Some(&[schedule.as_uuid()])).await?.pop().map(ScheduleRecord::try_from).transpose()
}

/// These schedules by name, or all of them. A removed tenant is never due.
async fn read_schedules(tx: &mut FleetTx, only: Option<&[Uuid]>) -> Result<Vec<ScheduleRow>> {
    sqlx::query_as!(
        ScheduleRow,
        r#"SELECT s.schedule_id, s.name, s.cron, s.time_zone, s.jitter_secs, s.selection_hash, s.selection_payload, s.all_tenants,
                  ARRAY(SELECT x.tenant_id FROM schedule_tenants x WHERE x.schedule_id = s.schedule_id AND NOT s.all_tenants) AS "tenants!",
                  s.created_at, s.paused_at,
                  -- Along the index to the first that is not removed (the OFFSET keeps the planner from turning that round).
                  (SELECT x.next_due_at FROM schedule_tenants x
                   CROSS JOIN LATERAL (SELECT FROM tenants WHERE tenant_id = x.tenant_id AND removed_at IS NULL OFFSET 0) t
                   WHERE x.schedule_id = s.schedule_id AND s.paused_at IS NULL AND x.next_due_at IS NOT NULL
                   ORDER BY x.next_due_at LIMIT 1) AS next_due_at
           FROM schedules s WHERE $1::uuid[] IS NULL OR s.schedule_id = ANY($1) ORDER BY s.name"#,
        only,
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)
}

/// Locks the schedule, which keeps every step of it waiting; whether it is there, and since when it rests.
async fn hold_alone(tx: &mut FleetTx, schedule: ScheduleId) -> Result<Option<Option<SqlTimestamp>>> {
    let row = sqlx::query!("SELECT paused_at FROM schedules WHERE schedule_id = $1 FOR UPDATE", schedule.as_uuid())
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    Ok(row.map(|row| row.paused_at))
}

pub(crate) async fn pause_schedule(store: &PostgresStore, schedule: ScheduleId, paused: bool) -> Result<Option<ScheduleRecord>> {
    let mut tx = store.fleet().await?;
    let Some(since) = hold_alone(&mut tx, schedule).await? else { return Ok(None) };
    let id = schedule.as_uuid();
    match (paused, since) {
        (true, None) => {
            let now = tx.now_sql();
            let done = sqlx::query!("UPDATE schedules SET paused_at = $2 WHERE schedule_id = $1", id, now as _).execute(tx.db()).await;
            met("pause_schedule", 1, done.map_err(of_statement)?.rows_affected())?;
        }
        (false, Some(_)) => {
            let done = sqlx::query!("UPDATE schedules SET paused_at = NULL WHERE schedule_id = $1", id).execute(tx.db()).await;
            met("pause_schedule", 1, done.map_err(of_statement)?.rows_affected())?;
            // What was due while it rested is not made up for.
            sqlx::query!("UPDATE schedule_tenants SET next_due_at = NULL WHERE schedule_id = $1", id)
                .execute(tx.db())
                .await
                .map_err(of_statement)?;
        }
        (true, Some(_)) | (false, None) => {}
    }
    let record = read_schedule(&mut tx, schedule).await?;
    tx.commit().await?;
    Ok(record)
}

pub(crate) async fn remove_schedule(store: &PostgresStore, schedule: ScheduleId) -> Result<bool> {
    let mut tx = store.fleet().await?;
    if hold_alone(&mut tx, schedule).await?.is_none() {
        return Ok(false);
    }
    let id = schedule.as_uuid();
    sqlx::query!("DELETE FROM schedule_tenants WHERE schedule_id = $1", id).execute(tx.db()).await.map_err(of_statement)?;
    let done = sqlx::query!("DELETE FROM schedules WHERE schedule_id = $1", id).execute(tx.db()).await.map_err(of_statement)?;
    met("remove_schedule", 1, done.rows_affected())?;
    tx.commit().await?;
    Ok(true)
}

/// A look; the step decides.
pub(crate) async fn due_schedules(store: &PostgresStore, at_most: u32, except: &BTreeSet<ScheduleId>) -> Result<DueSchedules> {
    let mut tx = store.fleet().await?;
    // What is not readable is not even to fill up what is asked for.
    let readable = readable_schedules(&mut tx).await?.into_iter().filter(|record| !except.contains(&record.schedule_id));
    let known: HashMap<Uuid, ScheduleRecord> = readable.map(|record| (record.schedule_id.as_uuid(), record)).collect();
    let (now, ids) = (tx.now_sql(), known.keys().copied().collect::<Vec<_>>());
    let rows = sqlx::query_file!("src/sql/due.sql", now as _, &ids, i64::from(at_most)).fetch_all(tx.db()).await.map_err(of_statement)?;
    let due = rows.into_iter().filter_map(|row| {
        let schedule = known.get(&row.schedule_id)?.clone();
        let key = row.schedule_id.to_string();
        let tenant = Stored { table: "schedule_tenants", key: &key }.id("tenant_id", row.tenant_id);
        Some(tenant.map(|tenant_id| DueSchedule { schedule, tenant_id, due_at: time(row.next_due_at) }))
    });
    Ok(DueSchedules { due: due.collect::<Result<_>>()?, now: tx.now })
}

pub(crate) async fn advance_schedule(store: &PostgresStore, scope: &TenantScope, step: &Advance, guard: Guard) -> Result<Advanced> {
    if step.run.is_some() {
        reap_expired(store).await?;
    }
    let mut tx = store.claiming(scope).await?;
    if hold_tenant(&mut tx).await? != Some(Held::Active) || !goes_on(&mut tx, step).await? {
        return Ok(Advanced::NotDue);
    }
    let advanced = match &step.run {
        None => Advanced::Reckoned,
        Some(run) => {
            tx.now_again().await?;
            Advanced::Asked(ask_for(&mut tx, run, guard, None).await?)
        }
    };
    tx.commit().await?;
    Ok(advanced)
}

/// Takes the step, if it is there to be taken: the schedule is there, does not rest and covers the tenant, and its next time is still the
/// one that was seen. Nobody pauses the schedule or takes it away until the transaction ends, and nobody else takes the step.
async fn goes_on(tx: &mut TenantTx, step: &Advance) -> Result<bool> {
    let (tenant, id) = (tx.tenant, step.schedule_id.as_uuid());
    let schedule = sqlx::query!("SELECT all_tenants, paused_at FROM schedules WHERE schedule_id = $1 FOR SHARE", id)
        .fetch_optional(tx.db())
        .await
        .map_err(of_statement)?;
    let Some(schedule) = schedule.filter(|schedule| schedule.paused_at.is_none()) else { return Ok(false) };
    let (from, to): (Option<SqlTimestamp>, SqlTimestamp) = (step.from.map(Into::into), step.to.into());
    let taken = sqlx::query!(
        "UPDATE schedule_tenants SET next_due_at = $4 WHERE tenant_id = $1 AND schedule_id = $2 AND next_due_at IS NOT DISTINCT FROM $3",
        tenant,
        id,
        from as _,
        to as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if taken.rows_affected() == 1 {
        return Ok(true);
    }
    if !schedule.all_tenants || step.from.is_some() {
        return Ok(false);
    }
    let made = sqlx::query!(
        "INSERT INTO schedule_tenants (tenant_id, schedule_id, next_due_at) VALUES ($1, $2, $3) ON CONFLICT (tenant_id, schedule_id) DO NOTHING",
        tenant,
        id,
        to as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(made.rows_affected() == 1)
}
