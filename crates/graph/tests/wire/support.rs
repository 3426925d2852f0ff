//! A scripted server on a real socket.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use lastseen_contracts::{ApiVersion, Assignments, Paging, PathContract, PathKind, PlatformRule, TypeContract, Workload};
use lastseen_graph::{
    Access, Credential, Endpoints, GraphClient, GraphFailure, GraphSettings, Origin, Pages, Proof, RawPage, Session, Timer,
};
use lastseen_model::{ContractHash, ContractVersion, CorrelationId, TenantId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) use crate::fake_timer::FakeTimer;

pub(crate) const TENANT: &str = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10";
pub(crate) const OTHER_TENANT: &str = "22222222-5a54-4c0e-9d6b-3f1f0f6b7a10";
pub(crate) const CORRELATION: &str = "33333333-5a54-4c0e-9d6b-3f1f0f6b7a10";

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Send(Vec<u8>),
    /// Sends these bytes and closes the connection in good order.
    SendAndClose(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Sends these bytes and then nothing more.
    Hang(Vec<u8>),
}

/// A request as it came over the wire.
#[derive(Clone)]
pub(crate) struct Request {
    /// Which connection it came over, from 0.
    pub(crate) connection: usize,
    /// Request line and headers, to the letter.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().expect("a request line")
    }
    pub(crate) fn target(&self) -> &str {
        self.line().split(' ').nth(1).expect("a target")
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }
}

/// Graph and the token endpoint in one. Graph's answers come from a script; without one of its own the token endpoint gives
/// `token-1`, `token-2` and so on.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What Graph answers to a request.
pub(crate) type Route = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

struct Shared {
    graph: Mutex<VecDeque<Reply>>,
    route: OnceLock<Route>,
    sign_in: Mutex<VecDeque<Reply>>,
    tokens: AtomicUsize,
    requests: watch::Sender<Vec<Request>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared {
            graph: Mutex::default(),
            route: OnceLock::new(),
            sign_in: Mutex::default(),
            tokens: AtomicUsize::new(0),
            requests: watch::Sender::new(Vec::new()),
        });
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                for connection in 0.. {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    tokio::spawn(serve(stream, connection, Arc::clone(&shared)));
                }
            }
        });
        Self { address, shared }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::parse(&format!("http://{}", self.address)).expect("loopback")
    }
    /// The address of something on this server.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }
    /// Adds to what Graph answers.
    pub(crate) fn graph(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.graph.lock().expect("whole").extend(replies);
    }
    /// What Graph answers where the script is at its end.
    pub(crate) fn route(&self, route: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        assert!(self.shared.route.set(Box::new(route)).is_ok(), "once");
    }
    /// Adds to what the token endpoint answers before its tokens.
    pub(crate) fn sign_in(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.sign_in.lock().expect("whole").extend(replies);
    }
    /// Every request until now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.borrow().clone()
    }
    /// The requests to Graph until now.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.requests().into_iter().filter(|request| !is_sign_in(request)).collect()
    }
    /// The requests to the token endpoint until now.
    pub(crate) fn signed_in(&self) -> Vec<Request> {
        self.requests().into_iter().filter(is_sign_in).collect()
    }
    /// Returns when Graph was asked so often.
    pub(crate) async fn until_asked(&self, times: usize) {
        let mut requests = self.shared.requests.subscribe();
        let enough = |requests: &Vec<Request>| requests.iter().filter(|request| !is_sign_in(request)).count() >= times;
        requests.wait_for(enough).await.expect("the server runs");
    }
    /// A page whose next link leads to this place on this server.
    pub(crate) fn page(&self, ids: &[&str], next: Option<&str>) -> Reply {
        page_to(ids, next.map(|target| self.url(target)).as_deref())
    }

    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints { authority: self.origin(), graph: self.origin() }
    }
    /// The way to this server, with a client secret.
    pub(crate) fn access(&self) -> Access {
        self.access_by(credential())
    }
    pub(crate) fn access_by(&self, credential: Credential) -> Access {
        Access { endpoints: self.endpoints(), credential: Arc::new(credential), requests_at_once: None }
    }
    pub(crate) fn client(&self, timer: &Arc<FakeTimer>) -> Client {
        self.client_with(GraphSettings::default(), timer)
    }
    pub(crate) fn client_with(&self, settings: GraphSettings, timer: &Arc<FakeTimer>) -> Client {
        client(settings, self.access(), timer)
    }
    /// A session with default settings.
    pub(crate) fn session(&self, timer: &Arc<FakeTimer>) -> Session {
        session(&self.client(timer))
    }
}

impl Drop for Server {
    /// Every test is a test of what leaves, too (I28): GETs to Graph and to a machine's identity endpoint, POSTs to the token endpoint.
    fn drop(&mut self) {
        let allowed = |request: &Request| match request.line().split(' ').next() {
            Some("GET") => request.body.is_empty(),
            Some("POST") => request.target().ends_with("/oauth2/v2.0/token") && request.header("authorization").is_none(),
            _ => false,
        };
        if !std::thread::panicking() {
            let foreign: Vec<_> = self.requests().into_iter().filter(|request| !allowed(request)).map(|request| request.head).collect();
            assert!(foreign.is_empty(), "i28: {foreign:?}");
        }
    }
}

/// A client, and the access that a session gets where its test says nothing else.
pub(crate) struct Client {
    pub(crate) graph: GraphClient,
    pub(crate) access: Access,
}

impl Client {
    pub(crate) fn session(&self, tenant: TenantId, correlation: CorrelationId, cancel: CancellationToken) -> Session {
        self.graph.session(tenant, self.access.clone(), correlation, cancel).expect("a session")
    }
    /// A session by another access.
    pub(crate) fn session_by(&self, of: &str, access: Access) -> Session {
        self.graph.session(tenant(of), access, correlation(), CancellationToken::new()).expect("a session")
    }
}

fn is_sign_in(request: &Request) -> bool {
    request.line().starts_with("POST ")
}

async fn serve(mut stream: TcpStream, connection: usize, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer, connection).await {
        let sign_in = is_sign_in(&request);
        let script = if sign_in { &shared.sign_in } else { &shared.graph };
        let reply = script.lock().expect("whole").pop_front().unwrap_or_else(|| {
            if sign_in {
                let number = shared.tokens.fetch_add(1, Ordering::SeqCst) + 1;
                json(200, &format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"token-{number}"}}"#))
            } else {
                shared.route.get().map_or_else(|| json(418, "{}"), |route| route(&request))
            }
        });
        shared.requests.send_modify(|requests| requests.push(request));
        // The client may be gone: it ended the request, which is its right.
        match reply {
            Reply::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::SendAndClose(bytes) => {
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
                return;
            }
            Reply::Reset(bytes) => {
                drop(stream.write_all(&bytes).await);
                stream.set_zero_linger().expect("a socket");
                return;
            }
            Reply::Hang(bytes) => {
                drop(stream.write_all(&bytes).await);
                // Until the client gives up.
                drop(stream.read(&mut [0; 1]).await);
                return;
            }
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Request> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).expect("an ASCII head");
            let mut request = Request { connection, head, body: String::new() };
            let length: usize = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
            if buffer.len() >= end + 4 + length {
                request.body = String::from_utf8(buffer[end + 4..end + 4 + length].to_vec()).expect("a form");
                buffer.drain(..end + 4 + length);
                return Some(request);
            }
        }
        // A TLS hello is no HTTP, and it never ends as a request does.
        if stream.read_buf(buffer).await.ok()? == 0 || buffer[0] == 0x16 {
            return None;
        }
    }
}

/// The bytes of an answer.
pub(crate) fn bytes(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Send(bytes(status, &[("content-type", "application/json")], body.as_bytes()))
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)]) -> Reply {
    Reply::Send(bytes(status, headers, br#"{"error":{"code":"Code","message":"no"}}"#))
}

pub(crate) fn throttled(retry_after: &str) -> Reply {
    answer(429, &[("Retry-After", retry_after)])
}

pub(crate) fn page_body(ids: &[&str], next: Option<&str>) -> String {
    let objects: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id})).collect();
    match next {
        Some(next) => serde_json::json!({"value": objects, "@odata.nextLink": next}).to_string(),
        None => serde_json::json!({"value": objects}).to_string(),
    }
}

pub(crate) fn page_to(ids: &[&str], next: Option<&str>) -> Reply {
    json(200, &page_body(ids, next))
}

/// A path with one type, on beta, without `$select` and `$top`.
pub(crate) fn path(path: &str) -> PathContract {
    PathContract {
        path: path.into(),
        parent: None,
        api_version: ApiVersion::Beta,
        kind: PathKind::Collection,
        workload: Workload::Intune,
        permission: "DeviceManagementConfiguration.Read.All".into(),
        page_size: None,
        select: false,
        assignments: Assignments::NotRead,
        paging: Paging::Token,
        optional_feature: false,
        evidence: Vec::new(),
        types: vec![TypeContract {
            policy_type: "thing".parse().expect("a key"),
            name: "thing".into(),
            category: "Things".parse().expect("a key"),
            off_because: None,
            display_name_field: Some("displayName".into()),
            platform: PlatformRule::None,
            matches: None,
            meta: Vec::new(),
            contract_hash: ContractHash::from_bytes([0; 16]),
            contract_version: ContractVersion::from_bytes([0; 16]),
        }],
    }
}

pub(crate) fn credential() -> Credential {
    Credential { client_id: Some("client-id".parse().expect("an id")), proof: Proof::Secret("canary-secret &=+%".into()) }
}

pub(crate) fn client(settings: GraphSettings, access: Access, timer: &Arc<FakeTimer>) -> Client {
    let timer: Arc<dyn Timer> = Arc::<FakeTimer>::clone(timer);
    Client { graph: GraphClient::new(settings, timer).expect("a client"), access }
}

pub(crate) fn tenant(text: &str) -> TenantId {
    text.parse().expect("a tenant")
}

pub(crate) fn correlation() -> CorrelationId {
    CORRELATION.parse().expect("a GUID")
}

pub(crate) fn session(client: &Client) -> Session {
    client.session(tenant(TENANT), correlation(), CancellationToken::new())
}

/// How a listing went: the pages that came, and the failure that ended it, if one did.
pub(crate) struct Listed {
    pub(crate) pages: Vec<RawPage>,
    pub(crate) failure: Option<GraphFailure>,
}

impl Listed {
    pub(crate) fn objects(&self) -> Vec<String> {
        self.pages.iter().flat_map(RawPage::objects).map(str::to_owned).collect()
    }
    pub(crate) fn ids(&self) -> Vec<String> {
        #[derive(serde::Deserialize)]
        struct Object {
            id: String,
        }
        let id = |object: &String| serde_json::from_str::<Object>(object).expect("an object with an id").id;
        self.objects().iter().map(id).collect()
    }
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.pages.iter().map(|page| page.number).collect()
    }
    pub(crate) fn whole(&self) -> bool {
        self.failure.is_none() && self.pages.last().is_some_and(|page| page.last)
    }
    /// The code that ended it.
    pub(crate) fn code(&self) -> &'static str {
        self.failure.as_ref().map_or("none", |failure| failure.code.as_str())
    }
}

/// Takes all pages.
pub(crate) async fn list(mut pages: Pages) -> Listed {
    let mut listed = Listed { pages: Vec::new(), failure: None };
    loop {
        match pages.next().await {
            Ok(Some(page)) => listed.pages.push(page),
            Ok(None) => return listed,
            Err(failure) => {
                assert_eq!(pages.next().await.map(drop), Err(failure.clone()), "after a failure there is only that failure");
                return Listed { failure: Some(failure), ..listed };
            }
        }
    }
}
