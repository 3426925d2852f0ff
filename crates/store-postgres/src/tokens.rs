//! Tokens of the API: made, listed, taken back, and asked for at every request.

use jiff_sqlx::Timestamp as SqlTimestamp;
use lastseen_model::{Tenants, TokenHash, TokenId};
use lastseen_store::{NewToken, Result, StoreError, TOKEN_USE_NOTED_EVERY, TokenRecord, TokenUse};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::{of_row_of_tenant, of_statement};
use crate::lease::{earlier, later};
use crate::rows::{Stored, time};
use crate::transaction::FleetTx;

/// A row of `api_tokens`, and the tenants of the token.
struct TokenRow {
    token_id: Uuid,
    name: String,
    role: String,
    all_tenants: bool,
    tenants: Vec<Uuid>,
    created_at: SqlTimestamp,
    expires_at: SqlTimestamp,
    revoked_at: Option<SqlTimestamp>,
    last_used_at: Option<SqlTimestamp>,
}

impl TryFrom<TokenRow> for TokenRecord {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self> {
        let key = row.token_id.to_string();
        let token = Stored { table: "api_tokens", key: &key };
        Ok(Self {
            token_id: token.id("token_id", row.token_id)?,
            name: row.name,
            role: token.word("role", &row.role)?,
            tenants: token.tenants(row.all_tenants, row.tenants)?,
            created_at: row.created_at.to_jiff(),
            expires_at: row.expires_at.to_jiff(),
            revoked_at: time(row.revoked_at),
            last_used_at: time(row.last_used_at),
        })
    }
}

pub(crate) async fn create_token(store: &PostgresStore, token: &NewToken) -> Result<TokenRecord> {
    let mut tx = store.fleet().await?;
    let (id, now) = (token.token_id.as_uuid(), tx.now);
    sqlx::query!(
        "INSERT INTO api_tokens (token_id, name, token_hash, role, all_tenants, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id,
        token.name,
        token.hash.as_bytes(),
        token.role.as_str(),
        token.tenants == Tenants::All,
        tx.now_sql() as _,
        later(now, token.expires_in) as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    if let Tenants::Some(tenants) = &token.tenants {
        // In their order, so that several that are made at once do not wait for each other in a circle.
        for tenant in tenants {
            sqlx::query!("INSERT INTO api_token_tenants (tenant_id, token_id) VALUES ($1, $2)", tenant.as_uuid(), id)
                .execute(tx.db())
                .await
                .map_err(|error| of_row_of_tenant(error, *tenant))?;
        }
    }
    let record = read_token(&mut tx, token.token_id).await?;
    tx.commit().await?;
    record.ok_or(StoreError::RowsAffected { verb: "create_token", expected: 1, actual: 0 })
}

pub(crate) async fn tokens(store: &PostgresStore) -> Result<Vec<TokenRecord>> {
    let mut tx = store.fleet().await?;
    let rows = sqlx::query_as!(
        TokenRow,
        r#"SELECT token_id, name, role, all_tenants, created_at, expires_at, revoked_at, last_used_at,
                  ARRAY(SELECT x.tenant_id FROM api_token_tenants x WHERE x.token_id = t.token_id) AS "tenants!"
           FROM api_tokens t ORDER BY created_at DESC, token_id DESC"#
    )
    .fetch_all(tx.db())
    .await
    .map_err(of_statement)?;
    rows.into_iter().map(TokenRecord::try_from).collect()
}

async fn read_token(tx: &mut FleetTx, token: TokenId) -> Result<Option<TokenRecord>> {
    let row = sqlx::query_as!(
        TokenRow,
        r#"SELECT token_id, name, role, all_tenants, created_at, expires_at, revoked_at, last_used_at,
                  ARRAY(SELECT x.tenant_id FROM api_token_tenants x WHERE x.token_id = t.token_id) AS "tenants!"
           FROM api_tokens t WHERE token_id = $1"#,
        token.as_uuid(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    row.map(TokenRecord::try_from).transpose()
}

pub(crate) async fn revoke_token(store: &PostgresStore, token: TokenId) -> Result<Option<TokenRecord>> {
    let mut tx = store.fleet().await?;
    let now = tx.now_sql();
    sqlx::query!("UPDATE api_tokens SET revoked_at = $2 WHERE token_id = $1 AND revoked_at IS NULL", token.as_uuid(), now as _)
        .execute(tx.db())
        .await
        .map_err(of_statement)?;
    let record = read_token(&mut tx, token).await?;
    tx.commit().await?;
    Ok(record)
}

/// One read.
pub(crate) async fn use_token(store: &PostgresStore, hash: &TokenHash) -> Result<TokenUse> {
    let mut tx = store.fleet().await?;
    let row = sqlx::query_as!(
        TokenRow,
        r#"SELECT token_id, name, role, all_tenants, created_at, expires_at, revoked_at, last_used_at,
                  ARRAY(SELECT x.tenant_id FROM api_token_tenants x WHERE x.token_id = t.token_id) AS "tenants!"
           FROM api_tokens t WHERE token_hash = $1"#,
        hash.as_bytes(),
    )
    .fetch_optional(tx.db())
    .await
    .map_err(of_statement)?;
    let Some(row) = row else { return Ok(TokenUse::Unknown) };
    Ok(TokenUse::of(row.try_into()?, tx.now))
}

pub(crate) async fn note_token_use(store: &PostgresStore, token: TokenId) -> Result<()> {
    let mut tx = store.fleet().await?;
    let (now, since) = (tx.now_sql(), earlier(tx.now, TOKEN_USE_NOTED_EVERY));
    // Of several that come at once one writes.
    sqlx::query!(
        "UPDATE api_tokens SET last_used_at = $2 WHERE token_id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
        token.as_uuid(),
        now as _,
        since as _,
    )
    .execute(tx.db())
    .await
    .map_err(of_statement)?;
    tx.commit().await
}
