//! Holds every answer of the database against the model's.

use lastseen_model::{Confidence, Limits, Reference, TenantId, Tenants};
use lastseen_store::{ItemQuery, Missing, MissingQuery, RunQuery, Store, TenantScope};
use proptest::{prop_assert, prop_assert_eq};

use super::player::{LIMITS, Played, Player, selections, tenant_of};
use super::same::same;
use super::tally::{PASSED_OVER, QUEUED_BEHIND_A_LIMIT};
use crate::model::MissingSaid;
use crate::world;

/// The references that missing can be asked against.
const REFERENCES: [Reference; 3] = [Reference::LatestCompleted, Reference::LatestSuccess, Reference::LatestComplete];

impl Player<'_> {
    /// Compares all that is derived, for the tenants that a move may have touched. Nothing that is derived depends on the clock,
    /// so a move without a command changes no answer.
    pub(crate) async fn compare(&mut self) -> Played<()> {
        if !self.touched.is_empty() {
            self.compare_queue().await?;
            self.compare_fleet().await?;
            self.compare_any_two_runs().await?;
        }
        for part in std::mem::take(&mut self.touched) {
            let tenant = tenant_of(part);
            for chosen in selections() {
                let hash = chosen.selection.hash();
                for _ in 0..self.model.known_by_passing_over(tenant, hash) {
                    self.tally.met(PASSED_OVER);
                }
                let completed = self.model.missing(tenant, hash, Reference::LatestCompleted);
                for reference in REFERENCES {
                    let said = self.model.missing(tenant, hash, reference);
                    self.tally.answer(said.as_ref());
                    // An answer that is the latest completed run's own needs no second question, nor does having no run at all.
                    let asked = reference == Reference::LatestCompleted || said != completed;
                    if let Some(database) = self.database.as_mut().filter(|_| asked) {
                        let store = database.store();
                        compare_missing(&*store, tenant, hash, reference, said.as_ref()).await?;
                    }
                }
            }
            self.compare_a_pair(tenant).await?;
            let Some(database) = &mut self.database else { continue };
            let (store, scope) = (database.store(), world::scope_of(tenant));
            let reference = REFERENCES[self.chance % REFERENCES.len()];
            let counts = store.missing_counts(&scope, reference).await.expect("counts");
            same(("counts", reference), &counts, &self.model.missing_counts(tenant, reference))?;
            same("the tenant", &store.tenant(&scope).await.expect("a tenant"), &self.model.tenant(tenant))?;
            same("the tenants", &store.tenants().await.expect("tenants"), &self.model.all_tenants())?;
            let found = store.items(&scope, &ItemQuery { limit: 10_000, ..ItemQuery::default() }).await.expect("items");
            same("items", &json(&found.items), &json(&self.model.items(tenant)))?;
            prop_assert_eq!(found.next_cursor, None);
            let runs = store.runs(&scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs");
            let said = self.model.records(tenant);
            same("runs", &runs, &said)?;
            same("selections", &store.selections(&scope).await.expect("selections"), &self.model.selections(tenant))?;
            for run in said.iter().filter(|run| run.status.is_live()).chain(said.first()) {
                let found = store.run(&scope, run.run_id).await.expect("run");
                same("a run", &found, &self.model.detail(tenant, run.run_id))?;
            }
        }
        Ok(())
    }

    /// The queue is of all tenants, so every command may have changed it.
    async fn compare_queue(&mut self) -> Played<()> {
        let said = self.model.queued(LIMITS);
        let all = self.model.queued(Limits { global: u32::MAX, per_tenant: u32::MAX });
        if said.len() < all.len() {
            self.tally.met(QUEUED_BEHIND_A_LIMIT);
        }
        let Some(database) = &mut self.database else { return Ok(()) };
        let found = database.store().queued_runs(LIMITS, 1_000).await.expect("queued runs");
        for run in &found {
            let record = self.model.run(run.tenant_id, run.run_id).map(|run| &run.record);
            let known = record.map(|record| (record.correlation_id, record.selection_payload.clone()));
            same("a queued run", &Some((run.correlation_id, run.selection.clone())), &known)?;
        }
        same("the queue", &found.iter().map(|run| run.run_id).collect::<Vec<_>>(), &said)
    }

    /// The state of the fleet: of all tenants, or of one of them beside one that nobody knows.
    async fn compare_fleet(&mut self) -> Played<()> {
        let asked = match self.chance % 4 {
            0 => Tenants::Some([tenant_of(0), world::tenant(9)].into()),
            1 => Tenants::Some([tenant_of(1), world::tenant(9)].into()),
            _ => Tenants::All,
        };
        let Some(database) = &mut self.database else { return Ok(()) };
        let found = database.store().fleet_state(&asked).await.expect("the fleet's state");
        same(("the fleet", &asked), &found, &self.model.fleet_state(&asked))
    }

    /// Compares what is too much to compare after every move: all runs' details, explanations, views.
    pub(crate) async fn compare_at_the_end(&mut self) -> Played<()> {
        for tenant in [0, 1].map(tenant_of) {
            self.tally.ends(&self.model.records(tenant));
        }
        let Some(database) = &mut self.database else { return Ok(()) };
        for part in [0, 1] {
            let (tenant, scope) = (tenant_of(part), world::scope_of(tenant_of(part)));
            for run in self.model.records(tenant) {
                let found = database.store().run(&scope, run.run_id).await.expect("run");
                same("a run", &found, &self.model.detail(tenant, run.run_id))?;
            }
            compare_explanations(&*database.store(), &scope, &self.model).await?;
        }
        super::views::compare(database.under_test, &self.model).await
    }
}

async fn compare_missing(
    store: &dyn Store,
    tenant: TenantId,
    selection: lastseen_model::SelectionHash,
    reference: Reference,
    said: Option<&MissingSaid>,
) -> Played<()> {
    let query = MissingQuery { selection, reference, confidence: None, since: None, acknowledged: true, after: None, limit: 10_000 };
    let answer = match store.missing(&world::scope_of(tenant), &query).await.expect("missing") {
        Missing::NoBaseline => None,
        Missing::Answer(answer) => Some(answer),
    };
    let (Some(answer), Some(said)) = (&answer, said) else {
        prop_assert!(answer.is_none() && said.is_none(), "a baseline on one side only: {:?} and {:?}", answer, said);
        return Ok(());
    };
    same("the reference", &answer.reference, &said.reference)?;
    same("coverage", &answer.coverage, &said.coverage)?;
    same(("missing", reference), &answer.items, &said.items)?;
    let count = |confidence| said.items.iter().filter(|item| item.confidence == confidence).count() as u64;
    let acknowledged = said.items.iter().filter(|item| item.acknowledged_at.is_some()).count() as u64;
    let counts = (answer.high, answer.low, answer.acknowledged, &answer.next_cursor);
    same("the totals", &counts, &(count(Confidence::High), count(Confidence::Low), acknowledged, &None))?;
    Ok(())
}

/// An explanation says of an item what the lists say of it.
async fn compare_explanations(store: &dyn Store, scope: &TenantScope, model: &crate::model::Model) -> Played<()> {
    let tenant = scope.tenant();
    for item in model.items(tenant) {
        let found = store.explain(scope, &item.policy_type, &item.external_id).await.expect("explain").expect("an item that is listed");
        same("the explained item", &json(&found.item), &json(&item))?;
        same("the listings that bear on it", &found.listings, &model.sightings(tenant, &item.policy_type, &item.external_id))?;
        let standing: Vec<_> = found.standing.iter().map(|row| (row.selection_hash, row.missing.as_ref())).collect();
        let said = model.standing(tenant, &item.policy_type, &item.external_id);
        let said: Vec<_> = said.iter().map(|(hash, missing)| (*hash, missing.as_ref())).collect();
        same("where it stands", &standing, &said)?;
    }
    Ok(())
}

pub(super) fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("answers are JSON")
}
