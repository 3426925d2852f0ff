//! What stands above every tenant: the registry's mirror.

use lastseen_store::{RegistryType, Result};

use crate::PostgresStore;
use crate::error::of_statement;

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
