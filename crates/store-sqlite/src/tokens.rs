//! Tokens of the API: made, listed, taken back, and asked for at every request. Listed exceptions to the tenant scope: a token may be for
//! several tenants, or for all.

use lastseen_model::{Tenants, TokenHash, TokenId};
use lastseen_store::{NewToken, Result, StoreError, TOKEN_USE_NOTED_EVERY, TokenRecord, TokenUse};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::{of_row_of_tenant, of_statement};
use crate::lease::micros;
use crate::rows::Stored;

/// A row of `api_tokens`, and the tenants of the token as a JSON array.
struct TokenRow {
    token_id: String,
    name: String,
    role: String,
    all_tenants: bool,
    tenants: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<TokenRow> for TokenRecord {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self> {
        let token = Stored { table: "api_tokens", key: &row.token_id };
        Ok(Self {
            token_id: token.word("token_id", &row.token_id)?,
            name: row.name,
            role: token.word("role", &row.role)?,
            tenants: token.tenants(row.all_tenants, &row.tenants)?,
            created_at: token.time("created_at", row.created_at)?,
            expires_at: token.time("expires_at", row.expires_at)?,
            revoked_at: token.option_time("revoked_at", row.revoked_at)?,
            last_used_at: token.option_time("last_used_at", row.last_used_at)?,
        })
    }
}

pub(crate) async fn create_token(store: &SqliteStore, token: &NewToken) -> Result<TokenRecord> {
    let mut tx = store.write().await?;
    let (id, now) = (token.token_id.to_string(), tx.now);
    sqlx::query!(
        "INSERT INTO api_tokens (token_id, name, token_hash, role, all_tenants, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        id,
        token.name,
        token.hash.to_string(),
        token.role.as_str(),
        token.tenants == Tenants::All,
        now,
        now.saturating_add(micros(token.expires_in)),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if let Tenants::Some(tenants) = &token.tenants {
        for tenant in tenants {
            sqlx::query!("INSERT INTO api_token_tenants (tenant_id, token_id) VALUES (?1, ?2)", tenant.to_string(), id)
                .execute(tx.db())
                .await
                .map_err(|error| of_row_of_tenant(error, *tenant))?;
        }
    }
    let record = read_token(tx.db(), token.token_id).await?;
    tx.commit().await?;
    record.ok_or(StoreError::RowsAffected { verb: "create_token", expected: 1, actual: 0 })
}

pub(crate) async fn tokens(store: &SqliteStore) -> Result<Vec<TokenRecord>> {
    let mut tx = store.read().await?;
    let rows = sqlx::query_as!(
        TokenRow,
        r#"SELECT token_id, name, role, all_tenants AS "all_tenants: bool", created_at, expires_at, revoked_at, last_used_at,
                  (SELECT json_group_array(x.tenant_id) FROM api_token_tenants x WHERE x.token_id = t.token_id) AS "tenants!: String"
           FROM api_tokens t ORDER BY created_at DESC, token_id DESC"#
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(TokenRecord::try_from).collect()
}

async fn read_token(db: &mut SqliteConnection, token: TokenId) -> Result<Option<TokenRecord>> {
    let row = sqlx::query_as!(
        TokenRow,
        r#"SELECT token_id, name, role, all_tenants AS "all_tenants: bool", created_at, expires_at, revoked_at, last_used_at,
                  (SELECT json_group_array(x.tenant_id) FROM api_token_tenants x WHERE x.token_id = t.token_id) AS "tenants!: String"
           FROM api_tokens t WHERE token_id = ?1"#,
        token.to_string(),
    )
    .fetch_optional(db)
    .await
    .map_err(of_statement)?;
    row.map(TokenRecord::try_from).transpose()
}

pub(crate) async fn revoke_token(store: &SqliteStore, token: TokenId) -> Result<Option<TokenRecord>> {
    let mut tx = store.write().await?;
    let now = tx.now;
    sqlx::query!("UPDATE api_tokens SET revoked_at = ?2 WHERE token_id = ?1 AND revoked_at IS NULL", token.to_string(), now)
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
    let record = read_token(tx.db(), token).await?;
    tx.commit().await?;
    Ok(record)
}

/// One read: the write lock would have requests wait for every page that is stored.
pub(crate) async fn use_token(store: &SqliteStore, hash: &TokenHash) -> Result<TokenUse> {
    let mut tx = store.read().await?;
    let row = sqlx::query_as!(
        TokenRow,
        r#"SELECT token_id, name, role, all_tenants AS "all_tenants: bool", created_at, expires_at, revoked_at, last_used_at,
                  (SELECT json_group_array(x.tenant_id) FROM api_token_tenants x WHERE x.token_id = t.token_id) AS "tenants!: String"
           FROM api_tokens t WHERE token_hash = ?1"#,
        hash.to_string(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let Some(row) = row else { return Ok(TokenUse::Unknown) };
    let now = Stored { table: "api_tokens", key: &row.token_id }.time("now", store.now())?;
    Ok(TokenUse::of(row.try_into()?, now))
}

pub(crate) async fn note_token_use(store: &SqliteStore, token: TokenId) -> Result<()> {
    let mut tx = store.write().await?;
    let now = tx.now;
    // Of several that come at once one writes.
    sqlx::query!(
        "UPDATE api_tokens SET last_used_at = ?2 WHERE token_id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?3)",
        token.to_string(),
        now,
        now.saturating_sub(micros(TOKEN_USE_NOTED_EVERY)),
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await
}
