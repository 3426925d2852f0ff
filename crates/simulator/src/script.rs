//! Fault scripts: a list of faults as TOML or JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use lastseen_model::TenantId;
use serde::Deserialize;

use crate::fault::{Fault, FaultAction, FaultBody, RejectedObject};
use crate::graph_error::NamedError;

/// A fault script.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultScript {
    /// Its faults, in order.
    pub faults: Vec<Fault>,
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Not TOML or JSON, an unknown field, or a value of the wrong kind.
    #[error("the fault script can't be read: {0}")]
    Syntax(String),
    /// A field that is missing, out of place or out of range.
    #[error("fault {number}: `{field}` {problem}")]
    Field {
        /// Which fault, from 1.
        number: usize,
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    fault: Vec<RawFault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    tenant: Option<TenantId>,
    path: Option<String>,
    page: Option<u32>,
    times: Option<u32>,
    #[serde(default)]
    skip: u32,
    action: RawAction,
    status: Option<u16>,
    headers: Option<BTreeMap<String, String>>,
    text: Option<String>,
    error: Option<NamedError>,
    retry_after: Option<String>,
    bytes: Option<u64>,
    link: Option<String>,
    object: Option<RejectedObject>,
    milliseconds: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawAction {
    Status,
    Truncate,
    Reset,
    Hang,
    Garbage,
    InvalidJson,
    NoValue,
    Deep,
    Huge,
    Loop,
    ForeignNextLink,
    DuplicatePage,
    Shift,
    Hide,
    EmptyPage,
    RejectedObject,
    NextLinkOnLast,
    Unauthorized,
    Slow,
}

impl FaultScript {
    /// Reads a script: JSON when it begins with `{`, else TOML.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let raw: RawScript = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| ScriptError::Syntax(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| ScriptError::Syntax(error.to_string()))?
        };
        let faults = raw.fault.into_iter().enumerate().map(|(index, raw)| raw.into_fault(index + 1)).collect::<Result<_, _>>()?;
        Ok(Self { faults })
    }
}

impl RawFault {
    fn into_fault(self, number: usize) -> Result<Fault, ScriptError> {
        let wrong = |field, problem: &str| ScriptError::Field { number, field, problem: problem.to_owned() };
        self.check_fields(number)?;
        if self.page == Some(0) {
            return Err(wrong("page", "counts from 1"));
        }
        if self.times == Some(0) {
            return Err(wrong("times", "must be at least 1; leave it out for a fault that stays"));
        }
        if self.path.as_deref().is_some_and(|path| path != crate::fault::TOKEN && !path.starts_with('/')) {
            return Err(wrong("path", "must be `token` or begin with `/`, without the version prefix"));
        }
        let action = match self.action {
            RawAction::Status => self.status_action(number)?,
            RawAction::Truncate => FaultAction::Truncate,
            RawAction::Reset => FaultAction::Reset,
            RawAction::Hang => FaultAction::Hang,
            RawAction::Garbage => FaultAction::Garbage,
            RawAction::InvalidJson => FaultAction::InvalidJson,
            RawAction::NoValue => FaultAction::NoValue,
            RawAction::Deep => FaultAction::Deep,
            RawAction::Huge => FaultAction::Huge { bytes: self.bytes.ok_or_else(|| wrong("bytes", "is missing"))? },
            RawAction::Loop => FaultAction::Loop,
            RawAction::ForeignNextLink => FaultAction::ForeignNextLink(self.link.ok_or_else(|| wrong("link", "is missing"))?),
            RawAction::DuplicatePage => FaultAction::DuplicatePage,
            RawAction::Shift => FaultAction::Shift,
            RawAction::Hide => FaultAction::Hide,
            RawAction::EmptyPage => FaultAction::EmptyPage,
            RawAction::RejectedObject => FaultAction::RejectedObject(self.object.ok_or_else(|| wrong("object", "is missing"))?),
            RawAction::NextLinkOnLast => FaultAction::NextLinkOnLast,
            RawAction::Unauthorized => FaultAction::Unauthorized,
            RawAction::Slow => {
                FaultAction::Slow(Duration::from_millis(self.milliseconds.ok_or_else(|| wrong("milliseconds", "is missing"))?))
            }
        };
        Ok(Fault { tenant: self.tenant, path: self.path, page: self.page, times: self.times, skip: self.skip, action })
    }

    /// Refuses fields that the action has no use for: they are mistakes that would otherwise pass in silence.
    fn check_fields(&self, number: usize) -> Result<(), ScriptError> {
        let fields = [
            ("status", self.status.is_some(), RawAction::Status),
            ("headers", self.headers.is_some(), RawAction::Status),
            ("text", self.text.is_some(), RawAction::Status),
            ("error", self.error.is_some(), RawAction::Status),
            ("retry_after", self.retry_after.is_some(), RawAction::Status),
            ("bytes", self.bytes.is_some(), RawAction::Huge),
            ("link", self.link.is_some(), RawAction::ForeignNextLink),
            ("object", self.object.is_some(), RawAction::RejectedObject),
            ("milliseconds", self.milliseconds.is_some(), RawAction::Slow),
        ];
        match fields.iter().find(|(_, given, action)| *given && *action != self.action) {
            Some((field, ..)) => Err(ScriptError::Field { number, field, problem: "has no meaning for this action".to_owned() }),
            None => Ok(()),
        }
    }

    fn status_action(&self, number: usize) -> Result<FaultAction, ScriptError> {
        let wrong = |field, problem: &str| ScriptError::Field { number, field, problem: problem.to_owned() };
        let body = match (&self.text, self.error) {
            (Some(_), Some(_)) => return Err(wrong("text", "and `error` exclude each other")),
            (Some(text), None) => FaultBody::Text(text.clone()),
            (None, Some(error)) => FaultBody::Named(error),
            (None, None) => FaultBody::Text(String::new()),
        };
        let status = match (self.status, self.error) {
            (Some(status), _) => status,
            (None, Some(error)) => error.status(),
            (None, None) => return Err(wrong("status", "is missing (a named `error` brings its own)")),
        };
        if !(200..=599).contains(&status) {
            return Err(wrong("status", "must be from 200 to 599"));
        }
        let mut headers: Vec<(String, String)> = self.headers.clone().unwrap_or_default().into_iter().collect();
        headers.extend(self.retry_after.clone().map(|value| ("Retry-After".to_owned(), value)));
        for (name, value) in &headers {
            if http::HeaderName::try_from(name).is_err() || http::HeaderValue::try_from(value).is_err() {
                return Err(wrong("headers", &format!("holds {name:?}, which is no header that can be sent")));
            }
        }
        Ok(FaultAction::Status { status, headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_the_same_from_toml_and_from_json() {
        let toml = r#"
            [[fault]]
            path = "/deviceManagement/deviceConfigurations"
            page = 2
            times = 1
            action = "status"
            error = "throttled"
            retry_after = "30,120"

            [[fault]]
            path = "token"
            action = "reset"
        "#;
        let json = r#"{"fault": [
            {"path": "/deviceManagement/deviceConfigurations", "page": 2, "times": 1, "action": "status", "error": "throttled", "retry_after": "30,120"},
            {"path": "token", "action": "reset"}
        ]}"#;
        let script = FaultScript::parse(toml).expect("toml");
        assert_eq!(script, FaultScript::parse(json).expect("json"));
        let throttled = FaultAction::throttled(Some("30,120"));
        assert_eq!(
            script.faults,
            [
                Fault::always(throttled).on("/deviceManagement/deviceConfigurations").page(2).times(1),
                Fault::always(FaultAction::Reset).on("token"),
            ]
        );
    }

    #[test]
    fn every_action_can_be_written() {
        let script = r#"{"fault": [
            {"action": "status", "status": 418, "text": "no", "headers": {"X-A": "b"}}, {"action": "truncate"}, {"action": "reset"},
            {"action": "hang"}, {"action": "garbage"}, {"action": "invalid_json"}, {"action": "no_value"}, {"action": "deep"},
            {"action": "huge", "bytes": 9}, {"action": "loop"}, {"action": "foreign_next_link", "link": "https://a.example/beta"},
            {"action": "duplicate_page"}, {"action": "shift"}, {"action": "hide"}, {"action": "empty_page"},
            {"action": "rejected_object", "object": "long_id"}, {"action": "next_link_on_last"}, {"action": "unauthorized"},
            {"action": "slow", "milliseconds": 3}
        ]}"#;
        assert_eq!(FaultScript::parse(script).expect("all actions").faults.len(), 19);
    }

    #[test]
    fn a_mistake_is_refused_and_its_field_named() {
        let refused = [
            (r#"{"fault": [{"action": "reset", "bytes": 3}]}"#, "fault 1: `bytes`"),
            (r#"{"fault": [{"action": "reset"}, {"action": "huge"}]}"#, "fault 2: `bytes`"),
            (r#"{"fault": [{"action": "status"}]}"#, "`status`"),
            (r#"{"fault": [{"action": "status", "status": 99}]}"#, "`status`"),
            (r#"{"fault": [{"action": "status", "error": "internal", "text": "x"}]}"#, "`text`"),
            (r#"{"fault": [{"action": "status", "status": 500, "headers": {"a b": "c"}}]}"#, "`headers`"),
            (r#"{"fault": [{"action": "reset", "page": 0}]}"#, "`page`"),
            (r#"{"fault": [{"action": "reset", "times": 0}]}"#, "`times`"),
            (r#"{"fault": [{"action": "reset", "path": "deviceManagement"}]}"#, "`path`"),
            (r#"{"fault": [{"action": "explode"}]}"#, "explode"),
            (r#"{"fault": [{"action": "reset", "tiems": 1}]}"#, "tiems"),
            ("[[fault]]\naction = \"reset\"\ntenant = \"contoso.com\"", "tenant"),
        ];
        for (script, named) in refused {
            let error = FaultScript::parse(script).expect_err(script).to_string();
            assert!(error.contains(named), "{script}: {error}");
        }
    }
}
