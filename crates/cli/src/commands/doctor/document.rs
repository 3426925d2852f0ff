//! What was found, for programs.

use lastseen_engine::{Examination, Expected, NotSignedIn, PathExamined};
use lastseen_graph::{AppRole, ExpandFound, FirstPage, GraphFailure, Probe, SelectFound, SizeFound};
use lastseen_model::ErrorCode;
use serde_json::{Value, json};

use super::findings::{self, Finding};
use crate::app::Tenant;

/// One finding.
pub(super) fn finding(finding: &Finding) -> Value {
    json!({ "check": finding.check, "state": finding.mark.as_str(), "text": finding.text, "next": finding.next, "facts": finding.facts })
}

/// One tenant.
pub(super) fn tenant(tenant: &Tenant, examination: &Examination) -> Value {
    let (code, context) = match &examination.sign_in {
        Ok(_) => (None, None),
        Err(NotSignedIn::Credential(_) | NotSignedIn::Setup(_)) => (Some(ErrorCode::CredentialUnavailable), None),
        Err(NotSignedIn::Refused(failure)) => (Some(failure.code), Some(&failure.context)),
    };
    let signed_in = examination.sign_in.as_ref().ok();
    let roles = signed_in.and_then(|signed_in| signed_in.roles.as_ref());
    json!({
        "tenant_id": examination.tenant_id,
        "name": tenant.name,
        "outlook": examination.outlook().as_str(),
        "findings": findings::of_tenant(tenant, examination).iter().map(finding).collect::<Vec<_>>(),
        "sign_in": {
            "ok": signed_in.is_some(),
            "error_code": code,
            "context": context,
            "expires_in_seconds": signed_in.map(|signed_in| signed_in.expires_in.as_secs()),
            "roles": roles.map(|roles| roles.iter().map(AppRole::as_str).collect::<Vec<_>>()),
        },
        "permissions": examination.permissions.iter().map(|permission| json!({
            "permission": permission.name,
            "granted": permission.granted,
            "policy_types": permission.types,
            "optional": permission.is_optional,
        })).collect::<Vec<_>>(),
        "graph": examination.knocks.iter().map(|knock| json!({
            "workload": knock.workload.as_str(),
            "path": knock.path,
            "answers": knock.answer.is_ok(),
            "error_code": knock.answer.as_ref().err().map(|failure| failure.code),
        })).collect::<Vec<_>>(),
        "mdm_authority": examination.mdm_authority.as_ref().and_then(|answer| answer.as_ref().ok()).map(|authority| authority.as_str()),
        "paths": examination.paths.iter().map(path).collect::<Vec<_>>(),
    })
}

fn path(path: &PathExamined) -> Value {
    let (outcome, code) = match path.expected {
        Expected::Complete => ("complete", None),
        Expected::Unavailable(code) => ("unavailable", Some(code)),
        Expected::Incomplete(code) => ("incomplete", Some(code)),
        Expected::Unknown => ("unknown", None),
    };
    json!({
        "path": path.path,
        "api_version": path.api_version.as_str(),
        "policy_types": path.types,
        "expected_outcome": outcome,
        "error_code": code,
        "probe": path.probe.as_ref().and_then(|probe| probe.as_ref().ok()).and_then(Option::as_ref).map(probe),
    })
}

fn probe(probe: &Probe) -> Value {
    let (select, select_page) = match &probe.select {
        SelectFound::Refused(_) => ("refused", None),
        SelectFound::Differs(page) => ("differs", Some(page)),
        SelectFound::Empty(page) => ("nothing_to_compare", Some(page)),
        SelectFound::Same(page) => ("same", Some(page)),
    };
    let size = |(size, found): &(u32, SizeFound)| {
        let (word, page) = match found {
            SizeFound::Refused(_) => ("refused", None),
            SizeFound::Honoured(page) => ("honoured", Some(page)),
            SizeFound::Ignored(page) => ("ignored", Some(page)),
            SizeFound::Limit(page) => ("limit", Some(page)),
            SizeFound::TooFewToSee(page) => ("too_few_to_see", Some(page)),
        };
        json!({ "page_size": size, "found": word, "page": page.map(first_page) })
    };
    let assignments = probe.expand.as_ref().map(|found| match found {
        ExpandFound::Refused(GraphFailure { code, .. }) => json!({ "found": "refused", "error_code": code }),
        ExpandFound::Page { page, counted, assignments } => {
            json!({ "found": "answered", "page": first_page(page), "objects_counted": counted, "assignments": assignments })
        }
    });
    json!({
        "first_page": first_page(&probe.plain),
        "select": { "found": select, "page": select_page.map(first_page) },
        "assignments": assignments,
        "page_sizes": probe.sizes.iter().map(size).collect::<Vec<_>>(),
        "suggestion": probe.suggestion.as_ref().map(|suggestion| json!({
            "page_size": suggestion.page_size, "select": suggestion.select, "assignments": suggestion.assignments,
        })),
    })
}

fn first_page(page: &FirstPage) -> Value {
    let took = u64::try_from(page.took.as_millis()).unwrap_or(u64::MAX);
    json!({ "objects": page.objects, "more": page.more, "bytes": page.bytes, "took_ms": took })
}
