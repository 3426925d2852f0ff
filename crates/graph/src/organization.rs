//! What a tenant says of itself: who manages its devices. Asked by who examines a tenant, never by a run.

use lastseen_contracts::{ApiVersion, PathContract, PathKind, Workload};
use lastseen_model::ErrorCode;
use serde_json::{Map, Value};
use url::Url;

use crate::asking::Asking;
use crate::classify::Asked;
use crate::failure::GraphFailure;
use crate::options::Options;
use crate::request::{Reply, ask};
use crate::session::Session;

/// The permission that lets an app read it.
pub const ORGANIZATION_PERMISSION: &str = "Organization.Read.All";

/// Who manages the devices of a tenant (`mobileDeviceManagementAuthority`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MdmAuthority {
    /// Intune.
    Intune,
    /// Configuration Manager.
    ConfigurationManager,
    /// The device management that comes with Microsoft 365.
    Microsoft365,
    /// Nobody: it was never set.
    NotSet,
    /// One that this program does not know.
    Other,
}

impl MdmAuthority {
    /// Its name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intune => "intune",
            Self::ConfigurationManager => "configuration_manager",
            Self::Microsoft365 => "microsoft365",
            Self::NotSet => "not_set",
            Self::Other => "other",
        }
    }

    fn read(object: &str) -> Option<Self> {
        let organization: Map<String, Value> = serde_json::from_str(object).ok()?;
        let authority = match organization.get("mobileDeviceManagementAuthority") {
            Some(Value::String(authority)) => authority.as_str(),
            Some(Value::Null) => "unknown",
            Some(_) => return None,
            // Left out where it is null, but any other object would lack it, too.
            None => {
                ["@odata.context", "id"].iter().any(|name| organization.get(*name).is_some_and(Value::is_string)).then_some("unknown")?
            }
        };
        // The values: learn.microsoft.com, resource type organization, mdmAuthority.
        Some(match authority {
            "intune" => Self::Intune,
            "sccm" => Self::ConfigurationManager,
            "office365" => Self::Microsoft365,
            "unknown" => Self::NotSet,
            _ => Self::Other,
        })
    }
}

/// Asks the tenant who manages its devices. The property comes only when it is selected, and only from v1.0's single object
/// (GraphKit, Organization.GetMdmAuthority).
pub(crate) async fn mdm_authority(session: &Session) -> Result<MdmAuthority, GraphFailure> {
    let graph = &session.endpoints().graph;
    let version = ApiVersion::V1.as_str();
    let url = format!("{graph}/{version}/organization/{}?$select=mobileDeviceManagementAuthority", session.tenant_id());
    let url = Url::parse(&url).map_err(|_| GraphFailure::of(ErrorCode::Internal))?;
    let asked = Asked {
        kind: PathKind::Singleton,
        depth_cap: session.client().settings.depth_cap,
        optional_feature: false,
        page_read: false,
        next_link: false,
        options: Options::default(),
        few: true,
        fresh_token: false,
    };
    match ask(session, Workload::Identity, &url, asked).await? {
        Reply::Page(envelope) => {
            envelope.objects().next().and_then(MdmAuthority::read).ok_or_else(|| GraphFailure::of(ErrorCode::GraphInvalidResponse))
        }
        Reply::Fallback(_, failure) | Reply::Restart(failure) => Err(failure),
    }
}

/// Asks for the smallest first page of a path, or of the collection its parents are in, to see whether it answers.
pub(crate) async fn knock(session: &Session, path: &PathContract) -> Result<(), GraphFailure> {
    let asking = match &path.parent {
        None => Asking::of(path),
        Some(parent) => Asking::of_parents(path, parent),
    };
    let top = (path.kind == PathKind::Collection).then_some(1);
    let options = Options { top, expand: false, ..asking.wanted };
    // What refuses the options may refuse everything: only a page is an answer.
    for options in [options, Options::default()] {
        let asked = Asked { few: true, ..asking.asked(session, options, false) };
        match ask(session, asking.workload, &asking.first(session, options)?, asked).await? {
            Reply::Page(_) => return Ok(()),
            Reply::Fallback(..) => session.counters().retry(),
            Reply::Restart(failure) => return Err(failure),
        }
    }
    // Without options there is nothing to fall back from.
    Err(GraphFailure::of(ErrorCode::Internal))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"id":"x","mobileDeviceManagementAuthority":"intune"}"#, Some(MdmAuthority::Intune))]
    #[case(r#"{"mobileDeviceManagementAuthority":"sccm"}"#, Some(MdmAuthority::ConfigurationManager))]
    #[case(r#"{"mobileDeviceManagementAuthority":"office365"}"#, Some(MdmAuthority::Microsoft365))]
    #[case(r#"{"mobileDeviceManagementAuthority":"unknown"}"#, Some(MdmAuthority::NotSet))]
    #[case(r#"{"mobileDeviceManagementAuthority":null}"#, Some(MdmAuthority::NotSet))]
    #[case(r#"{"id":"x"}"#, Some(MdmAuthority::NotSet))]
    #[case(r#"{"mobileDeviceManagementAuthority":"unknownFutureValue"}"#, Some(MdmAuthority::Other))]
    #[case(r#"{"mobileDeviceManagementAuthority":7}"#, None)]
    #[case(r#"{"@odata.context":"x"}"#, Some(MdmAuthority::NotSet))]
    #[case("{}", None)]
    #[case(r#"{"id":null,"value":[]}"#, None)]
    #[case("[]", None)]
    fn who_manages_the_devices_is_one_of_a_closed_set(#[case] object: &str, #[case] authority: Option<MdmAuthority>) {
        assert_eq!(MdmAuthority::read(object), authority);
    }
}
