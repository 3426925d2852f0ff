//! A row: a fault, what it must come to, and what must be true before and after.

use std::collections::{BTreeMap, BTreeSet};

use lastseen_contracts::Registry;
use lastseen_model::{Confidence, ErrorCode, ListingOutcome, Reference, RunStatus};
use lastseen_simulator::{FaultScript, SizePlan, TenantPlan};
use lastseen_store::{Missing, MissingQuery, RunDetail};

use crate::support::{World, key, selection};

/// A type on a path of its own, of Intune, that is asked for without any option: nothing can be fallen back to.
pub(crate) const PLAIN: &str = "compliancePolicyV2";
/// A type of the same workload, and one of another, that no fault hits.
const NEIGHBOUR: &str = "mobileAppCategory";
const ELSEWHERE: &str = "authenticationStrengthPolicy";

/// How many objects each type has, and how many come on a page: three pages.
pub(crate) const OBJECTS: u32 = 12;
const PAGE: u32 = 5;

/// One thing that goes wrong.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    name: &'static str,
    /// A fault of a script, without its path.
    fault: &'static str,
    policy_type: &'static str,
    outcome: ListingOutcome,
    pub(crate) code: Option<ErrorCode>,
    /// The most requests for the path that the run may send.
    requests: usize,
    /// What is different in this world, from the beginning.
    world: fn(&mut World),
}

impl Row {
    /// It ends the listing so.
    pub(crate) const fn ends(name: &'static str, fault: &'static str, code: ErrorCode, requests: usize) -> Self {
        let outcome = ListingOutcome::Incomplete;
        Self { name, fault, policy_type: PLAIN, outcome, code: Some(code), requests, world: |_| {} }
    }
    /// It says that the tenant has no such thing.
    pub(crate) const fn unavailable(name: &'static str, fault: &'static str) -> Self {
        let outcome = ListingOutcome::Unavailable;
        Self { outcome, ..Self::ends(name, fault, ErrorCode::GraphFeatureUnavailable, 1) }
    }
    /// It passes, and the listing is whole.
    pub(crate) const fn passes(name: &'static str, fault: &'static str, requests: usize) -> Self {
        let outcome = ListingOutcome::Complete;
        Self { name, fault, policy_type: PLAIN, outcome, code: None, requests, world: |_| {} }
    }
    /// It hits another type.
    pub(crate) const fn on(self, policy_type: &'static str) -> Self {
        Self { policy_type, ..self }
    }
    /// In a world that is different.
    pub(crate) const fn within(self, world: fn(&mut World)) -> Self {
        Self { world, ..self }
    }

    fn script(&self) -> FaultScript {
        let text = format!("[[fault]]\npath = \"{}\"\n{}\n", World::path(self.policy_type), self.fault);
        FaultScript::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Proves it: a clean run, one with the fault, and a clean one again.
    async fn prove(&self) {
        let name = self.name;
        let types = [self.policy_type, NEIGHBOUR, ELSEWHERE];
        let mut world = World::with(vec![TenantPlan { sizes: SizePlan::each(OBJECTS), ..TenantPlan::numbered(1) }]).await;
        world.simulator.world().set_page_limit(Some(PAGE));
        let (path, _) = Registry::builtin().find(&key(self.policy_type)).expect("a type");
        for other in path.types.iter().filter(|other| other.policy_type.as_str() != self.policy_type) {
            world.simulator.world().set_size(world.tenant(), &other.policy_type, 0).expect("a type");
        }
        (self.world)(&mut world);
        let first = world.sync(&types).await;
        assert_eq!((first.record.status, first.record.had_errors), (RunStatus::Success, false), "{name}: {:?}", first.errors);
        for of in types {
            let gone = world.simulator.world().list(world.tenant(), &key(of)).remove(7).0;
            world.simulator.world().remove(world.tenant(), &key(of), &gone).expect("it is there");
        }

        if !self.fault.is_empty() {
            world.simulator.faults().add_all(self.script().faults);
        }
        let before = asked(&world, self.policy_type);
        let run = world.sync(&types).await;
        let sent = asked(&world, self.policy_type) - before;
        assert_eq!(ended(&run, self.policy_type), (Some(self.outcome), self.code), "{name}: {:?}", run.errors);
        assert!(sent <= self.requests, "{name}: {sent} requests, and not {} at most", self.requests);
        assert_eq!(ended(&run, ELSEWHERE), (Some(ListingOutcome::Complete), None), "{name}: i05: what is elsewhere is not clouded");
        if self.code != Some(ErrorCode::GraphThrottled) {
            assert_eq!(ended(&run, NEIGHBOUR), (Some(ListingOutcome::Complete), None), "{name}: i05: nor is its neighbour");
        }
        let certain = high(&world, &types, Reference::LatestCompleted).await;
        let expected = usize::from(self.outcome == ListingOutcome::Complete);
        assert_eq!(certain.get(self.policy_type).copied().unwrap_or(0), expected, "{name}: i01: missing with high confidence");
        let by_listing = high(&world, &types, Reference::LatestComplete).await;
        assert_eq!(by_listing.get(self.policy_type).copied().unwrap_or(0), expected, "{name}: i01: by the latest complete listing, too");
        assert_eq!(by_listing.get(ELSEWHERE), Some(&1), "{name}: i05: what is elsewhere is as certain as ever");
        assert_eq!(world.items(self.policy_type).await.len(), OBJECTS as usize, "{name}: i04: nothing is lost, and nothing comes twice");
        kept_is_whitelisted(&world, &types, name).await;
        nothing_planted_is_on_disk(&world, name);

        world.simulator.faults().clear();
        let healthy = world.sync(&types).await;
        assert_eq!((healthy.record.status, healthy.record.had_errors), (RunStatus::Success, false), "{name}: {:?}", healthy.errors);
        let mended = high(&world, &types, Reference::LatestCompleted).await;
        assert!(types.iter().all(|of| mended.get(*of) == Some(&1)), "{name}: a healthy run mends everything: {mended:?}");
    }
}

/// Proves every row.
pub(crate) async fn prove(rows: &[Row]) {
    for row in rows {
        row.prove().await;
    }
    let names: BTreeSet<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), rows.len(), "each row has a name of its own");
}

/// How the listing of a type ended.
pub(crate) fn ended(run: &RunDetail, policy_type: &str) -> (Option<ListingOutcome>, Option<ErrorCode>) {
    let listing = run.listings.iter().find(|listing| listing.policy_type.as_str() == policy_type).expect("a listing");
    (listing.outcome, listing.error_code)
}

fn asked(world: &World, policy_type: &str) -> usize {
    let path = World::path(policy_type);
    world.simulator.requests().iter().filter(|request| request.path.ends_with(&path)).count()
}

/// How many items of each type are missing with high confidence.
pub(crate) async fn high(world: &World, types: &[&str], reference: Reference) -> BTreeMap<String, usize> {
    let query = MissingQuery {
        selection: selection(types).hash(),
        reference,
        confidence: Some(Confidence::High),
        since: None,
        acknowledged: true,
        after: None,
        limit: 1_000,
    };
    let Missing::Answer(answer) = world.store.missing(&world.scope(), &query).await.expect("an answer") else {
        panic!("there is a baseline");
    };
    let mut found = BTreeMap::new();
    for item in &answer.items {
        *found.entry(item.policy_type.to_string()).or_default() += 1;
    }
    found
}

/// What is stored of every item is on its type's whitelist (I18).
async fn kept_is_whitelisted(world: &World, types: &[&str], name: &str) {
    for of in types {
        let policy_type = key(of);
        let (_, known) = Registry::builtin().find(&policy_type).expect("a type");
        let whitelist: BTreeSet<_> = known.meta.iter().map(|kept| kept.field.as_str()).collect();
        for item in world.items(of).await {
            let meta: BTreeMap<String, serde_json::Value> = serde_json::from_str(item.meta_jsonb.get()).expect("an object");
            assert!(meta.keys().all(|key| whitelist.contains(key.as_str())), "{name}: i18: {:?}", meta.keys());
        }
    }
}

/// No secret, token, body, link or error text that the simulator plants is anywhere in the database (I17).
pub(crate) fn nothing_planted_is_on_disk(world: &World, name: &str) {
    let disk = world.disk();
    let text = String::from_utf8_lossy(&disk);
    assert!(text.contains(PLAIN), "the database was read");
    for canary in lastseen_simulator::CANARIES {
        assert!(!text.contains(canary), "{name}: i17: {canary} is on disk");
    }
}
