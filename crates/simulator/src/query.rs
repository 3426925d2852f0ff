//! The query options of a request, and the page token.
//!
//! A page token stands in the next link encoded twice, as the settings catalogue's do (`%255B...`). A client that decodes and
//! rebuilds the link instead of sending it as it is gets 400.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::canary;

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) top: Option<u32>,
    pub(crate) select: Option<Vec<String>>,
    /// `$expand=assignments`, the one thing that can be expanded.
    pub(crate) expand: bool,
    pub(crate) page: PageToken,
}

/// Which page, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageToken {
    /// From 1.
    pub(crate) page: u32,
    /// The position of its first object or, where a path pages by offset, how many objects come before it.
    pub(crate) at: u64,
}

impl Default for PageToken {
    fn default() -> Self {
        Self { page: 1, at: 0 }
    }
}

/// A query that Graph answers with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryProblem {
    Top,
    PageToken,
    UnknownOption,
}

#[derive(Serialize, Deserialize)]
struct TokenText {
    #[serde(flatten)]
    token: PageToken,
    note: String,
}

const MARK: &str = "[simulated]";

impl PageToken {
    /// The token as it stands in a link.
    pub(crate) fn encode(self) -> String {
        let text = TokenText { token: self, note: canary::PAGE_TOKEN.to_owned() };
        let text = serde_json::to_string(&text).unwrap_or_default();
        encode(&encode(&format!("{MARK}{text}")))
    }

    /// Reads a token, which must be byte for byte what [`Self::encode`] gave.
    fn decode(raw: &str) -> Option<Self> {
        let text = decode(&decode(raw));
        let token = serde_json::from_str::<TokenText>(text.strip_prefix(MARK)?).ok()?.token;
        (token.encode() == raw).then_some(token)
    }
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Result<Self, QueryProblem> {
        let mut query = Self::default();
        for option in raw.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match decode(name).as_str() {
                "$top" => query.top = Some(value.parse().ok().filter(|top| *top > 0).ok_or(QueryProblem::Top)?),
                "$select" => query.select = Some(decode(value).split(',').map(|field| field.trim().to_owned()).collect()),
                "$expand" if decode(value) == "assignments" => query.expand = true,
                "$skiptoken" => query.page = PageToken::decode(value).ok_or(QueryProblem::PageToken)?,
                _ => return Err(QueryProblem::UnknownOption),
            }
        }
        Ok(query)
    }

    /// The query of a link to another page of the same listing.
    pub(crate) fn link(&self, page: PageToken) -> String {
        let mut options = Vec::new();
        options.extend(self.select.as_ref().map(|fields| format!("$select={}", encode(&fields.join(",")))));
        options.extend(self.expand.then(|| "$expand=assignments".to_owned()));
        options.extend(self.top.map(|top| format!("$top={top}")));
        options.push(format!("$skiptoken={}", page.encode()));
        options.join("&")
    }
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Decodes one value, which holds neither `&` nor `=` in the open.
fn decode(value: &str) -> String {
    form_urlencoded::parse(value.as_bytes()).next().map(|(text, _)| text.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_is_encoded_twice_and_reads_back_only_as_it_was_given() {
        let token = PageToken { page: 3, at: 4_000 };
        let raw = token.encode();
        assert!(raw.starts_with("%255Bsimulated%255D"), "{raw}");
        assert_eq!(PageToken::decode(&raw), Some(token));
        assert_eq!(PageToken::decode(&decode(&raw)), None);
        assert_eq!(PageToken::decode(&raw.replace("%25", "%2525")), None);
        assert_eq!(PageToken::decode("%255B"), None);
    }

    #[test]
    fn a_link_asks_for_the_same_fields_and_size() {
        let query = Query::parse("$select=id,displayName&$expand=assignments&$top=7").expect("valid");
        let next = Query::parse(&query.link(PageToken { page: 2, at: 7 })).expect("valid");
        assert_eq!(next, Query { page: PageToken { page: 2, at: 7 }, ..query });
        assert_eq!(Query::parse("%24top=7").expect("valid").top, Some(7));
    }

    #[test]
    fn what_graph_would_refuse_is_a_problem() {
        assert_eq!(Query::parse("$top=0"), Err(QueryProblem::Top));
        assert_eq!(Query::parse("$top=many"), Err(QueryProblem::Top));
        assert_eq!(Query::parse("$skiptoken=abc"), Err(QueryProblem::PageToken));
        assert_eq!(Query::parse("$filter=x"), Err(QueryProblem::UnknownOption));
        assert_eq!(Query::parse("$expand=settings"), Err(QueryProblem::UnknownOption));
    }
}
