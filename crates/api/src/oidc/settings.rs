//! Which issuer is trusted, and what its claims grant.

use lastseen_model::{Role, Tenants};

use super::address::Address;
use super::refusal::OidcSetupError;

/// Whose tokens are accepted, and what they grant.
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// The issuer, exactly as its tokens and its discovery document name it.
    pub issuer: String,
    /// What its tokens must be for.
    pub audience: String,
    /// The claim that says who somebody is, and never changes.
    pub subject_claim: String,
    /// The claim that says how people call them.
    pub name_claim: String,
    /// The claim whose values grant something: a text, or an array of texts.
    pub roles_claim: String,
    /// What each value grants.
    pub grants: Vec<OidcGrant>,
}

/// What one value of the claim grants.
#[derive(Debug, Clone)]
pub struct OidcGrant {
    /// The value, to the letter.
    pub value: String,
    /// What may be done.
    pub role: Role,
    /// To which tenants.
    pub tenants: Tenants,
}

impl OidcSettings {
    /// For an issuer that uses the usual claims: `sub`, `name`, `roles`.
    pub fn new(issuer: String, audience: String, grants: Vec<OidcGrant>) -> Self {
        Self { issuer, audience, subject_claim: "sub".into(), name_claim: "name".into(), roles_claim: "roles".into(), grants }
    }

    pub(super) fn check(&self) -> Result<(), OidcSetupError> {
        Address::issuer(&self.issuer).ok_or(OidcSetupError::Issuer)?;
        let texts = [
            ("audience", &self.audience),
            ("subject_claim", &self.subject_claim),
            ("name_claim", &self.name_claim),
            ("roles_claim", &self.roles_claim),
        ];
        let values = self.grants.iter().map(|grant| ("value", &grant.value));
        if let Some((setting, _)) = texts.into_iter().chain(values).find(|(_, text)| text.trim().is_empty()) {
            return Err(OidcSetupError::Empty { setting });
        }
        if self.grants.is_empty() { Err(OidcSetupError::NoGrant) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> OidcSettings {
        let grant = OidcGrant { value: "readers".into(), role: Role::Reader, tenants: Tenants::All };
        OidcSettings::new("https://issuer.example".into(), "lastseen".into(), vec![grant])
    }

    #[test]
    fn settings_that_would_let_in_nobody_are_refused_by_name() {
        assert_eq!(settings().check(), Ok(()));
        let empty = |setting| Err(OidcSetupError::Empty { setting });
        assert_eq!(OidcSettings { audience: String::new(), ..settings() }.check(), empty("audience"));
        assert_eq!(OidcSettings { subject_claim: " ".into(), ..settings() }.check(), empty("subject_claim"));
        assert_eq!(OidcSettings { roles_claim: String::new(), ..settings() }.check(), empty("roles_claim"));
        assert_eq!(OidcSettings { grants: Vec::new(), ..settings() }.check(), Err(OidcSetupError::NoGrant));
        let mut nothing = settings();
        nothing.grants[0].value.clear();
        assert_eq!(nothing.check(), empty("value"));
        assert_eq!(OidcSettings { issuer: "http://issuer.example".into(), ..settings() }.check(), Err(OidcSetupError::Issuer));
    }
}
