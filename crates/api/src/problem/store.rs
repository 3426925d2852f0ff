//! What a caller is told of a verb that could not do its work. The driver's words go to the log and nowhere else.

use lastseen_store::StoreError;

use super::{Code, Problem};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) | StoreError::NotWritable(_) => Code::Unavailable,
            StoreError::TooLong(_) => Code::TooLong,
            StoreError::TenantRemoved => return Problem::new(Code::TenantRemoved).next("bring it back: PUT it"),
            // Every other one is a bug of ours, or of who set the database up: the caller can do nothing about it.
            _ => Code::Internal,
        };
        if code == Code::Internal {
            tracing::error!(%error, code = %error.code(), "a verb of the store failed");
        } else {
            tracing::warn!(%error, code = %error.code(), "the database did not answer");
        }
        Problem::new(code)
    }
}
