//! What stands above every tenant: the registry's mirror.

use lastseen_store::{RegistryType, Result};

use crate::SqliteStore;
use crate::error::of_statement;

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
