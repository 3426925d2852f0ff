//! The keys of `lastseen.toml`, as the generated reference has them. A test holds them against what the file takes.

/// A key of `lastseen.toml`, for the reference.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) meaning: &'static str,
}

/// Every key, in the order of the file.
pub(crate) const KEYS: &[Key] = &[
    key(
        "database_url",
        "a file in the user's data directory",
        "the database: `sqlite:PATH`, a path, or `postgres://user@host:5432/database`",
    ),
    key(
        "database_connections",
        "8",
        "the most connections of this process to PostgreSQL (1 to 500); `serve` has as many for the API and as many again for its runs",
    ),
    key("graph.cloud", "`global`", "Microsoft's cloud: `global`, `usgov`, `usgov-dod` or `china`"),
    key("graph.client_id", "none", "the app registration's client id; with `managed-identity` a user-assigned identity's, or none"),
    key("graph.credential", "none", "where its credential is kept, see below"),
    key("graph.client_secret_file", "none", "a file with its secret: `graph.credential` for a path that need not be absolute"),
    key("graph.authority", "the cloud's", "the origin of the token endpoint, whatever the cloud"),
    key("graph.endpoint", "the cloud's", "the origin of Graph, whatever the cloud"),
    key("graph.request_timeout", "`60s`", "how long one request may take, body included (1s to 600s)"),
    key("graph.retry_tries", "6", "how often a page is tried (1 to 20)"),
    key("graph.retry_budget", "`5m`", "how long a page is tried (1s to 1h)"),
    key("graph.retry_after_ceiling", "`2m`", "a listing that Graph asks to wait longer ends `graph_throttled` (1s to 1h)"),
    key("graph.body_cap_mib", "64", "the largest answer, in MiB (1 to 1,024)"),
    key("graph.page_cap", "10000", "the most pages of one listing (1 to 1,000,000)"),
    key(
        "graph.requests_at_once",
        "8",
        "the most requests at once for one tenant and workload (1 to 64); it begins with 4, has fewer after a 429, and slowly more again",
    ),
    key(
        "graph.share_percent",
        "90",
        "how much of what Graph allows one app in a tenant this process may use (1 to 100); several processes share 100",
    ),
    key(
        "graph.contract_overrides",
        "none",
        "a file that says how paths are asked otherwise than as shipped ([contracts.md](contracts.md))",
    ),
    key("run.lease", "`60s`", "how long a worker's lease runs (10s to 1h)"),
    key("run.renew_every", "`15s`", "how often it is renewed (1s to 30m)"),
    key("run.pending_for", "`60s`", "how long a waiting run lives unless its starter asks again (10s to 24h)"),
    key("run.queued_for", "`24h`", "how long a queued run waits for a worker (1m to 7d)"),
    key("run.store_patience", "`30s`", "how long a write is tried again while the database is away (1s to 1h)"),
    key("run.paths_at_once", "8", "paths of one run listed side by side (1 to 64)"),
    key("worker.runs_at_once", "4", "runs that one worker has at once (1 to 64)"),
    key("worker.poll_every", "`2s`", "how often a worker looks at the queue (1s to 60s)"),
    key("worker.drain_for", "`25s`", "how long a worker that is told to end lets its runs go on (0s to 1h)"),
    key("limits.global", "8", "runs at once in all (1 to 10,000)"),
    key("limits.per_tenant", "2", "runs at once of one tenant (1 to 100)"),
    key("guard.min_items", "20", "from how many unseen items on the guard may trip"),
    key("guard.percent", "50", "and above which share of the type, in percent"),
    key("api.listen", "`127.0.0.1:8480`", "where the API listens"),
    key("api.tls_certificate", "none", "its certificate with what that is signed by, PEM"),
    key("api.tls_key", "none", "the certificate's key, PEM"),
    key("api.oidc.issuer", "none", "an issuer of OpenID Connect whose bearer tokens are accepted, as its tokens name it"),
    key("api.oidc.audience", "none", "what those tokens must be for"),
    key("api.oidc.subject_claim", "`sub`", "the claim that says who somebody is"),
    key("api.oidc.name_claim", "`name`", "the claim that says how people call them"),
    key("api.oidc.roles_claim", "`roles`", "the claim whose values grant something"),
    key("api.oidc.grants.value", "none", "a value of that claim; each grant is a table `[[api.oidc.grants]]`"),
    key("api.oidc.grants.role", "none", "what it may do: `reader`, `operator` or `admin`"),
    key("api.oidc.grants.tenants", "none", "to which tenants: `\"all\"`, or a list of GUIDs"),
    key("tenants.\"<GUID>\".name", "none", "the tenant's name for people"),
];

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, meaning }
}
