//! What a refused sign-in means, and the next step, for the kind of credential that was used.

use lastseen_model::{CredentialRef, ErrorContext};

/// What signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Secret,
    Certificate,
    Federated,
    Machine,
}

impl Kind {
    fn of(credential: Option<&CredentialRef>) -> Self {
        match credential {
            None | Some(CredentialRef::Secret(_)) => Self::Secret,
            Some(CredentialRef::Certificate { .. }) => Self::Certificate,
            Some(CredentialRef::Federated(_)) => Self::Federated,
            Some(CredentialRef::ManagedIdentity) => Self::Machine,
        }
    }

    /// What people call it.
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "client secret",
            Self::Certificate => "certificate",
            Self::Federated => "federated assertion",
            Self::Machine => "managed identity",
        }
    }
}

/// What to do where there is no such tenant.
const NO_SUCH_TENANT: &str = "check the tenant's GUID, and that its cloud is named (LASTSEEN_CLOUD, or lastseen tenant add --cloud); a mistyped one is taken out with `lastseen tenant purge`";

/// Entra's numbers, what each means, and the next step where it is the same for every kind of credential.
const AADSTS: &[(u32, &str, &str)] = &[
    (65_001, "the app has not been consented to in this tenant", "let an administrator of the tenant consent to it"),
    (
        650_051,
        "the consent is half done: the tenant already has an entry for this app that is in its way",
        "let an administrator of the tenant remove the app's entry from its enterprise applications, then consent again",
    ),
    (90_002, "there is no such tenant", NO_SUCH_TENANT),
    (900_023, "there is no such tenant", NO_SUCH_TENANT),
    (5_000_224, "the tenant was closed", "leave it out"),
    (53_003, "a conditional access policy blocks the sign-in", "exclude the app from the policy, or run from a place it allows"),
    (
        900_382,
        "the tenant is in another cloud than the app registration",
        "name the tenant's cloud (LASTSEEN_CLOUD), and sign in with an app registration of that cloud",
    ),
    (7_000_215, "the client secret is wrong", "use the secret's value, not its id; make a new one if it is lost"),
    (7_000_222, "the client secret has expired", "make a new secret in the app registration, and put it where the credential is kept"),
    (
        700_027,
        "the certificate is not the app registration's, or its signature was refused",
        "upload the certificate (without its key) to the app registration, and see that this machine's clock is right",
    ),
    (
        700_024,
        "the assertion's time is over or has not begun",
        "see that this machine's clock is right and that the file with the assertion is being renewed",
    ),
    (
        700_211,
        "no federated credential of the app registration is for this issuer",
        "compare the assertion's `iss` with the issuer of the federated credential, to the letter",
    ),
    (
        700_212,
        "the assertion is for another audience",
        "have it issued for the audience of the cloud, api://AzureADTokenExchange in the global one (docs/configuration.md has the others)",
    ),
    (
        700_213,
        "no federated credential of the app registration is for this subject",
        "compare the assertion's `sub` with the subject of the federated credential, to the letter",
    ),
];

/// What a refused sign-in means, and the next step.
pub(crate) fn sign_in(context: &ErrorContext, credential: Option<&CredentialRef>) -> (String, String) {
    let kind = Kind::of(credential);
    let number = context.aadsts;
    if number == Some(700_016) {
        let next = match kind {
            Kind::Machine => {
                "a managed identity belongs to one tenant: use it for that one, and an app registration for the others".to_owned()
            }
            Kind::Secret | Kind::Certificate | Kind::Federated => {
                "check LASTSEEN_CLIENT_ID; for a customer's tenant, let its administrator consent first".to_owned()
            }
        };
        return ("the tenant does not know this app".to_owned(), next);
    }
    if let Some((_, meaning, next)) = number.and_then(|number| AADSTS.iter().find(|(known, ..)| *known == number)) {
        return ((*meaning).to_owned(), (*next).to_owned());
    }
    let meaning = format!("Entra did not accept this client id and {} for this tenant", kind.name());
    let next = match kind {
        Kind::Secret => "check LASTSEEN_CLIENT_ID, LASTSEEN_CLIENT_SECRET and the tenant's GUID",
        Kind::Certificate => "check LASTSEEN_CLIENT_ID, that the app registration has this certificate, and the tenant's GUID",
        Kind::Federated => "check LASTSEEN_CLIENT_ID, the federated credential of the app registration, and the tenant's GUID",
        Kind::Machine => "check that the identity is assigned to this machine, that it is of this tenant, and the tenant's GUID",
    };
    (meaning, next.to_owned())
}

/// The next step where the credential is not there to be used.
pub(crate) fn unavailable(credential: Option<&CredentialRef>) -> &'static str {
    match Kind::of(credential) {
        Kind::Secret => "see that the variable or the file of the secret is there for the user that runs lastseen",
        Kind::Certificate => "see that the file holds a certificate that has not expired, its key, and that the password fits",
        Kind::Federated => "see that the file holds an assertion and is being renewed",
        Kind::Machine => "run it on an Azure machine that has the identity, and name a user-assigned one with LASTSEEN_CLIENT_ID",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 4] = ["env:LASTSEEN_CLIENT_SECRET", "certificate:/a.pem", "federated:/a", "managed-identity"];

    fn told(number: Option<u32>, credential: &str) -> (String, String) {
        let reference = credential.parse().expect("a reference");
        sign_in(&ErrorContext { aadsts: number, ..ErrorContext::default() }, Some(&reference))
    }

    #[test]
    fn every_number_that_entra_is_known_to_answer_has_a_meaning_and_a_next_step() {
        let general = told(None, KINDS[0]).0;
        for number in [65_001, 700_016, 7_000_215, 7_000_222, 700_027, 90_002, 900_023, 5_000_224, 53_003, 650_051, 900_382] {
            let (meaning, next) = told(Some(number), KINDS[0]);
            assert!(meaning != general && !next.is_empty(), "{number}");
        }
    }

    #[test]
    fn an_unknown_refusal_still_has_a_next_step_that_fits_the_credential() {
        assert!(sign_in(&ErrorContext::default(), None).1.contains("LASTSEEN_CLIENT_SECRET"));
        for (kind, word) in KINDS.into_iter().zip(["secret", "certificate", "federated", "identity"]) {
            let (meaning, next) = told(Some(1), kind);
            assert!(meaning.contains(word) && next.to_lowercase().contains(word), "{kind}: {meaning}; {next}");
            let reference = kind.parse().expect("a reference");
            assert!(!unavailable(Some(&reference)).is_empty());
        }
    }

    #[test]
    fn a_managed_identity_in_a_foreign_tenant_is_told_that_it_has_one_tenant() {
        assert!(told(Some(700_016), "managed-identity").1.contains("one tenant"));
        assert!(told(Some(7_000_222), KINDS[0]).0.contains("expired"));
    }
}
