//! Tokens of the API: who holds one, what it is good for, and until when. The secret itself is nowhere.

use std::time::Duration;

use lastseen_model::{Role, Tenants, Timestamp, TokenHash, TokenId};
use serde::Serialize;

/// How long a [`NewToken::name`] may be, in characters.
pub const TOKEN_NAME_MAX_CHARS: usize = 100;

/// How much later than the last noted use of a token another one is noted: a request is not to cost a write.
pub const TOKEN_USE_NOTED_EVERY: Duration = Duration::from_hours(1);

/// A token to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its id (UUIDv7), made by the caller.
    pub token_id: TokenId,
    /// What it is for, in a person's words; 1 to [`TOKEN_NAME_MAX_CHARS`] characters.
    pub name: String,
    /// What will be known of its secret.
    pub hash: TokenHash,
    /// What its holder may do.
    pub role: Role,
    /// To which tenants. [`crate::StoreError::NoSuchTenant`] where the database does not know one of them.
    pub tenants: Tenants,
    /// How long it is good for, by the database's clock.
    pub expires_in: Duration,
}

/// A token, without its secret and without its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRecord {
    /// Its id.
    pub token_id: TokenId,
    /// What it is for.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// To which tenants. A tenant that was purged is no longer among them.
    pub tenants: Tenants,
    /// When it was made.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub created_at: Timestamp,
    /// When it ends.
    #[serde(serialize_with = "lastseen_model::time::serialize")]
    pub expires_at: Timestamp,
    /// When it was taken back; none while it was not.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the hour; none where it never was.
    #[serde(serialize_with = "lastseen_model::time::serialize_option")]
    pub last_used_at: Option<Timestamp>,
}

impl TokenRecord {
    /// Whether a use at this time is to be noted: the last one that was is [`TOKEN_USE_NOTED_EVERY`] ago, or there is none.
    pub fn use_is_to_be_noted(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|noted| noted.checked_add(TOKEN_USE_NOTED_EVERY).is_ok_and(|next| next <= now))
    }
}

/// What a token is worth that somebody showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenUse {
    /// It holds.
    Valid {
        /// The token.
        token: TokenRecord,
        /// Whether this use is to be noted, with [`crate::Store::note_token_use`].
        to_be_noted: bool,
    },
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// There never was such a token.
    Unknown,
}

impl TokenUse {
    /// What a token is worth at this time of the database's clock. One that was taken back stays so, also when its time is over.
    pub fn of(token: TokenRecord, now: Timestamp) -> Self {
        if token.revoked_at.is_some() {
            Self::Revoked
        } else if token.expires_at <= now {
            Self::Expired
        } else {
            Self::Valid { to_be_noted: token.use_is_to_be_noted(now), token }
        }
    }
}
