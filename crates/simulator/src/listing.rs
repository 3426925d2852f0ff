//! The envelope of a page: context, count, next link, objects.

use lastseen_contracts::PathContract;
use serde_json::{Value, json};

use crate::fault::{FaultAction, RejectedObject};
use crate::kinds::segment;
use crate::page::Page;
use crate::query::{PageToken, Query};

/// The next link of a page, if it has one. `prefix` is origin and version, `below` the path behind them and `asked_query` the query
/// as they stood in the request.
pub(crate) fn next_link(
    prefix: &str,
    below: &str,
    asked_query: &str,
    path: &PathContract,
    query: &Query,
    page: &Page,
    action: Option<&FaultAction>,
) -> Option<String> {
    let origin = prefix.strip_suffix(path.api_version.as_str()).unwrap_or(prefix).trim_end_matches('/');
    let link = |prefix: &str, at: u64| {
        let token = PageToken { page: query.page.page.saturating_add(1), at };
        format!("{prefix}{below}?{}", query.link(token))
    };
    match action {
        Some(FaultAction::Loop) if asked_query.is_empty() => Some(format!("{prefix}{below}")),
        Some(FaultAction::Loop) => Some(format!("{prefix}{below}?{asked_query}")),
        Some(FaultAction::ForeignNextLink(foreign)) => {
            let foreign = foreign.replace("{origin}", origin);
            let versioned = foreign.ends_with("/v1.0") || foreign.ends_with("/beta");
            let foreign = if versioned { foreign } else { format!("{foreign}/{}", path.api_version.as_str()) };
            Some(link(&foreign, page.next.unwrap_or(u64::MAX)))
        }
        _ => page.next.map(|at| link(prefix, at)),
    }
}

/// The body of a page.
pub(crate) fn envelope(
    prefix: &str,
    path: &PathContract,
    query: &Query,
    next: Option<&str>,
    objects: impl ExactSizeIterator<Item = String>,
    action: Option<&FaultAction>,
) -> String {
    let below = path.path.trim_start_matches('/');
    let mut head = format!("{{\"@odata.context\":{}", Value::from(format!("{prefix}/$metadata#{below}")));
    if segment(&path.path) == "configurationPolicies" && query.select.is_none() {
        head.push_str(",\"@microsoft.graph.tips\":\"This request only returns a subset of the resource's properties. Your app will need to use $select to return non-default properties.\"");
    }
    if matches!(action, Some(FaultAction::NoValue)) {
        return format!("{head}}}");
    }
    // Intune counts the page, not the collection.
    let count = objects.len();
    head.extend([",\"@odata.count\":", count.to_string().as_str()]);
    let next = next.map(|next| format!(",\"@odata.nextLink\":{}", Value::from(next))).unwrap_or_default();
    let rejected = match action {
        Some(FaultAction::RejectedObject(kind)) => Some(rejected(*kind).to_string()),
        _ => None,
    };
    let values: Vec<String> = rejected.into_iter().chain(objects).collect();
    let values = values.join(",");
    // The order of members means nothing in JSON; both orders are seen.
    if query.page.page.is_multiple_of(2) {
        format!("{head},\"value\":[{values}]{next}}}")
    } else {
        format!("{head}{next},\"value\":[{values}]}}")
    }
}

fn rejected(kind: RejectedObject) -> Value {
    match kind {
        RejectedObject::NoId => json!({ "displayName": "no id" }),
        RejectedObject::EmptyId => json!({ "id": "", "displayName": "empty id" }),
        RejectedObject::LongId => json!({ "id": "x".repeat(600), "displayName": "long id" }),
        RejectedObject::NulId => json!({ "id": "nul\0id", "displayName": "nul id" }),
        RejectedObject::NumberId => json!({ "id": 7, "displayName": "number id" }),
        RejectedObject::Null => Value::Null,
        RejectedObject::Text => "not an object".into(),
    }
}
