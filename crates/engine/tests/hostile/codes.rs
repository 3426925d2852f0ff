//! Every code of the closed set is reached: here, by a row; or by a test that is named here. A new code does not compile until it
//! has one of them.

use std::collections::BTreeSet;

use lastseen_model::ErrorCode;

use crate::row::Row;
use crate::{bodies, incidents, links, sign_in, statuses, throttling};

/// What proves that a code is reached.
enum Reached {
    /// A row of this suite, through the engine and into the database.
    Here,
    /// A test of another file, by name.
    By { file: &'static str, test: &'static str },
}

fn reached(code: ErrorCode) -> Reached {
    let sync = |test| Reached::By { file: include_str!("../it/sync.rs"), test };
    match code {
        ErrorCode::AuthFailed
        | ErrorCode::CredentialUnavailable
        | ErrorCode::AuthTenantMismatch
        | ErrorCode::GraphUnauthorized
        | ErrorCode::GraphForbidden
        | ErrorCode::GraphFeatureUnavailable
        | ErrorCode::GraphBadRequest
        | ErrorCode::GraphThrottled
        | ErrorCode::GraphUnavailable
        | ErrorCode::GraphTimeout
        | ErrorCode::GraphConnection
        | ErrorCode::GraphInvalidResponse
        | ErrorCode::GraphUntrustedLink
        | ErrorCode::GraphPageLoop
        | ErrorCode::GraphPageCap
        | ErrorCode::ItemRejected => Reached::Here,
        ErrorCode::LockContended => sync("i10_r26_of_many_starts_one_runs_and_the_others_are_recorded_as_skipped"),
        ErrorCode::ConcurrencyLimitTenant | ErrorCode::Cancelled => sync("r12_a_start_over_a_limit_is_skipped_or_waits_as_it_says"),
        ErrorCode::ConcurrencyLimitGlobal => Reached::By {
            file: include_str!("../../../store-conformance/src/cases/leases.rs"),
            test: "r12_limits_hold_in_all_and_for_a_tenant",
        },
        ErrorCode::WorkerLost => {
            Reached::By { file: include_str!("../it/lease.rs"), test: "i11_a_killed_worker_is_reaped_by_the_next_start" }
        }
        ErrorCode::StoreUnavailable => Reached::By {
            file: include_str!("../../../cli/tests/crash/on_postgres/outage.rs"),
            test: "a_run_that_gave_a_page_up_and_then_reaches_the_database_again_fails_with_store_unavailable",
        },
        ErrorCode::Internal => {
            Reached::By { file: include_str!("evidence.rs"), test: "i15_a_bug_ends_its_run_as_internal_and_takes_nothing_away" }
        }
    }
}

fn rows() -> impl Iterator<Item = &'static Row> {
    let tables = [
        throttling::FOR_EVER,
        statuses::FIRST_PAGE,
        statuses::UNAVAILABLE,
        statuses::MID_LISTING,
        bodies::BROKEN,
        bodies::WITHOUT_END,
        bodies::REJECTED,
        links::LINKS,
        incidents::INCIDENTS,
    ];
    tables.into_iter().flatten()
}

#[test]
fn i15_every_code_of_the_closed_set_is_reached_by_a_test() {
    let of_rows = rows().filter_map(|row| row.code);
    let here: BTreeSet<_> =
        of_rows.chain(sign_in::REFUSALS.iter().map(|refusal| refusal.1)).chain(sign_in::OTHERS.iter().copied()).collect();
    for code in ErrorCode::ALL {
        match reached(*code) {
            Reached::Here => assert!(here.contains(code), "no row comes to {code}"),
            Reached::By { file, test } => {
                let (_, rest) = file.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("{code}: there is no test {test}"));
                let body = rest.split_once("\n}\n").map_or(rest, |(body, _)| body);
                let speaks = body.contains(&format!("ErrorCode::{code:?}")) || body.contains(code.as_str());
                assert!(speaks, "{test} does not speak of {code}");
            }
        }
    }
}
