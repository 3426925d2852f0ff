//! Faults by chance, several at once, from the socket to the database: a listing is complete exactly when it saw what is there, and only
//! a complete one makes anything missing for certain (I1, I2, I5).

use std::collections::BTreeSet;

use lastseen_model::{ListingOutcome, Reference, RunStatus};
use lastseen_simulator::{Fault, FaultAction, FaultBody, NamedError, RejectedObject};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::row::{ended, high, nothing_planted_is_on_disk};
use crate::support::{World, key};

const TYPES: [&str; 3] = ["compliancePolicyV2", "deviceCompliancePolicy", "authenticationStrengthPolicy"];
const OBJECTS: u32 = 10;
const PAGE: u32 = 3;

/// What may go wrong. Not what nobody can see: an object that Graph itself passes over.
fn action() -> impl Strategy<Value = FaultAction> {
    let named = select(vec![
        NamedError::Throttled,
        NamedError::Unauthorized,
        NamedError::Forbidden,
        NamedError::NotApplicable,
        NamedError::NotLicensed,
        NamedError::FeatureNotFound,
        NamedError::NoRoute,
        NamedError::PageTokenGone,
        NamedError::PageTokenInvalid,
        NamedError::Internal,
        NamedError::BadGateway,
        NamedError::Unavailable,
        NamedError::GatewayTimeout,
    ]);
    let plain = select(vec![
        FaultAction::Truncate,
        FaultAction::Reset,
        FaultAction::Garbage,
        FaultAction::InvalidJson,
        FaultAction::NoValue,
        FaultAction::Deep,
        FaultAction::Loop,
        FaultAction::DuplicatePage,
        FaultAction::Shift,
        FaultAction::EmptyPage,
        FaultAction::NextLinkOnLast,
        FaultAction::Unauthorized,
        FaultAction::ForeignNextLink("{origin}/v1.0".into()),
        FaultAction::ForeignNextLink("https://elsewhere.example/beta".into()),
        FaultAction::RejectedObject(RejectedObject::NoId),
        FaultAction::RejectedObject(RejectedObject::LongId),
    ]);
    let status = (200..600_u16, select(vec!["", "{}", "[]", "{\"value\":null}", "null", "{\"error\":{}}"]))
        .prop_map(|(status, body)| FaultAction::Status { status, headers: Vec::new(), body: FaultBody::Text(body.to_owned()) });
    let throttled = select(vec!["10", "30,120", "0", "86400", "soon"]).prop_map(|after| FaultAction::throttled(Some(after)));
    prop_oneof![3 => named.prop_map(FaultAction::error), 4 => plain, 1 => status, 1 => throttled]
}

fn fault() -> impl Strategy<Value = Fault> {
    let times = prop_oneof![3 => (1..4_u32).prop_map(Some), 1 => Just(None)];
    (action(), select(&TYPES), prop::option::of(1..5_u32), times, 0..3_u32).prop_map(|(action, policy_type, page, times, skip)| Fault {
        tenant: None,
        path: Some(World::path(policy_type)),
        page,
        times,
        skip,
        action,
    })
}

async fn prove(faults: Vec<Fault>, gone: Vec<Index>) -> Result<(), TestCaseError> {
    let mut world = World::with_size(OBJECTS).await;
    world.graph.page_cap = 30;
    world.simulator.world().set_page_limit(Some(PAGE));
    prop_assert_eq!(world.sync(&TYPES).await.record.status, RunStatus::Success);
    for (of, gone) in TYPES.iter().zip(gone) {
        let held = world.simulator.world().list(world.tenant(), &key(of));
        world.simulator.world().remove(world.tenant(), &key(of), &gone.get(&held).0).expect("it is there");
    }
    let count = faults.len() as u64;
    world.simulator.faults().add_all(faults);
    let before = world.simulator.counts().requests;
    let run = world.sync(&TYPES).await;
    // Three passes of five pages for each of six ways to ask, six tries for each page at the most.
    prop_assert!(world.simulator.counts().requests - before < 1_700 * (1 + count), "bounded");
    let certain = high(&world, &TYPES, Reference::LatestComplete).await;
    for of in TYPES {
        let high = certain.get(of).copied().unwrap_or(0);
        if ended(&run, of).0 == Some(ListingOutcome::Complete) {
            let listing = run.listings.iter().find(|listing| listing.policy_type.as_str() == of).expect("a listing");
            prop_assert_eq!(listing.observed, u64::from(OBJECTS) - 1, "{}", of);
            prop_assert_eq!(high, 1, "{}: what is gone is missing, and nothing else", of);
        } else {
            prop_assert_eq!(high, 0, "{}: i01", of);
        }
        prop_assert_eq!(world.items(of).await.len(), OBJECTS as usize, "{}: i04", of);
    }
    if run.record.status != RunStatus::Success {
        prop_assert!(high_of_run(&world).await.is_empty(), "i01: a run that is not whole makes nothing certain");
    }
    nothing_planted_is_on_disk(&world, "a plan");
    world.simulator.faults().clear();
    prop_assert_eq!(world.sync(&TYPES).await.record.status, RunStatus::Success, "a healthy run mends everything");
    let mended = high_of_run(&world).await;
    prop_assert_eq!(mended, TYPES.iter().map(|of| (*of).to_owned()).collect::<BTreeSet<_>>());
    Ok(())
}

/// The types of which something is missing with high confidence after the latest run.
async fn high_of_run(world: &World) -> BTreeSet<String> {
    high(world, &TYPES, Reference::LatestCompleted).await.into_keys().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn i01_i02_i05_under_any_plan_of_faults_only_what_a_complete_listing_did_not_see_is_missing_for_certain(
        faults in prop::collection::vec(fault(), 1..6),
        gone in prop::collection::vec(any::<Index>(), TYPES.len()),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(prove(faults, gone))?;
    }
}
