//! A listing, page by page.

use lastseen_contracts::{ApiVersion, PathContract, PathKind, Workload};
use lastseen_model::{ErrorCode, ErrorContext, PolicyType};
use url::Url;

use crate::classify::Asked;
use crate::envelope::{Envelope, RawPage};
use crate::failure::GraphFailure;
use crate::link::{self, Visited};
use crate::request::{Reply, ask};
use crate::session::Session;

/// The pages of one path. It ends with a last page or with a failure, and after a failure there is only that failure: nothing
/// that follows can look like the end of a whole listing (I2).
pub struct Pages {
    session: Session,
    asking: Asking,
    next: Next,
    /// Pages delivered, over all restarts.
    delivered: u32,
    /// Pages delivered since the listing began or began again.
    in_pass: u32,
    visited: Visited,
    restarts_left: u32,
    /// Whether this listing has fallen back to no `$select`.
    fell_back: bool,
    failed: Option<GraphFailure>,
}

/// What a listing needs to know of its contract.
struct Asking {
    path: String,
    version: ApiVersion,
    kind: PathKind,
    workload: Workload,
    optional_feature: bool,
    /// The fields for `$select`, joined; empty where the path takes none.
    select: String,
    page_size: Option<u32>,
    /// The type that a failure concerns, where it is one.
    policy_type: Option<PolicyType>,
}

/// What is asked for next.
enum Next {
    First,
    Link(Url),
    /// There is a next page, and it must not be asked for.
    Refused(ErrorCode),
    Nothing,
}

impl Pages {
    pub(crate) fn new(session: Session, path: &PathContract, wanted: &[usize]) -> Self {
        let policy_type = match wanted {
            [only] => path.types.get(*only).map(|wanted| wanted.policy_type.clone()),
            _ => None,
        };
        let restarts_left = session.client().settings.restarts;
        Self {
            session,
            asking: Asking {
                path: path.path.clone(),
                version: path.api_version,
                kind: path.kind,
                workload: path.workload,
                optional_feature: path.optional_feature,
                select: path.select_fields().join(","),
                page_size: path.page_size,
                policy_type,
            },
            next: Next::First,
            delivered: 0,
            in_pass: 0,
            visited: Visited::default(),
            restarts_left,
            fell_back: false,
            failed: None,
        }
    }

    /// The next page; nothing after the last one. Dropping the future loses no page: the next call asks for it again.
    ///
    /// # Errors
    /// How the listing failed. Its context names the page that did not come; the next calls give the same failure.
    pub async fn next(&mut self) -> Result<Option<RawPage>, GraphFailure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let session = self.session.clone();
        let outcome = session.unless_cancelled(self.advance()).await;
        outcome.map_err(|mut failure| {
            failure.context.page = Some(self.delivered.saturating_add(1));
            failure.context.policy_type.clone_from(&self.asking.policy_type);
            self.failed = Some(failure.clone());
            failure
        })
    }

    async fn advance(&mut self) -> Result<Option<RawPage>, GraphFailure> {
        loop {
            let (url, select) = match &self.next {
                Next::Nothing => return Ok(None),
                Next::Refused(code) => return Err(GraphFailure { code: *code, context: ErrorContext::default() }),
                Next::Link(url) => (url.clone(), false),
                Next::First => self.first()?,
            };
            let settings = &self.session.client().settings;
            let asked = Asked {
                kind: self.asking.kind,
                depth_cap: settings.depth_cap,
                optional_feature: self.asking.optional_feature,
                next_link: matches!(self.next, Next::Link(_)),
                select,
                fresh_token: false,
            };
            match ask(&self.session, self.asking.workload, &url, asked).await? {
                Reply::Page(envelope) => return Ok(Some(self.adopt(envelope, &url))),
                Reply::WithoutSelect => {
                    self.fell_back = true;
                    self.session.counters().retry();
                    tracing::debug!(path = self.asking.path, "asking again without $select");
                }
                Reply::Restart(failure) => {
                    self.restarts_left = self.restarts_left.checked_sub(1).ok_or(failure)?;
                    self.visited.clear();
                    self.in_pass = 0;
                    self.next = Next::First;
                    tracing::debug!(path = self.asking.path, delivered = self.delivered, "the page token has expired; beginning again");
                }
            }
        }
    }

    /// The address of page one, and whether it has a `$select`.
    fn first(&self) -> Result<(Url, bool), GraphFailure> {
        let Asking { path, version, select, page_size, .. } = &self.asking;
        let with_select = !select.is_empty() && !self.fell_back && self.session.tenant().takes_select(*version, path);
        let mut options = Vec::new();
        if with_select {
            options.push(format!("$select={select}"));
        }
        if let Some(size) = page_size {
            options.push(format!("$top={size}"));
        }
        let question = if options.is_empty() { "" } else { "?" };
        let graph = &self.session.endpoints().graph;
        let url = Url::parse(&format!("{graph}/{}{path}{question}{}", version.as_str(), options.join("&")));
        // Only a registry with a malformed path comes here; its own tests are to see that there is none.
        url.map(|url| (url, with_select)).map_err(|_| GraphFailure::of(ErrorCode::Internal))
    }

    /// Takes over a page that came from `url`.
    fn adopt(&mut self, mut envelope: Envelope, url: &Url) -> RawPage {
        if self.in_pass == 0 {
            self.visited.note(url);
        }
        if self.fell_back {
            // Only now is it sure that `$select` was what the path refused.
            self.session.tenant().refuses_select(self.asking.version, &self.asking.path);
        }
        self.delivered = self.delivered.saturating_add(1);
        self.in_pass = self.in_pass.saturating_add(1);
        self.next = match envelope.next.take() {
            None => Next::Nothing,
            Some(link) => self.follow(&link).map_or_else(Next::Refused, Next::Link),
        };
        let page = envelope.into_page(self.delivered, matches!(self.next, Next::Nothing));
        tracing::debug!(path = self.asking.path, ?page, "page");
        page
    }

    fn follow(&mut self, link: &str) -> Result<Url, ErrorCode> {
        let settings = &self.session.client().settings;
        let url = link::follow(link, &self.session.endpoints().graph, self.asking.version.as_str())?;
        if !self.visited.note(&url) {
            return Err(ErrorCode::GraphPageLoop);
        }
        if self.in_pass >= settings.page_cap { Err(ErrorCode::GraphPageCap) } else { Ok(url) }
    }
}
