//! Where and to whom the API answers: the flags over the file.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use lastseen_api::oidc::{Oidc, OidcGrant, OidcSettings};
use lastseen_api::server::{Security, ServerError, Tls, may_listen};
use lastseen_engine::Timer;
use lastseen_model::Tenants;

use super::file::{AllTenants, GrantConfig, OidcConfig, TenantsConfig};
use super::{Config, FILE};
use crate::args::Serve;
use crate::problem::Problem;

/// Where the API listens, unless said otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8480);

/// Where the API listens, checked as far as it can be without listening.
#[derive(Debug)]
pub(crate) struct ApiSettings {
    /// The address.
    pub(crate) address: SocketAddr,
    /// How connections are kept from being read.
    pub(crate) security: Security,
}

impl Config {
    /// The settings of the API, with what the command line says about it.
    pub(crate) fn api_settings(&self, flags: &Serve) -> Result<ApiSettings, Problem> {
        let address = flags.listen.or(self.api.listen).unwrap_or(LISTEN);
        let files = match (flags.tls_certificate.as_deref(), flags.tls_key.as_deref()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            // Of two that contradict each other, none is guessed to be meant.
            _ if flags.plain_http && (self.api.tls_certificate.is_some() || self.api.tls_key.is_some()) => {
                return Err(Problem::usage("--plain-http contradicts api.tls_certificate and api.tls_key of the configuration")
                    .next("leave --plain-http out, or take both keys out of the configuration"));
            }
            _ => self.tls_files()?,
        };
        let tls = files.map(|(certificate, key)| Tls::read(certificate, key)).transpose()?;
        may_listen(address, tls.is_some(), flags.plain_http)?;
        let security = match tls {
            Some(tls) => Security::Tls(tls),
            None if flags.plain_http => Security::PlainHttp,
            None => Security::Loopback,
        };
        Ok(ApiSettings { address, security })
    }

    /// What knows the tokens of the issuer of OpenID Connect, if there is one.
    pub(crate) fn oidc(&self, timer: Arc<dyn Timer>) -> Result<Option<Arc<Oidc>>, Problem> {
        let refused = |error| {
            Problem::usage(format!("[api.oidc]: {error}")).next("docs/configuration.md has every key, and docs/operations.md an example")
        };
        let Some(file) = &self.api.oidc else { return Ok(None) };
        Ok(Some(Arc::new(Oidc::new(oidc(file), timer).map_err(refused)?)))
    }

    fn tls_files(&self) -> Result<Option<(&Path, &Path)>, Problem> {
        match (self.api.tls_certificate.as_deref(), self.api.tls_key.as_deref()) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(Problem::usage("api.tls_certificate is of no use without api.tls_key").next(format!("set both in {FILE}")))
            }
            (None, Some(_)) => {
                Err(Problem::usage("api.tls_key is of no use without api.tls_certificate").next(format!("set both in {FILE}")))
            }
        }
    }
}

fn oidc(file: &OidcConfig) -> OidcSettings {
    let grant = |grant: &GrantConfig| OidcGrant {
        value: grant.value.clone(),
        role: grant.role,
        tenants: match &grant.tenants {
            TenantsConfig::All(AllTenants::All) => Tenants::All,
            TenantsConfig::Some(some) => Tenants::Some(some.clone()),
        },
    };
    let usual = OidcSettings::new(file.issuer.clone(), file.audience.clone(), file.grants.iter().map(grant).collect());
    OidcSettings {
        subject_claim: file.subject_claim.clone().unwrap_or(usual.subject_claim),
        name_claim: file.name_claim.clone().unwrap_or(usual.name_claim),
        roles_claim: file.roles_claim.clone().unwrap_or(usual.roles_claim),
        ..usual
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        let next = match &error {
            // It names the ways out itself.
            ServerError::PlainBeyondLoopback { .. } => return Self::usage(error.to_string()),
            ServerError::Bind { .. } => "name another place with --listen, or end what listens there",
            ServerError::TlsFile { .. } => {
                "give the certificate with its chain and its unencrypted key, as PEM files that this user may read"
            }
        };
        Self::usage(error.to_string()).next(next)
    }
}

#[cfg(test)]
mod tests {
    use lastseen_model::Role;

    use super::*;

    #[test]
    fn an_issuers_grants_are_read_with_the_usual_claims() {
        let file: OidcConfig = toml::from_str(
            "issuer = 'https://login.example/x'\naudience = 'api://lastseen'\nroles_claim = 'groups'\n\
             [[grants]]\nvalue = 'ops'\nrole = 'operator'\ntenants = ['8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10']\n\
             [[grants]]\nvalue = 'all'\nrole = 'reader'\ntenants = 'all'",
        )
        .expect("a configuration");
        let read = oidc(&file);
        assert_eq!((read.subject_claim.as_str(), read.roles_claim.as_str()), ("sub", "groups"));
        let grants: Vec<_> = read.grants.iter().map(|grant| (grant.value.as_str(), grant.role, grant.tenants.clone())).collect();
        let one = Tenants::Some(["8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10".parse().expect("an id")].into());
        assert_eq!(grants, [("ops", Role::Operator, one), ("all", Role::Reader, Tenants::All)]);
    }
}
