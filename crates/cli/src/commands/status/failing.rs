//! What failed, why, and what to do about it.

use std::collections::BTreeMap;

use lastseen_engine::status::SelectionStatus;
use lastseen_model::{ErrorCode, PolicyType, Timestamp};
use lastseen_store::{ListingRecord, RunDetail, Store};

use super::screen::named;
use crate::advice;
use crate::app::Tenant;
use crate::output::{Screen, ago, first_few};
use crate::problem::Problem;

/// How many reasons of a run are told.
const REASONS: usize = 3;

/// A failing selection: its latest completed run, and its reasons.
pub(super) async fn show(
    store: &dyn Store,
    tenant: &Tenant,
    selection: &SelectionStatus,
    now: Timestamp,
    screen: &mut Screen,
) -> Result<(), Problem> {
    let Some(run) = &selection.runs.latest_completed else { return Ok(()) };
    let when = run.finished_at.map_or_else(String::new, |time| format!(" {}", ago(now, time)));
    let success = selection.runs.latest_success_at.map_or("never".to_owned(), |time| ago(now, time));
    screen.line(format!("  {}   {}{when}   last success {success}   run {}", named(selection), run.status, screen.run(run.run_id)))?;
    let Some(detail) = store.run(&tenant.scope, run.run_id).await? else { return Ok(()) };
    let reasons = reasons(&detail, tenant);
    for reason in reasons.iter().take(REASONS) {
        screen.line(format!("      {reason}"))?;
    }
    if reasons.len() > REASONS {
        screen.line(format!("      and more: lastseen runs show {} --tenant {}", screen.run(run.run_id), tenant.scope.tenant()))?;
    }
    Ok(())
}

/// Why a run did not succeed: what ails it as a whole, then types by what ails them.
fn reasons(detail: &RunDetail, tenant: &Tenant) -> Vec<String> {
    let whole = detail.errors.iter().filter(|error| error.context.policy_type.is_none()).map(|error| match error.code {
        ErrorCode::AuthFailed => {
            let (meaning, next) = advice::sign_in(&error.context, tenant.credential.as_ref());
            format!("{}: {meaning}; {next}", error.code)
        }
        ErrorCode::CredentialUnavailable => format!("{}: {}", error.code, advice::unavailable(tenant.credential.as_ref())),
        code => format!("{code}: {}", code.meaning()),
    });
    let mut by_advice: BTreeMap<(ErrorCode, String), Vec<&PolicyType>> = BTreeMap::new();
    for ListingRecord { policy_type, error_code, outcome, .. } in &detail.listings {
        if let Some(code) = error_code.filter(|_| outcome.is_some_and(|outcome| outcome != lastseen_model::ListingOutcome::Unavailable)) {
            by_advice.entry((code, advice::listing(code, policy_type))).or_default().push(policy_type);
        }
    }
    let of_types = by_advice.into_iter().map(|((code, advice), types)| {
        let types: Vec<&str> = types.iter().map(|policy_type| policy_type.as_str()).collect();
        format!("{code}: {}: {advice}", first_few(&types))
    });
    whole.chain(of_types).collect()
}
