//! What stands above a single run: the registry's mirror and the tenants.

use lastseen_store::{RegistryType, Result, TenantRecord, TenantScope};

use crate::PostgresStore;
use crate::error::of_statement;
use crate::rows::Stored;
use crate::transaction::TenantTx;

pub(crate) async fn mirror_registry(store: &PostgresStore, types: &[RegistryType]) -> Result<()> {
    let mut tx = store.fleet().await?;
    // In one order, so that two processes that start together do not wait for each other in a circle.
    let mut types: Vec<&RegistryType> = types.iter().collect();
    types.sort_unstable_by_key(|known| known.policy_type.as_str());
    let column = |value: fn(&RegistryType) -> &str| types.iter().map(|known| value(known).to_owned()).collect::<Vec<_>>();
    sqlx::query!(
        "INSERT INTO policy_types (policy_type, category, display_name, path, api_version)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         ON CONFLICT (policy_type) DO UPDATE SET
             category = excluded.category, display_name = excluded.display_name, path = excluded.path, api_version = excluded.api_version
         -- An unchanged registry writes nothing.
         WHERE (policy_types.category, policy_types.display_name, policy_types.path, policy_types.api_version)
             IS DISTINCT FROM (excluded.category, excluded.display_name, excluded.path, excluded.api_version)",
        &column(|known| known.policy_type.as_str()),
        &column(|known| known.category.as_str()),
        &column(|known| &known.display_name),
        &column(|known| &known.path),
        &column(|known| &known.api_version),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await
}

pub(crate) async fn tenants(store: &PostgresStore) -> Result<Vec<TenantRecord>> {
    let mut tx = store.fleet().await?;
    // Tenants without a name come last: a name is what a person looks for.
    let rows = sqlx::query!("SELECT tenant_id, name FROM tenants ORDER BY name NULLS LAST, tenant_id")
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
    let tenant = Stored { table: "tenants", key: "" };
    rows.into_iter().map(|row| Ok(TenantRecord { tenant_id: tenant.id("tenant_id", row.tenant_id)?, name: row.name })).collect()
}

pub(crate) async fn register_tenant(store: &PostgresStore, scope: &TenantScope, name: Option<&str>) -> Result<()> {
    let mut tx = store.write(scope).await?;
    know_tenant(&mut tx, name).await?;
    tx.commit().await
}

/// Makes the tenant known; a name that is given replaces an older one.
pub(crate) async fn know_tenant(tx: &mut TenantTx, name: Option<&str>) -> Result<()> {
    let (tenant, now) = (tx.tenant, tx.now_sql());
    sqlx::query!(
        "INSERT INTO tenants (tenant_id, name, registered_at) VALUES ($1, $2, $3) ON CONFLICT (tenant_id) DO NOTHING",
        tenant,
        name,
        now as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if name.is_some() {
        sqlx::query!("UPDATE tenants SET name = $2 WHERE tenant_id = $1 AND name IS DISTINCT FROM $2", tenant, name)
            .execute(tx.db())
            .await
            .map_err(of_statement)?;
    }
    Ok(())
}
