//! The whole API on a socket, over a database with made-up tenants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lastseen_api::server::{Ended, Listener, Security, ServerSettings, serve};
use lastseen_api::{Api, router};
use lastseen_contracts::{Paging, PathContract, Registry, TypeContract};
use lastseen_engine::{EngineSettings, TokioTimer, new_request_id, token};
use lastseen_model::{
    Ending, ExternalId, Guard, Limits, Observation, OnLimit, PageEnd, PolicyType, Role, Selection, TenantId, Tenants, Trigger, WorkerId,
};
use lastseen_store::{
    ClaimTerms, FinishRun, ListingPage, NewRun, NewToken, PageRecord, RegistryType, ScopedType, Start, Store, TenantChange, TenantScope,
    Traffic,
};
use lastseen_store_sqlite::SqliteStore;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::client::soon;

/// As many objects as a page of Graph's has.
const PAGE: usize = 1000;

/// The API, served.
pub(crate) struct Whole {
    pub(crate) address: SocketAddr,
    /// A token that may do everything.
    pub(crate) admin: String,
    pub(crate) store: Arc<dyn Store>,
    stop: CancellationToken,
    serving: JoinHandle<Ended>,
    _folder: TempDir,
}

impl Whole {
    /// With a database that knows the registry and no tenant.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("lastseen.db")).await.expect("a database"));
        let row = |(path, known): (&PathContract, &TypeContract)| RegistryType {
            policy_type: known.policy_type.clone(),
            category: known.category.clone(),
            display_name: known.name.clone(),
            path: path.path.clone(),
            api_version: path.api_version.as_str().to_owned(),
        };
        store.mirror_registry(&Registry::builtin().types().map(row).collect::<Vec<_>>()).await.expect("the registry");
        let (secret, hash) = token::mint();
        let token = NewToken {
            token_id: lastseen_engine::new_token_id(),
            name: "admin".into(),
            hash,
            role: Role::Admin,
            tenants: Tenants::All,
            expires_in: Duration::from_hours(1),
        };
        store.create_token(&token).await.expect("a token");

        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let api = Api {
            store: Arc::clone(&store),
            engine: EngineSettings::default(),
            oidc: None,
            timer: Arc::new(TokioTimer::new()),
            drain: drain.clone(),
        };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), Security::Loopback).await.expect("bound");
        let address = listener.address().expect("an address");
        let serving = tokio::spawn(serve(vec![listener], router(api), ServerSettings::default(), drain, stop.clone()));
        Self { address, admin: secret.expose_secret().to_owned(), store, stop, serving, _folder: folder }
    }

    /// Makes a tenant known.
    pub(crate) async fn tenant(&self, number: u8) {
        self.store.set_tenant(&scope(number), &TenantChange::default()).await.expect("a tenant");
    }

    /// A run of everything that sees so many objects of each type, but for the first ones.
    pub(crate) async fn sync(&self, number: u8, of_each: usize, but_the_first: usize) {
        let (registry, scope) = (Registry::builtin(), scope(number));
        let types = registry.vocabulary().scope(&Selection::default()).expect("everything");
        let id = new_request_id();
        let run = NewRun {
            run_id: id.try_into().expect("an id"),
            correlation_id: id.try_into().expect("an id"),
            selection: Selection::default(),
            trigger: Trigger::Manual,
            on_limit: OnLimit::Skip,
            start_key: None,
            pending_for: Duration::from_hours(1),
        };
        let terms = ClaimTerms {
            worker: WorkerId::new("worker"),
            lease_for: Duration::from_hours(1),
            pending_for: Duration::from_hours(1),
            limits: Limits::default(),
            guard: Guard::default(),
            types: types.iter().map(|policy_type| scoped(registry, policy_type)).collect(),
        };
        let Start::Claimed(claimed) = self.store.start_run(&scope, &run, &terms).await.expect("a start") else { panic!("not claimed") };
        let seen: Vec<usize> = (but_the_first..of_each).collect();
        let pages: Vec<&[usize]> = if seen.is_empty() { vec![&[]] } else { seen.chunks(PAGE).collect() };
        for path in registry.plan(&types) {
            for (page, numbers) in (1..).zip(&pages) {
                let listing = |place: &usize| {
                    let known = &path.path.types[*place];
                    let observations = numbers.iter().map(|number| observation(known, *number)).collect();
                    ListingPage { policy_type: known.policy_type.clone(), observations }
                };
                let record = PageRecord {
                    page,
                    listings: path.wanted.iter().map(listing).collect(),
                    passed_over: Vec::new(),
                    rejected: 0,
                    end: (usize::try_from(page).expect("a page") == pages.len()).then_some(PageEnd::Complete),
                };
                self.store.record_page(&scope, &claimed.lease, &record).await.expect("a page");
            }
        }
        let finish = FinishRun { ending: Ending::Finished, error: None, traffic: Traffic::default() };
        self.store.finish_run(&scope, &claimed.lease, &finish).await.expect("the run ends");
    }

    /// Ends the server.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        soon(self.serving).await.expect("no panic");
    }
}

pub(crate) fn tenant(number: u8) -> TenantId {
    format!("00000000-0000-4000-8000-0000000000{number:02}").parse().expect("an id")
}

#[expect(clippy::disallowed_methods, reason = "the tests play the part of those who were told which tenant")]
pub(crate) fn scope(number: u8) -> TenantScope {
    TenantScope::assume(tenant(number))
}

/// The id of an object, which no other type's has.
pub(crate) fn external_id(policy_type: &PolicyType, number: usize) -> ExternalId {
    format!("{policy_type}-{number:06}").parse().expect("an id")
}

fn scoped(registry: &Registry, policy_type: &PolicyType) -> ScopedType {
    let (path, known) = registry.find(policy_type).expect("a type");
    ScopedType {
        policy_type: policy_type.clone(),
        contract_hash: known.contract_hash,
        contract_version: known.contract_version,
        pages_by_offset: path.paging == Paging::Offset,
    }
}

fn observation(known: &TypeContract, number: usize) -> Observation {
    let id = external_id(&known.policy_type, number);
    let platform = ["windows", "ios", "android", "macos"][number % 4];
    Observation::new(&known.contract_version, id, Some(&format!("Policy {number}")), Some(platform), &BTreeMap::new(), None)
}
