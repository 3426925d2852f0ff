//! How one collection or object is asked for, by its contract.

use lastseen_contracts::{ApiVersion, Assignments, PARENT_ID, Parent, PathContract, PathKind, Workload};
use lastseen_model::ErrorCode;
use url::Url;

use crate::classify::Asked;
use crate::failure::GraphFailure;
use crate::options::Options;
use crate::session::Session;

/// What is to be known of a contract in order to ask.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    /// Below the version prefix.
    pub(crate) path: String,
    /// What its refusals are remembered under, and its name in the log: the same for the collections of all parents.
    pub(crate) name: String,
    pub(crate) version: ApiVersion,
    pub(crate) workload: Workload,
    /// What the contract wants to ask with.
    pub(crate) wanted: Options,
    kind: PathKind,
    optional_feature: bool,
    /// A page of it or of its parents has come, so the tenant has the feature.
    pub(crate) page_read: bool,
    /// The fields for `$select`, joined.
    select: String,
}

impl Asking {
    /// How a path is asked. Where it has a parent, [`Self::below`] makes a question of it.
    pub(crate) fn of(path: &PathContract) -> Self {
        let select = path.select_fields().join(",");
        let expand = path.assignments == Assignments::Expand;
        Self {
            path: path.path.clone(),
            name: path.path.clone(),
            version: path.api_version,
            workload: path.workload,
            wanted: Options { select: !select.is_empty(), expand, top: path.page_size },
            kind: path.kind,
            optional_feature: path.optional_feature,
            page_read: false,
            select,
        }
    }

    /// How the parents of a path are asked: for their ids.
    pub(crate) fn of_parents(path: &PathContract, parent: &Parent) -> Self {
        Self {
            path: parent.path.clone(),
            // Not the parent's path: what its own listing learns of its `$select` says nothing of this one.
            name: format!("{}/{PARENT_ID}", parent.path),
            wanted: Options { select: parent.select, expand: false, top: parent.page_size },
            kind: PathKind::Collection,
            select: "id".to_owned(),
            ..Self::of(path)
        }
    }

    /// How the collection of one parent is asked. The id is encoded as one segment.
    pub(crate) fn below(&self, parent_id: &str) -> Self {
        Self { path: self.path.replacen(PARENT_ID, parent_id, 1), page_read: true, ..self.clone() }
    }

    /// The address of its first page.
    pub(crate) fn first(&self, session: &Session, options: Options) -> Result<Url, GraphFailure> {
        let mut query = Vec::new();
        if options.select {
            query.push(format!("$select={}", self.select));
        }
        if options.expand {
            query.push("$expand=assignments".to_owned());
        }
        if let Some(size) = options.top {
            query.push(format!("$top={size}"));
        }
        let question = if query.is_empty() { "" } else { "?" };
        let graph = &session.endpoints().graph;
        let url = Url::parse(&format!("{graph}/{}{}{question}{}", self.version.as_str(), self.path, query.join("&")));
        // Only a registry with a malformed path comes here; its own tests are to see that there is none.
        url.map_err(|_| GraphFailure::of(ErrorCode::Internal))
    }

    /// What bears on the judgement of an answer.
    pub(crate) fn asked(&self, session: &Session, options: Options, next_link: bool) -> Asked {
        Asked {
            kind: self.kind,
            depth_cap: session.client().settings.depth_cap,
            optional_feature: self.optional_feature,
            page_read: self.page_read,
            next_link,
            options,
            few: false,
            fresh_token: false,
        }
    }
}
