//! Bearer tokens of an issuer of OpenID Connect: whose they are, and what that person or program may.
//!
//! The way of a token: what it says of itself (`token`) → the issuer's key for it (`cache`, which fetches by `keys` and keeps a `key_set`) → its signature →
//! its claims → the configured grants (`settings`). Whatever is wrong with one is a word of [`OidcRefusal`] in the log, and the same refusal
//! as any other to whoever sent it.
//!
//! Signatures are checked by `jsonwebtoken`. The claims are checked here, because that library knows no clock but the system's.

mod address;
mod cache;
mod claims;
mod key_set;
mod keys;
mod refusal;
mod settings;
mod token;

use std::sync::Arc;

use lastseen_engine::Timer;

use crate::authority::Authenticated;
use cache::KeyCache;
pub use refusal::{OidcRefusal, OidcSetupError};
pub use settings::{OidcGrant, OidcSettings};

/// Knows the tokens of one issuer. A process has one, for it keeps the issuer's keys.
pub struct Oidc {
    settings: OidcSettings,
    keys: KeyCache,
    timer: Arc<dyn Timer>,
}

impl Oidc {
    /// For the tokens of this issuer. Nothing is asked of it before the first token comes.
    ///
    /// # Errors
    /// Settings that could let in nobody, or the wrong ones.
    pub fn new(settings: OidcSettings, timer: Arc<dyn Timer>) -> Result<Self, OidcSetupError> {
        settings.check()?;
        let keys = KeyCache::new(keys::Source::new(&settings.issuer)?, Arc::clone(&timer));
        Ok(Self { settings, keys, timer })
    }

    /// Who sends this token, and what they may. Whoever has no grant is known all the same, and may do nothing.
    ///
    /// # Errors
    /// What is wrong with the token. It is for the log: a caller is told no more than that they are not known.
    pub async fn authority(&self, bearer: &str) -> Result<Authenticated, OidcRefusal> {
        let judged = self.judge(bearer).await;
        if let Err(refusal) = &judged {
            tracing::debug!(code = refusal.code(), "a token of the issuer is refused");
        }
        judged
    }

    async fn judge(&self, bearer: &str) -> Result<Authenticated, OidcRefusal> {
        let wanted = token::wanted(bearer)?;
        let key = self.keys.key(&wanted).await?;
        let claims = token::verified(bearer, &wanted, &key)?;
        claims::check(&claims, &self.settings, self.timer.time_of_day())?;
        claims::authenticated(&claims, &self.settings)
    }
}
