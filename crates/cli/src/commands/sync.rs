//! `lastseen sync`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lastseen_contracts::Registry;
use lastseen_engine::{Engine, Event, Observer, SyncError, SyncRequest};
use lastseen_model::{CredentialRef, ErrorCode, ErrorContext, ListingOutcome, OnLimit, RunStatus, Selection, Trigger};
use lastseen_store::{RunDetail, Store, StoreError};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::advice;
use crate::app::{App, Tenant, active, selection};
use crate::args;
use crate::commands::queue::queue;
use crate::commands::runs::{headline, unread};
use crate::commands::tally::Tally;
use crate::exit::Exit;
use crate::output::{Screen, count, flags, say, selection_words};
use crate::problem::Problem;
use crate::progress::Bars;
use crate::signals::{self, Step};

pub(crate) async fn run(app: &App, args: &args::Sync, screen: &mut Screen) -> Result<Exit, Problem> {
    let selection = selection(&args.selection)?;
    let types = Registry::builtin().vocabulary().scope(&selection)?.len();
    if !args.all_tenants && app.tenant.is_none() && app.config.database.missing_file().is_some() {
        return Err(
            Problem::usage("no tenant is named, and there is no database that knows one").next("name one: lastseen sync --tenant <GUID>")
        );
    }
    // What can be wrong with the configuration is found out before a database is made.
    if !args.queue && app.config.database.missing_file().is_some() {
        app.check_credentials(&[]).await?;
    }
    let store = app.open().await?;
    let known = store.tenants().await?;
    let tenants: Vec<Tenant> = match (args.all_tenants, app.tenant) {
        (true, _) if active(&known).next().is_none() && !known.is_empty() => {
            return Err(
                Problem::usage("every tenant that this database knows was removed").next("bring one back: lastseen tenant list --all")
            );
        }
        (true, _) if known.is_empty() => {
            return Err(Problem::usage("this database knows no tenant yet").next("make one known: lastseen tenant add <GUID>"));
        }
        (true, _) => active(&known).map(|record| app.tenant_of(record.tenant_id, &known)).collect(),
        (false, Some(tenant)) if known.iter().any(|record| record.tenant_id == tenant && record.is_removed()) => {
            return Err(StoreError::TenantRemoved.into());
        }
        (false, Some(tenant)) => vec![app.tenant_of(tenant, &known)],
        (false, None) => vec![app.known_tenant(&*store).await?],
    };
    if !args.queue {
        app.check_credentials(&tenants.iter().map(|tenant| &tenant.access).collect::<Vec<_>>()).await?;
    }
    let request = SyncRequest {
        selection,
        trigger: Trigger::Manual,
        on_limit: match args.on_limit {
            args::OnLimit::Skip => OnLimit::Skip,
            args::OnLimit::Wait => OnLimit::Wait,
        },
    };
    let mut tally = Tally::new(args.all_tenants);
    if args.queue {
        queue(app, &*store, &tenants, &request, types, &mut tally, screen).await?;
    } else {
        sync_each(app, &store, &tenants, &request, types, &mut tally, screen).await?;
    }
    if screen.is_json() {
        match tally.records.as_slice() {
            [only] if !args.all_tenants => screen.json(only)?,
            several => screen.json(&json!({ "runs": several }))?,
        }
    }
    Ok(tally.exit)
}

/// One tenant after another, until somebody interrupts.
async fn sync_each(
    app: &App,
    store: &Arc<dyn Store>,
    tenants: &[Tenant],
    request: &SyncRequest,
    types: usize,
    tally: &mut Tally,
    screen: &mut Screen,
) -> Result<(), Problem> {
    let engine = app.engine(store.clone())?;
    engine.mirror_registry().await?;
    let cancel = CancellationToken::new();
    let step = Step { cancels: cancel.clone(), says: "finishing the run; once more stops at once" };
    let heard = signals::heed(vec![step]);
    for (done, tenant) in (1..).zip(tenants) {
        if cancel.is_cancelled() {
            break;
        }
        match sync_one(&engine, &**store, tenant, request, screen, &cancel).await {
            Ok(detail) => {
                if !screen.is_json() {
                    report(tenant, &request.selection, types, &detail, screen)?;
                }
                tally.ran(Exit::of_run(detail.record.status), detail);
            }
            Err(error) => {
                // What was told of the others comes before it.
                screen.flush()?;
                if tally.failed(tenant, error, tenants.len() - done)?.is_break() {
                    break;
                }
            }
        }
    }
    heard.abort();
    Ok(())
}

/// One tenant, with bars where they can be drawn.
pub(crate) async fn sync_one(
    engine: &Engine,
    store: &dyn Store,
    tenant: &Tenant,
    request: &SyncRequest,
    screen: &Screen,
    cancel: &CancellationToken,
) -> Result<RunDetail, SyncError> {
    store.register_tenant(&tenant.scope, tenant.name.as_deref()).await?;
    if screen.may_draw() {
        let bars = Arc::new(Bars::new());
        let detail = engine.sync(&tenant.scope, request, bars.clone(), cancel.clone()).await;
        bars.clear();
        detail
    } else {
        engine.sync(&tenant.scope, request, Arc::new(Quiet::default()), cancel.clone()).await
    }
}

/// What a log or a pipe is told while it waits: that it waits.
#[derive(Default)]
struct Quiet(AtomicBool);

impl Observer for Quiet {
    fn on(&self, event: Event) {
        if let Event::Waiting { code } = event
            && !self.0.swap(true, Ordering::Relaxed)
        {
            say(&format!("waiting for a slot: {}", code.meaning()));
        }
    }
}

/// What came of a run, for people: the problems, then the answer, then the next step.
pub(crate) fn report(tenant: &Tenant, selection: &Selection, types: usize, detail: &RunDetail, screen: &mut Screen) -> Result<(), Problem> {
    let run = &detail.record;
    let types = count(types as u64, "type", "types");
    screen.heading(&format!("{}  {} ({types})  run {}", tenant.label(), selection_words(selection), screen.run(run.run_id)))?;
    let bad = detail
        .listings
        .iter()
        .filter(|listing| !matches!(listing.outcome, Some(ListingOutcome::Complete | ListingOutcome::NotStarted) | None));
    for listing in bad {
        let mark = if listing.outcome == Some(ListingOutcome::Unavailable) { "–" } else { "✗" };
        let words = listing.error_code.map(|code| advice::listing(code, &listing.policy_type)).unwrap_or_default();
        screen.line(format!("  {mark} {:38} {words}", listing.policy_type.as_str()))?;
    }
    let (unread, unavailable) = unread(detail);
    let mut answer = headline(run);
    if run.status.is_completed() {
        if unread > 0 {
            answer = format!("{answer}; {unread} of {} types could not be read", detail.listings.len());
        }
        if unavailable > 0 {
            answer = format!("{answer}; {unavailable} not available in this tenant");
        }
    }
    screen.line(answer)?;
    for error in detail.errors.iter().filter(|error| error.context.policy_type.is_none()) {
        run_level(error.code, &error.context, tenant.credential.as_ref(), screen)?;
    }
    match run.status {
        RunStatus::Skipped => screen.line(skipped_next(run.error_codes.first().copied())),
        // Nothing was listed, so there is nothing new to ask; the error says what to do.
        _ if detail.listings.iter().all(|listing| listing.pages == 0) => {
            screen.line(format!("check: lastseen doctor {}", flags(tenant.scope.tenant(), Some(selection))))
        }
        _ => screen.line(format!("next: lastseen missing {}", flags(tenant.scope.tenant(), Some(selection)))),
    }?;
    Ok(())
}

fn run_level(code: ErrorCode, context: &ErrorContext, credential: Option<&CredentialRef>, screen: &mut Screen) -> Result<(), Problem> {
    let number = context.aadsts.map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
    match code {
        ErrorCode::AuthFailed => {
            let (meaning, next) = advice::sign_in(context, credential);
            screen.line(format!("  ✗ {}{number}", code.meaning()))?;
            screen.line(format!("    meaning  {meaning}"))?;
            screen.line(format!("    next     {next}"))?;
        }
        ErrorCode::CredentialUnavailable => {
            screen.line(format!("  ✗ {code}: {}", code.meaning()))?;
            screen.line(format!("    next     {}", advice::unavailable(credential)))?;
        }
        ErrorCode::AuthTenantMismatch => {
            screen.line(format!("  ✗ {code}: {}", code.meaning()))?;
            screen.line("    next     check the tenant's GUID; a managed identity gets tokens for its own tenant alone")?;
        }
        ErrorCode::GraphConnection | ErrorCode::GraphTimeout => {
            screen.line(format!("  ✗ {}: {}", code, code.meaning()))?;
            screen.line(
                "    next     check this machine's network and proxy, LASTSEEN_CLOUD, LASTSEEN_AUTHORITY and LASTSEEN_GRAPH_ENDPOINT",
            )?;
        }
        ErrorCode::StoreUnavailable => {
            screen.line(format!("  ✗ {code}: the database could not be written"))?;
            screen.line("    next     see that its disk has room and that no other program holds it, then sync again")?;
        }
        ErrorCode::LockContended | ErrorCode::ConcurrencyLimitGlobal | ErrorCode::ConcurrencyLimitTenant => {}
        other => screen.line(format!("  ✗ {other}: {}", other.meaning()))?,
    }
    Ok(())
}

fn skipped_next(code: Option<ErrorCode>) -> String {
    match code {
        Some(ErrorCode::LockContended) => "next: wait for the other run; see it with `lastseen runs`".to_owned(),
        Some(ErrorCode::ConcurrencyLimitGlobal | ErrorCode::ConcurrencyLimitTenant) => {
            "next: run it again with --on-limit wait, or raise the limits in lastseen.toml".to_owned()
        }
        _ => "next: run the command again".to_owned(),
    }
}
