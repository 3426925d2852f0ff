//! A plain client for the simulator, and the simulators the tests talk to.

use std::time::Duration;

use lastseen_contracts::{PARENT_ID, PathContract, PathKind, Registry, TypeContract};
use lastseen_model::{PolicyType, TenantId};
use lastseen_simulator::{Simulator, SimulatorConfig, SizePlan, TenantPlan};
use serde_json::Value;

/// The type that most tests list, alone on no path.
pub(crate) const TYPE: &str = "settingsCatalogPolicy";

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }
    pub(crate) fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error code").to_owned()
    }
    pub(crate) fn next_link(&self) -> Option<String> {
        self.json().get("@odata.nextLink").map(|link| link.as_str().expect("a text").to_owned())
    }
    pub(crate) fn ids(&self) -> Vec<String> {
        let objects = self.json()["value"].as_array().expect("a value array").clone();
        objects.iter().map(|object| object["id"].as_str().expect("an id").to_owned()).collect()
    }
}

pub(crate) struct Client {
    http: reqwest::Client,
    origin: String,
    pub(crate) token: String,
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "the tests' own client, which keeps to loopback")]
    pub(crate) async fn sign_in(simulator: &Simulator, tenant: TenantId) -> Self {
        let http = reqwest::Client::builder().no_proxy().user_agent("tests/1").build().expect("a client");
        let mut client = Self { http, origin: simulator.origin(), token: String::new() };
        let reply = client.token_request(&tenant.to_string(), &[]).await.expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["access_token"].as_str().expect("a token").clone_into(&mut client.token);
        client
    }

    /// A token request with the right form, but for `changed` fields.
    pub(crate) async fn token_request(&self, tenant: &str, changed: &[(&str, &str)]) -> Result<Reply, reqwest::Error> {
        let config = SimulatorConfig::default();
        let scope = format!("{}/.default", self.origin);
        let mut form = vec![
            ("client_id", config.client_id.as_str()),
            ("client_secret", config.client_secret.as_str()),
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
        ];
        for (name, value) in changed {
            form.retain(|(known, _)| known != name);
            // An empty secret is none.
            if (*name, *value) != ("client_secret", "") {
                form.push((name, value));
            }
        }
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.origin);
        Self::read(self.http.post(url).form(&form)).await
    }

    /// Gets a path with its version prefix, or a whole link.
    pub(crate) async fn try_get(&self, target: &str) -> Result<Reply, reqwest::Error> {
        Self::read(self.request("GET", target)).await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.try_get(target).await.expect("a whole answer")
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> reqwest::RequestBuilder {
        let url = if target.starts_with("http") { target.to_owned() } else { format!("{}{target}", self.origin) };
        self.http.request(method.parse().expect("a method"), url).bearer_auth(&self.token)
    }

    #[expect(clippy::disallowed_methods, reason = "what the simulator sends is bounded by the test")]
    pub(crate) async fn read(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = String::from_utf8(response.bytes().await?.to_vec()).expect("UTF-8");
        Ok(Reply { status, headers, body })
    }

    /// Follows next links from here to the end; at most 1,000 pages.
    pub(crate) async fn pages(&self, target: &str) -> Vec<Reply> {
        let mut pages = vec![self.get(target).await];
        while let Some(link) = pages.last().and_then(Reply::next_link) {
            assert!(pages.len() < 1_000, "endless");
            pages.push(self.get(&link).await);
        }
        pages
    }

    pub(crate) async fn all_ids(&self, target: &str) -> Vec<String> {
        self.pages(target).await.iter().flat_map(Reply::ids).collect()
    }
}

/// A simulator of one tenant with so many objects of each type, in pages of 10; every request is recorded.
pub(crate) async fn small(size: u32) -> (Simulator, Client, TenantId) {
    let tenant = TenantPlan { sizes: SizePlan::each(size), ..TenantPlan::numbered(1) };
    let id = tenant.tenant_id;
    let config = SimulatorConfig { tenants: vec![tenant], record: true, ..SimulatorConfig::default() };
    let simulator = Simulator::start(config).await.expect("started");
    simulator.world().set_page_limit(Some(10));
    let client = Client::sign_in(&simulator, id).await;
    (simulator, client, id)
}

pub(crate) fn policy_type(key: &str) -> PolicyType {
    key.parse().expect("a key")
}

/// Path and version of a type, as they stand in a URL.
pub(crate) fn target(key: &str) -> String {
    let (path, _) = Registry::builtin().find(&policy_type(key)).expect("a known type");
    format!("/{}{}", path.api_version.as_str(), path.path)
}

/// The path of a type, as a fault names it.
pub(crate) fn fault_path(key: &str) -> String {
    Registry::builtin().find(&policy_type(key)).expect("a known type").0.path.clone()
}

/// The registry's collections, but for those that each object of a parent has: [`children`].
pub(crate) fn collections() -> Vec<&'static PathContract> {
    let paths: Vec<_> =
        Registry::builtin().paths().iter().filter(|path| path.kind == PathKind::Collection && path.parent.is_none()).collect();
    assert!(paths.len() > 20, "the registry is there");
    paths
}

/// The registry's collections that each object of a parent has, with a type of each parent.
pub(crate) fn children() -> Vec<(&'static PathContract, &'static TypeContract)> {
    let registry = Registry::builtin();
    let parent =
        |path: &PathContract| registry.paths().iter().find(|other| Some(&other.path) == path.parent.as_ref().map(|parent| &parent.path));
    registry.paths().iter().filter_map(|path| Some((path, parent(path)?.types.last()?))).collect()
}

/// Where the collections of a path are: one target, or one for each parent that is there.
pub(crate) fn targets(simulator: &Simulator, tenant: TenantId, path: &PathContract) -> Vec<String> {
    let target = format!("/{}{}", path.api_version.as_str(), path.path);
    match children().into_iter().find(|(child, _)| child.path == path.path) {
        None => vec![target],
        Some((_, parent)) => {
            let ids = simulator.world().list(tenant, &parent.policy_type).into_iter().map(|(id, _)| id);
            ids.map(|id| target.replace(PARENT_ID, &id)).collect()
        }
    }
}

/// Waits for something that another task is about to do.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !done() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what} did not happen"));
}
