//! The shape of a data file. What its entries may say beyond their shape is in `check`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::contract::{ApiVersion, Assignments, MatchRule, MetaKind, Paging, PathKind, PlatformRule, Workload};

/// A family of types.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataFile {
    #[serde(default, rename = "path")]
    pub(crate) paths: Vec<PathEntry>,
}

/// `[[path]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathEntry {
    pub(crate) path: String,
    pub(crate) api_version: ApiVersion,
    #[serde(default)]
    pub(crate) kind: PathKind,
    pub(crate) workload: Workload,
    pub(crate) permission: String,
    pub(crate) page_size: Option<u32>,
    #[serde(default)]
    pub(crate) select: bool,
    #[serde(default)]
    pub(crate) assignments: Assignments,
    #[serde(default)]
    pub(crate) paging: Paging,
    #[serde(default)]
    pub(crate) optional_feature: bool,
    pub(crate) evidence: Vec<String>,
    /// What every type of the path keeps.
    #[serde(default)]
    pub(crate) meta: BTreeMap<String, MetaKind>,
    #[serde(default, rename = "type")]
    pub(crate) types: Vec<TypeEntry>,
}

/// `[[path.type]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeEntry {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) category: String,
    /// Why it is listed only when it is named.
    pub(crate) off_unless_named: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) platform: PlatformRule,
    #[serde(rename = "match")]
    pub(crate) matches: Option<MatchRule>,
    /// What this type keeps beyond the path's.
    #[serde(default)]
    pub(crate) meta: BTreeMap<String, MetaKind>,
}

/// Reads a file of entries, or says at which line and entry it can't be read.
pub(crate) fn parse<F: DeserializeOwned>(text: &str) -> Result<F, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("line {line}{}: {}", entry(text, line), error.message())
    })
}

/// The path and type that a line belongs to, as far as they are named up to there.
fn entry(text: &str, line: usize) -> String {
    let (mut path, mut key) = ("", "");
    for line in text.lines().take(line) {
        match line {
            "[[path]]" => (path, key) = ("", ""),
            "[[path.type]]" => key = "",
            _ if line.starts_with("path = ") => path = line,
            _ if line.starts_with("key = ") => key = line,
            _ => {}
        }
    }
    match (path, key) {
        ("", _) => String::new(),
        (path, "") => format!(" ({path})"),
        (path, key) => format!(" ({path}, {key})"),
    }
}
