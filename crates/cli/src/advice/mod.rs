//! What to do about a code, in plain words.

mod sign_in;

use lastseen_contracts::Registry;
use lastseen_model::{ErrorCode, PolicyType};

pub(crate) use self::sign_in::{sign_in, unavailable};

/// A few words on a listing that is not complete.
pub(crate) fn listing(code: ErrorCode, policy_type: &PolicyType) -> String {
    let permission = || Registry::builtin().find(policy_type).map_or("the permission", |(path, _)| path.permission.as_str());
    match code {
        ErrorCode::GraphForbidden => format!("forbidden: grant {}, then consent again", permission()),
        ErrorCode::GraphFeatureUnavailable => "not available in this tenant (feature or licence)".to_owned(),
        ErrorCode::GraphThrottled => "throttled: Graph asked to wait longer than allowed; sync again later".to_owned(),
        ErrorCode::GraphUnavailable => "Graph failed on its side; sync again later".to_owned(),
        ErrorCode::GraphTimeout => "no answer in time; sync again later".to_owned(),
        ErrorCode::GraphConnection => "the connection broke; sync again later".to_owned(),
        ErrorCode::ItemRejected => "an object on it could not be identified; the others were kept".to_owned(),
        ErrorCode::StoreUnavailable => "listed, but the database could not be written".to_owned(),
        ErrorCode::Cancelled => "cancelled".to_owned(),
        ErrorCode::WorkerLost => "its worker was lost".to_owned(),
        other => other.meaning().to_owned(),
    }
}

/// One word for how a listing that is not complete ended.
pub(crate) fn word(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::GraphForbidden) => "forbidden",
        Some(ErrorCode::GraphFeatureUnavailable) => "not available",
        Some(ErrorCode::GraphThrottled) => "throttled",
        Some(ErrorCode::GraphTimeout) => "timed out",
        Some(ErrorCode::Cancelled) => "cancelled",
        Some(ErrorCode::WorkerLost) => "worker lost",
        Some(ErrorCode::ItemRejected) => "object rejected",
        Some(_) => "failed",
        None => "not listed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_words_for_a_listing() {
        let policy_type = "deviceConfiguration".parse().expect("key");
        for code in ErrorCode::ALL {
            assert!(!listing(*code, &policy_type).is_empty());
            assert!(!word(Some(*code)).is_empty());
        }
    }
}
