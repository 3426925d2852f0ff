//! What to do about a code, in plain words.

use lastseen_contracts::Registry;
use lastseen_model::{ErrorCode, ErrorContext, PolicyType};

/// Entra's numbers, what each means, and the next step.
const AADSTS: &[(u32, &str, &str)] = &[
    (65_001, "the app has not been consented to in this tenant", "let an administrator of the tenant consent to it"),
    (
        700_016,
        "the tenant does not know this app",
        "check LASTSEEN_CLIENT_ID; for a customer's tenant, let its administrator consent first",
    ),
    (7_000_215, "the client secret is wrong", "set LASTSEEN_CLIENT_SECRET to the secret's value, not its id; make a new one if it is lost"),
    (7_000_222, "the client secret has expired", "make a new secret in the app registration and set LASTSEEN_CLIENT_SECRET"),
    (700_027, "the certificate's signature was refused", "check that the app registration has this certificate"),
    (90_002, "there is no such tenant", "check the tenant's GUID, and that the authority is that of its cloud"),
    (900_023, "there is no such tenant", "check the tenant's GUID, and that the authority is that of its cloud"),
    (5_000_224, "the tenant was closed", "leave it out"),
    (53_003, "a conditional access policy blocks the sign-in", "exclude the app from the policy, or run from a place it allows"),
    (900_382, "the tenant is in another cloud", "set LASTSEEN_AUTHORITY and LASTSEEN_GRAPH_ENDPOINT to those of its cloud"),
];

/// What a refused sign-in means, and the next step.
pub(crate) fn sign_in(context: &ErrorContext) -> (String, String) {
    let known = context.aadsts.and_then(|number| AADSTS.iter().find(|(known, ..)| *known == number));
    match known {
        Some((_, meaning, next)) => ((*meaning).to_owned(), (*next).to_owned()),
        None => (
            "Entra did not accept this client id and secret for this tenant".to_owned(),
            "check LASTSEEN_CLIENT_ID, LASTSEEN_CLIENT_SECRET and the tenant's GUID".to_owned(),
        ),
    }
}

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

    #[test]
    fn an_unknown_refusal_still_has_a_next_step() {
        assert!(sign_in(&ErrorContext::default()).1.contains("LASTSEEN_CLIENT_ID"));
        assert!(sign_in(&ErrorContext { aadsts: Some(7_000_222), ..ErrorContext::default() }).0.contains("expired"));
    }
}
