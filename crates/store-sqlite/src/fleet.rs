//! What stands above a single run: the registry's mirror and the tenants.

use lastseen_store::{RegistryType, Result, TenantRecord, TenantScope};

use crate::SqliteStore;
use crate::error::of_statement;
use crate::rows::Stored;
use crate::transaction::WriteTx;

pub(crate) async fn mirror_registry(store: &SqliteStore, types: &[RegistryType]) -> Result<()> {
    let mut tx = store.write().await?;
    for known in types {
        sqlx::query!(
            "INSERT INTO policy_types (policy_type, category, display_name, path, api_version) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (policy_type) DO UPDATE SET
                 category = excluded.category, display_name = excluded.display_name, path = excluded.path,
                 api_version = excluded.api_version
             -- An unchanged registry writes nothing.
             WHERE (category, display_name, path, api_version)
                 IS NOT (excluded.category, excluded.display_name, excluded.path, excluded.api_version)",
            known.policy_type.as_str(),
            known.category.as_str(),
            known.display_name,
            known.path,
            known.api_version,
        )
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
    }
    tx.commit().await
}

pub(crate) async fn tenants(store: &SqliteStore) -> Result<Vec<TenantRecord>> {
    let mut tx = store.read().await?;
    // Tenants without a name come last: a name is what a person looks for.
    let rows = sqlx::query!("SELECT tenant_id, name FROM tenants ORDER BY name IS NULL, name, tenant_id")
        .fetch_all(tx.db())
        .await
        .map_err(of_statement)?;
    rows.into_iter()
        .map(|row| {
            let tenant = Stored { table: "tenants", key: &row.tenant_id };
            Ok(TenantRecord { tenant_id: tenant.word("tenant_id", &row.tenant_id)?, name: row.name })
        })
        .collect()
}

pub(crate) async fn register_tenant(store: &SqliteStore, scope: &TenantScope, name: Option<&str>) -> Result<()> {
    let mut tx = store.write().await?;
    know_tenant(&mut tx, scope, name).await?;
    tx.commit().await
}

/// Makes the tenant known; a name that is given replaces an older one.
pub(crate) async fn know_tenant(tx: &mut WriteTx, scope: &TenantScope, name: Option<&str>) -> Result<()> {
    let (tenant, now) = (scope.tenant().to_string(), tx.now);
    sqlx::query!(
        "INSERT INTO tenants (tenant_id, name, registered_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name WHERE excluded.name IS NOT NULL",
        tenant,
        name,
        now,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    Ok(())
}
