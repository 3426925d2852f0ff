//! `lastseen doctor`: whether a sync would succeed, and what is in its way.

mod database;
mod document;
mod findings;
mod probes;

use std::sync::Arc;

use lastseen_engine::{Examination, Examine, Examiner, Outlook};
use lastseen_graph::{GraphClient, TokioTimer};
use lastseen_model::{PolicyType, Selection};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::findings::{Finding, Mark};
use self::probes::Saved;
use crate::app::{App, Tenant, active, selection};
use crate::args::{Doctor, Global};
use crate::exit::Exit;
use crate::output::{Screen, selection_words};
use crate::problem::Problem;
use crate::progress::counted;
use crate::signals::{self, Step};

/// Which part of what is found out is whose.
struct Report {
    /// Of the installation.
    here: Vec<Finding>,
    /// Of each tenant.
    tenants: Vec<(Tenant, Examination)>,
    /// Somebody interrupted, and not all was examined.
    interrupted: bool,
}

pub(crate) async fn run(global: &Global, args: &Doctor, screen: &mut Screen) -> Result<Exit, Problem> {
    let selection = selection(&args.selection)?;
    let mut saved = None;
    let report = match App::new(global) {
        // A configuration that can't be used is the first thing that a doctor is for.
        Err(problem) => Report { here: vec![Finding::failed("configuration", &problem)], tenants: Vec::new(), interrupted: false },
        Ok(app) => {
            if let Some(file) = &args.save {
                probes::may_be_made(file)?;
            }
            let report = examine(&app, args, &selection, screen).await;
            app.close().await;
            let report = report?;
            if let (Some(file), [(_, examination)], false) = (&args.save, report.tenants.as_slice(), report.interrupted) {
                saved = Some(probes::save(file, &app.config, examination)?);
            }
            report
        }
    };
    show(&report, (args, saved), &selection, screen)
}

async fn examine(app: &App, args: &Doctor, selection: &Selection, screen: &mut Screen) -> Result<Report, Problem> {
    let types = app.config.registry.vocabulary().scope(selection)?;
    let (store, mut here) = (database::look(app, screen).await, vec![findings::of_configuration(app)]);
    let tenants = match &store {
        Ok((store, finding)) => {
            here.push(finding.clone());
            match store {
                Some(store) => store.tenants().await?,
                None => Vec::new(),
            }
        }
        Err(problem) => {
            here.push(Finding::failed("database", problem));
            Vec::new()
        }
    };
    let meant: Vec<Tenant> = match app.tenant {
        Some(tenant) => vec![app.tenant_of(tenant, &tenants)],
        None if args.all_tenants && active(&tenants).next().is_some() => {
            active(&tenants).map(|record| app.tenant_of(record.tenant_id, &tenants)).collect()
        }
        None => match active(&tenants).collect::<Vec<_>>().as_slice() {
            [only] => vec![app.tenant_of(only.tenant_id, &tenants)],
            several => {
                here.push(findings::no_tenant(several.len(), tenants.len()));
                Vec::new()
            }
        },
    };
    if let Some(removed) = app.tenant.and_then(|tenant| tenants.iter().find(|record| record.tenant_id == tenant && record.is_removed())) {
        here.push(findings::removed(removed));
    }
    let (tenants, interrupted) = examine_each(app, meant, &types, args.probe, screen).await?;
    Ok(Report { here, tenants, interrupted })
}

async fn examine_each(
    app: &App,
    meant: Vec<Tenant>,
    types: &[PolicyType],
    probe: bool,
    screen: &Screen,
) -> Result<(Vec<(Tenant, Examination)>, bool), Problem> {
    let timer = Arc::new(TokioTimer::default());
    let graph = GraphClient::new(app.config.graph.clone(), timer.clone())
        .map_err(|error| Problem::usage(format!("the client for Microsoft Graph can't be set up: {error}")))?;
    let accesses = app.config.access.accesses(timer);
    let doctor = Examiner { graph: &graph, accesses: &*accesses, registry: &app.config.registry };
    let what = Examine { types: types.to_vec(), probe };
    let cancel = CancellationToken::new();
    let heard = signals::heed(vec![Step { cancels: cancel.clone(), says: "stopping" }]);
    let mut examined = Vec::new();
    for tenant in meant {
        let bar = counted(screen.may_draw() && probe, &format!("probing {}", tenant.label()));
        let examination = doctor.examine(&tenant.access, &what, &|done, of| bar.at(done, of), cancel.clone()).await;
        bar.clear();
        examined.push((tenant, examination));
        if cancel.is_cancelled() {
            break;
        }
    }
    heard.abort();
    Ok((examined, cancel.is_cancelled()))
}

fn show(report: &Report, (args, saved): (&Doctor, Option<Saved>), selection: &Selection, screen: &mut Screen) -> Result<Exit, Problem> {
    let sound = !report.interrupted && report.here.iter().all(|finding| finding.mark != Mark::Failed);
    let would_succeed = sound && report.tenants.iter().all(|(_, examination)| examination.outlook() == Outlook::Success);
    let exit = if would_succeed && !report.tenants.is_empty() { Exit::Success } else { Exit::Failed };
    if screen.is_json() {
        let tenants: Vec<_> = report.tenants.iter().map(|(tenant, examination)| document::tenant(tenant, examination)).collect();
        screen.json(&json!({
            "selection": selection,
            "would_succeed": exit == Exit::Success,
            "interrupted": report.interrupted,
            "installation": report.here.iter().map(document::finding).collect::<Vec<_>>(),
            "tenants": tenants,
        }))?;
        return Ok(exit);
    }
    screen.heading("this installation")?;
    findings::tell(&report.here, screen)?;
    for (tenant, examination) in &report.tenants {
        let name = tenant.name.as_deref().map(|name| format!("{name}  ")).unwrap_or_default();
        screen.line("")?;
        screen.heading(&format!("{name}{}", tenant.scope.tenant()))?;
        findings::tell(&findings::of_tenant(tenant, examination), screen)?;
        if args.probe && examination.sign_in.is_ok() {
            screen.line("")?;
            probes::tell(examination, screen)?;
        }
        screen.line(verdict(report, examination, args.probe, selection))?;
    }
    if report.interrupted {
        screen.line("interrupted: not all was examined")?;
    }
    match (saved, &args.save) {
        (Some(Saved::Written), Some(file)) => {
            screen.line(format!("saved: {}", file.display()))?;
            screen.line("next: name it as graph.contract_overrides in lastseen.toml, or in LASTSEEN_CONTRACT_OVERRIDES")?;
        }
        (Some(Saved::NothingToSay), _) => screen.line("nothing was saved: no path takes more, or less, than it is asked for")?,
        _ => {}
    }
    Ok(exit)
}

fn verdict(report: &Report, examination: &Examination, probed: bool, selection: &Selection) -> String {
    let words = selection_words(selection);
    if let Some(finding) = report.here.iter().find(|finding| finding.mark == Mark::Failed) {
        return format!("a sync of {words} would not begin: see {} above", finding.check);
    }
    let (sync, hint) = if probed {
        (format!("a sync of {words}"), "")
    } else {
        (format!("as far as permissions and a few questions show, a sync of {words}"), " (--probe asks every path)")
    };
    match examination.outlook() {
        Outlook::Success => format!("{sync} would succeed{hint}"),
        Outlook::Partial => format!("{sync} would be partial{hint}"),
        Outlook::Failed => format!("a sync of {words} would fail"),
        Outlook::Unknown => format!("whether a sync of {words} would succeed can't be told: the token does not show its permissions{hint}"),
    }
}
