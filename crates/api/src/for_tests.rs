//! What the tests of the gates stand on: an empty database, and a timer whose waits are over at once or never.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lastseen_engine::{EngineSettings, Timer};
use lastseen_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::Api;
use crate::shared::{App, Shared};

/// How waits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Over at once.
    Over,
    /// Without an end.
    Endless,
}

#[async_trait]
impl Timer for Waits {
    async fn pause(&self, _: Duration) {
        if *self == Self::Endless {
            pending::<()>().await;
        }
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// What requests share. The folder is to be kept for as long.
pub(crate) async fn app(waits: Waits) -> (App, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("a database");
    let (engine, drain) = (EngineSettings::default(), CancellationToken::new());
    let api = Api { store: Arc::new(store), engine, oidc: None, timer: Arc::new(waits), drain };
    (Shared::new(api, String::new()), folder)
}
