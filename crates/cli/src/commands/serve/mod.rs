//! `lastseen serve`: a process that stays. It answers the API, works on what is queued, and keeps the schedules.

mod journal;

use std::sync::Arc;

use lastseen_api::Api;
use lastseen_api::server::{self, Ended, Listener, ServerSettings};
use lastseen_engine::{Engine, TenantAccess, TokioTimer, WorkerSettings};
use lastseen_store::Store;
use tokio_util::sync::CancellationToken;

use self::journal::Journal;
use crate::app::{App, active};
use crate::args::{self, Role};
use crate::exit::Exit;
use crate::output::{count, say};
use crate::problem::Problem;
use crate::signals::{self, Step};

pub(crate) async fn run(app: &App, args: &args::Serve) -> Result<Exit, Problem> {
    if app.tenant.is_some() {
        return Err(Problem::usage("--tenant has no say in `serve`: it is there for every tenant").next("leave it out"));
    }
    if let Some((flag, role)) = args.of_no_use() {
        return Err(Problem::usage(format!("{flag} has no say in this role: it is for `--role {role}` or `--role all`"))
            .next("leave it out, or name the other role"));
    }
    // What can be wrong is found out before anything is claimed or listened for, and before a database is made.
    let settings = app.config.worker_settings(args)?;
    let timer = Arc::new(TokioTimer::default());
    let (api, oidc) =
        if args.role.answers() { (Some(app.config.api_settings(args)?), app.config.oidc(timer.clone())?) } else { (None, None) };
    if args.role.works() && app.config.database.missing_file().is_some() {
        credentials(app, args.role, &[]).await?;
    }
    let store = app.open().await?;
    let known = store.tenants().await?;
    let engine = if args.role.works() {
        let accesses: Vec<TenantAccess> = active(&known).cloned().map(TenantAccess::from).collect();
        credentials(app, args.role, &accesses.iter().collect::<Vec<_>>()).await?;
        let engine = app.engine(store.clone())?;
        engine.mirror_registry().await?;
        Some(engine)
    } else {
        None
    };
    let listener = match api {
        Some(api) => Some(Listener::bind(api.address, api.security).await?),
        None => None,
    };

    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let heard = signals::heed(vec![
        Step { cancels: drain.clone(), says: says_at_drain(args.role) },
        Step { cancels: stop.clone(), says: "ending at once what is under way; once more stops without a word" },
    ]);
    if let Some(listener) = &listener {
        greet(app, &*store, listener, oidc.is_some()).await?;
    }
    if engine.is_some() {
        say(&format!(
            "working on queued runs in {}, {} at once, and keeping the schedules; Ctrl-C ends it",
            app.config.database, settings.runs_at_once
        ));
    }
    // However much is asked of the API, a run never waits for a connection to renew its lease.
    let asked = if engine.is_some() && listener.is_some() { app.open_beside(&store).await? } else { store.clone() };
    let api = Api { store: asked, engine: app.config.engine.clone(), timer, drain: drain.clone(), oidc };
    let journal = Journal { names: app.config.names.clone(), known };
    tokio::join!(
        answer(api, listener, &settings, &drain, &stop),
        work(engine.as_ref(), journal, &settings, &drain, &stop),
        keep(engine.as_ref(), &settings, &drain, &stop),
    );
    heard.abort();
    say("ended");
    Ok(Exit::Success)
}

fn says_at_drain(role: Role) -> &'static str {
    match role {
        Role::Worker => "taking no more runs; once more cancels those that are running",
        Role::Api => "taking no more requests; once more cuts those that are under way",
        Role::All => "taking no more requests and runs; once more ends those that are under way",
    }
}

/// Whether a credential can be read, of which who only answers needs none.
async fn credentials(app: &App, role: Role, tenants: &[&TenantAccess]) -> Result<(), Problem> {
    let checked = app.check_credentials(tenants).await;
    if role == Role::All {
        checked.map_err(|problem| problem.with("or", "answer the API alone, which needs none: lastseen serve --role api"))
    } else {
        checked
    }
}

/// Says where the API answers, and how to get in where nobody can yet.
async fn greet(app: &App, store: &dyn Store, listener: &Listener, has_issuer: bool) -> Result<(), Problem> {
    let scheme = if listener.speaks_tls() { "https" } else { "http" };
    let address = listener.address()?;
    say(&format!(
        "answering the API in {} at {scheme}://{address}/v1; described at /openapi.json, to be tried at /docs/",
        app.config.database
    ));
    if !has_issuer && store.tokens().await?.is_empty() {
        say("no token was made yet, so nobody can ask: lastseen token create --name <what for> --role reader --all-tenants");
    }
    Ok(())
}

/// Answers the API until it is to end, and then what was asked by then.
async fn answer(api: Api, listener: Option<Listener>, settings: &WorkerSettings, drain: &CancellationToken, stop: &CancellationToken) {
    let Some(listener) = listener else { return };
    let bounds = ServerSettings { drain_for: settings.drain_for, ..ServerSettings::default() };
    let ended = server::serve(vec![listener], lastseen_api::router(api), bounds, drain.clone(), stop.clone()).await;
    if let Ended::Cut(left) = ended {
        say(&format!("cut {}: what was asked on them took too long", count(left as u64, "connection", "connections")));
    }
}

async fn work(engine: Option<&Engine>, journal: Journal, settings: &WorkerSettings, drain: &CancellationToken, stop: &CancellationToken) {
    if let Some(engine) = engine {
        engine.work_queue(settings, Arc::new(journal), drain.clone(), stop.clone()).await;
    }
}

async fn keep(engine: Option<&Engine>, settings: &WorkerSettings, drain: &CancellationToken, stop: &CancellationToken) {
    if let Some(engine) = engine {
        tokio::select! {
            () = engine.keep_schedules(settings.poll_every, drain.clone()) => {}
            () = stop.cancelled() => {}
        }
    }
}
