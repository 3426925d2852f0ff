//! Starting and stopping.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use lastseen_contracts::{PathContract, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Tenant, locate};
use crate::config::{SimulatorConfig, TenantPlan};
use crate::connection::{BreakableListener, ConnectionHandle};
use crate::count::{Counts, Recorded, Tally};
use crate::fault::Faults;
use crate::proof::Proofs;
use crate::server::{Shared, handle};
use crate::throttle::Throttle;
use crate::token::TokenEndpoint;
use crate::world::World;

/// How long answers under way may take once the simulator shuts down.
const GRACE: Duration = Duration::from_secs(2);

/// A running simulator. Dropping it breaks its connections; [`Self::shutdown`] lets answers under way end first.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    tenants: Vec<TenantPlan>,
    broken: CancellationToken,
    serving: Option<JoinHandle<io::Result<()>>>,
}

impl Simulator {
    /// Binds 127.0.0.1 and serves the registry's paths in background tasks of the current runtime.
    ///
    /// Fails when the port can't be had, and with `InvalidInput` when the configuration names a tenant twice or a type that
    /// the registry doesn't have.
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        Self::start_with(config, Registry::builtin().paths().to_vec()).await
    }

    /// Like [`Self::start`], for paths of the caller's own.
    pub async fn start_with(config: SimulatorConfig, paths: Vec<PathContract>) -> io::Result<Self> {
        check(&config, &paths)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let tenants = config.tenants.iter().map(|plan| Tenant::new(plan, config.seed, &paths)).collect();
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            origin: origin.clone(),
            seed: config.seed,
            latency: config.latency,
            world: World::new(paths.into(), config.seed, tenants),
            faults: Faults::default(),
            tally: Arc::new(Tally::new(config.record)),
            throttle: Throttle::new(config.throttle),
            machine: config.machine.clone(),
            tokens: TokenEndpoint {
                proofs: Proofs::new(&config)?,
                origin,
                client_id: config.client_id,
                client_secret: config.client_secret,
                seed: config.seed,
                started: Instant::now(),
            },
            requests: AtomicU64::new(0),
            started: Instant::now(),
            stop: stop.clone(),
        });
        let service =
            Router::new().fallback(handle).with_state(Arc::clone(&shared)).into_make_service_with_connect_info::<ConnectionHandle>();
        let broken = CancellationToken::new();
        let listener = BreakableListener { listener, broken: broken.clone() };
        let server = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        let serving = tokio::spawn(server.into_future());
        Ok(Self { shared, tenants: config.tenants, broken, serving: Some(serving) })
    }

    /// `http://127.0.0.1:PORT`: authority and Graph at once.
    pub fn origin(&self) -> String {
        self.shared.origin.clone()
    }

    /// The tenants it was started with.
    pub fn tenants(&self) -> &[TenantPlan] {
        &self.tenants
    }

    /// The handle to what tenants hold.
    pub fn world(&self) -> World {
        self.shared.world.clone()
    }

    /// The handle to what goes wrong.
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// What was asked so far. A request counts before its answer is sent.
    pub fn counts(&self) -> Counts {
        self.shared.tally.counts()
    }

    /// Every request so far in the order of their answers, when recording is on; at most 100,000.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.tally.records()
    }

    /// Takes no more connections, lets answers under way end within two seconds, releases what hangs, and breaks the rest.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        if let Some(mut serving) = self.serving.take()
            && tokio::time::timeout(GRACE, &mut serving).await.is_err()
        {
            self.broken.cancel();
            if let Err(error) = serving.await {
                tracing::error!(panicked = error.is_panic(), "the simulator's server task ended badly");
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.broken.cancel();
    }
}

fn check(config: &SimulatorConfig, paths: &[PathContract]) -> io::Result<()> {
    let wrong = |problem: String| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    for (number, tenant) in config.tenants.iter().enumerate() {
        if config.tenants[..number].iter().any(|other| other.tenant_id == tenant.tenant_id) {
            return wrong(format!("the tenant {} is there twice", tenant.tenant_id));
        }
        if let Some(unknown) = tenant.sizes.types.keys().find(|of| locate(paths, of).is_none()) {
            return wrong(format!("the registry has no policy type {unknown}"));
        }
    }
    if config.throttle.is_some_and(|plan| !(plan.scale > 0.0 && plan.scale <= 1_000.0)) {
        return wrong("the throttle's scale must be above 0 and at most 1000".to_owned());
    }
    Ok(())
}
