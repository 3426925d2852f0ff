//! What a tenant says of itself.

use http::StatusCode;
use lastseen_model::TenantId;
use serde_json::json;

use crate::answer::Answer;
use crate::server::Shared;

/// Where it says so; its id follows.
pub(crate) const ADDRESS: &str = "/v1.0/organization/";

/// The permission to ask.
const PERMISSION: &str = "Organization.Read.All";

/// Answers who asks as `tenant` about the organization that is named.
pub(crate) fn answer(shared: &Shared, tenant: TenantId, named: &str, query: &str, request_id: &str) -> Answer {
    let state = shared.world.lock();
    match state.tenant(tenant) {
        Some(known) if !known.granted_also.contains(PERMISSION) => {
            let message = "Insufficient privileges to complete the operation.";
            Answer::error(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message, request_id)
        }
        Some(known) if named == tenant.to_string() && query == "$select=mobileDeviceManagementAuthority" => {
            let context = format!("{}/v1.0/$metadata#organization(mobileDeviceManagementAuthority)/$entity", shared.origin);
            let authority = &known.mdm_authority;
            Answer::json(StatusCode::OK, &json!({ "@odata.context": context, "mobileDeviceManagementAuthority": authority }))
        }
        _ => Answer::error(StatusCode::NOT_FOUND, "Request_ResourceNotFound", "Resource does not exist.", request_id),
    }
}
