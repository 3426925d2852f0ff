//! Ending what has expired, where one run can't be ended.

use std::time::Duration;

use lastseen_model::{Guard, Limits, OnLimit, Selection, TenantId, Trigger, WorkerId};
use lastseen_store::{ClaimTerms, DatabaseClock, ManualClock, NewRun, RegistryType, ScopedType, Start, Store, TenantScope};
use uuid::Uuid;

use crate::support::{BEGINNING, Database, Postgres, runtime};

const LEASE: Duration = Duration::from_mins(1);

#[expect(clippy::disallowed_methods, reason = "a test stands in for the command line")]
fn tenant(number: u128) -> TenantScope {
    TenantScope::assume(TenantId::try_from(Uuid::from_u128(number)).expect("not nil"))
}

async fn start(store: &dyn Store, number: u128) -> Start {
    let id = Uuid::from_u128(number);
    let run = NewRun {
        run_id: id.try_into().expect("not nil"),
        correlation_id: id.try_into().expect("not nil"),
        selection: Selection::default(),
        trigger: Trigger::Manual,
        on_limit: OnLimit::Skip,
        pending_for: LEASE,
        start_key: None,
    };
    let types = vec![ScopedType {
        policy_type: "deviceConfiguration".parse().expect("a key"),
        contract_hash: lastseen_model::ContractHash::from_bytes([1; 16]),
        contract_version: lastseen_model::ContractVersion::from_bytes([2; 16]),
        pages_by_offset: false,
    }];
    let (limits, guard) = (Limits::default(), Guard::default());
    let terms = ClaimTerms { worker: WorkerId::new("w"), lease_for: LEASE, pending_for: LEASE, limits, guard, types };
    store.start_run(&tenant(number), &run, &terms).await.expect("starts")
}

#[test]
fn one_expired_run_that_can_not_be_ended_keeps_no_other_from_ending_or_starting() {
    runtime().block_on(async {
        let database = Database::migrated().await;
        let clock = ManualClock::starting_at(BEGINNING.parse().expect("a time"));
        let store = database.store(Postgres::Direct, DatabaseClock::Manual(clock.clone())).await;
        let known = RegistryType {
            policy_type: "deviceConfiguration".parse().expect("a key"),
            category: "Configuration".parse().expect("a category"),
            display_name: "Device configuration".into(),
            path: "/deviceManagement/deviceConfigurations".into(),
            api_version: "v1.0".into(),
        };
        store.mirror_registry(&[known]).await.expect("mirrored");
        for number in [1, 2] {
            assert!(matches!(start(&store, number).await, Start::Claimed(_)));
        }
        // Where the first run's error belongs, somebody else's row stands.
        database
            .as_superuser("INSERT INTO run_errors SELECT tenant_id, run_id, 1, 'internal', '{}' FROM sync_runs ORDER BY created_no LIMIT 1")
            .await;
        clock.advance(LEASE + Duration::from_micros(1));
        assert!(matches!(start(&store, 3).await, Start::Claimed(_)));
        let reaped = store.reap_expired().await.expect("answers");
        assert!(reaped.failed.is_empty(), "the second run was ended by that start, and the first can't be");
    });
}
