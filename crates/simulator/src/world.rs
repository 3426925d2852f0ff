//! The handle by which tests and the demo change what tenants hold. Everything here is the same for the same calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lastseen_contracts::{PathContract, PathKind};
use lastseen_model::{PolicyType, TenantId};

use crate::catalogue::{Slot, Tenant, locate};
use crate::mix::Mix;

/// The handle to what tenants hold. Cheap to clone; every method takes effect with the next request.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) paths: Arc<[PathContract]>,
    seed: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tenants: Vec<Tenant>,
    /// No page holds more, whatever is asked for.
    pub(crate) page_limit: Option<u32>,
    /// How long a token lives.
    pub(crate) token_lifetime: Duration,
    /// What paths do not take, where a test said so.
    pub(crate) manners: BTreeMap<String, Manners>,
}

/// What a path does not take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manners {
    pub(crate) select_refused: bool,
    pub(crate) expand_refused: bool,
    /// The largest `$top`.
    pub(crate) top_limit: Option<u32>,
    /// `$top` is a limit on the whole list, and no page size.
    pub(crate) top_cuts_off: bool,
    /// Pages that are to hold more than this are a 500.
    pub(crate) fails_above: Option<u32>,
}

/// How much comes and goes in [`World::churn`]. Percentages of what is there, rounded to the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChurnPlan {
    /// How many objects of each type go.
    pub percent_gone: u32,
    /// How many new ones come.
    pub percent_new: u32,
    /// How many of those that stay get another name.
    pub percent_renamed: u32,
    /// Which ones.
    pub seed: u64,
}

/// What [`World::churn`] did: types and external ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Churned {
    /// Those that went.
    pub gone: Vec<(PolicyType, String)>,
    /// Those that came.
    pub new: Vec<(PolicyType, String)>,
    /// Those with another name.
    pub renamed: Vec<(PolicyType, String)>,
}

/// A change to something that isn't there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The simulator has no such tenant.
    #[error("the simulator has no tenant {0}")]
    UnknownTenant(TenantId),
    /// The registry has no such type.
    #[error("the registry has no policy type {0}")]
    UnknownType(PolicyType),
    /// The tenant never held such an object.
    #[error("the tenant has no {policy_type} with the id {external_id}")]
    UnknownObject {
        /// The type.
        policy_type: PolicyType,
        /// The id.
        external_id: String,
    },
    /// A singleton is one object, which can be removed and restored, but not multiplied or moved.
    #[error("{0} is a singleton")]
    Singleton(PolicyType),
}

impl World {
    pub(crate) fn new(paths: Arc<[PathContract]>, seed: u64, tenants: Vec<Tenant>) -> Self {
        let state = State { tenants, page_limit: None, token_lifetime: Duration::from_secs(3_599), manners: BTreeMap::new() };
        Self { paths, seed, state: Arc::new(Mutex::new(state)) }
    }

    /// What a tenant holds of a type: external id and name, in the order of its path. Empty for a tenant or type that the
    /// simulator doesn't have.
    pub fn list(&self, tenant: TenantId, policy_type: &PolicyType) -> Vec<(String, Option<String>)> {
        let state = self.lock();
        let Some((path_index, type_index)) = locate(&self.paths, policy_type) else { return Vec::new() };
        let Some(tenant) = state.tenant(tenant) else { return Vec::new() };
        let path = &self.paths[path_index];
        let present = tenant.slots_of(path_index, type_index).filter(|slot| tenant.is_present(path_index, *slot));
        present
            .map(|slot| tenant.describe(path, path_index, slot))
            .map(|described| (described.external_id(&path.types[described.type_index]), described.name))
            .collect()
    }

    /// Takes an object away. One that is away already stays so.
    pub fn remove(&self, tenant: TenantId, policy_type: &PolicyType, external_id: &str) -> Result<(), WorldError> {
        self.with_object(tenant, policy_type, external_id, |tenant, path_index, slot| tenant.paths[path_index].set_present(slot, false))
    }

    /// Brings an object back. One that is there stays so.
    pub fn restore(&self, tenant: TenantId, policy_type: &PolicyType, external_id: &str) -> Result<(), WorldError> {
        self.with_object(tenant, policy_type, external_id, |tenant, path_index, slot| tenant.paths[path_index].set_present(slot, true))
    }

    /// Lets a tenant's administrator have granted a permission beyond those that the paths need.
    ///
    /// # Errors
    /// There is no such tenant.
    pub fn grant_also(&self, tenant: TenantId, permission: &str) -> Result<(), WorldError> {
        self.lock().tenant_mut(tenant)?.granted_also.insert(permission.to_owned());
        Ok(())
    }

    /// Sets who manages a tenant's devices, as Graph writes it; `intune` at the start.
    ///
    /// # Errors
    /// There is no such tenant.
    pub fn set_mdm_authority(&self, tenant: TenantId, authority: &str) -> Result<(), WorldError> {
        authority.clone_into(&mut self.lock().tenant_mut(tenant)?.mdm_authority);
        Ok(())
    }

    /// Gives an object another name.
    pub fn rename(&self, tenant: TenantId, policy_type: &PolicyType, external_id: &str, name: &str) -> Result<(), WorldError> {
        self.with_object(tenant, policy_type, external_id, |tenant, path_index, slot| tenant.paths[path_index].rename(slot, name))
    }

    /// Adds new objects of a type and returns their ids.
    pub fn add(&self, tenant: TenantId, policy_type: &PolicyType, count: u32) -> Result<Vec<String>, WorldError> {
        let (path_index, type_index) = self.locate_collection(policy_type)?;
        let mut state = self.lock();
        let tenant = state.tenant_mut(tenant)?;
        let slots: Vec<Slot> = tenant.paths[path_index].grow(type_index, count).collect();
        let path = &self.paths[path_index];
        Ok(slots.into_iter().filter_map(|slot| tenant.describe(path, path_index, slot).graph_id).collect())
    }

    /// Puts in an object with this very id and name, at the end of its path. The id may be in use, or be one that Graph would
    /// not give.
    pub fn insert(&self, tenant: TenantId, policy_type: &PolicyType, external_id: &str, name: Option<&str>) -> Result<(), WorldError> {
        let (path_index, type_index) = self.locate_collection(policy_type)?;
        self.lock().tenant_mut(tenant)?.paths[path_index].insert(type_index, external_id, name);
        Ok(())
    }

    /// Makes an object one of another type under the same id: on the same path in its place, else gone here and new there.
    pub fn move_to_type(&self, tenant: TenantId, from: &PolicyType, external_id: &str, to: &PolicyType) -> Result<(), WorldError> {
        let (from_path, _) = self.locate_collection(from)?;
        let (to_path, to_type) = self.locate_collection(to)?;
        let paths = Arc::clone(&self.paths);
        self.with_object(tenant, from, external_id, |tenant, path_index, slot| {
            if from_path == to_path {
                tenant.paths[path_index].retype(slot, to_type);
            } else {
                let name = tenant.describe(&paths[path_index], path_index, slot).name;
                tenant.paths[path_index].set_present(slot, false);
                tenant.paths[to_path].insert(to_type, external_id, name.as_deref());
            }
        })
    }

    /// Makes a tenant hold exactly the first `size` objects of a type, none of them gone. A singleton is there or not.
    pub fn set_size(&self, tenant: TenantId, policy_type: &PolicyType, size: u32) -> Result<(), WorldError> {
        let (path_index, type_index) = self.locate(policy_type)?;
        let size = if self.paths[path_index].kind == PathKind::Singleton { size.min(1) } else { size };
        self.lock().tenant_mut(tenant)?.paths[path_index].resize(type_index, size);
        Ok(())
    }

    /// Lets objects of every collection come, go and be renamed.
    pub fn churn(&self, tenant: TenantId, plan: ChurnPlan) -> Result<Churned, WorldError> {
        let types: Vec<PolicyType> = self
            .paths
            .iter()
            .filter(|path| path.kind == PathKind::Collection)
            .flat_map(|path| path.types.iter().map(|of| of.policy_type.clone()))
            .collect();
        let mut churned = Churned::default();
        for policy_type in types {
            let of_type = self.churn_type(tenant, &policy_type, plan)?;
            churned.gone.extend(of_type.gone);
            churned.new.extend(of_type.new);
            churned.renamed.extend(of_type.renamed);
        }
        Ok(churned)
    }

    /// Lets objects of one type come, go and be renamed.
    pub fn churn_type(&self, tenant: TenantId, policy_type: &PolicyType, plan: ChurnPlan) -> Result<Churned, WorldError> {
        let (path_index, type_index) = self.locate_collection(policy_type)?;
        let path = &self.paths[path_index];
        let mut state = self.lock();
        let tenant = state.tenant_mut(tenant)?;
        let mix = Mix::new(self.seed).and(plan.seed).and_text(policy_type.as_str());
        let mut present: Vec<(u64, Slot)> = tenant
            .slots_of(path_index, type_index)
            .filter(|slot| tenant.is_present(path_index, *slot))
            .enumerate()
            .map(|(number, slot)| (mix.and(number as u64).next(), slot))
            .collect();
        present.sort_unstable_by_key(|(order, _)| *order);
        let share = |percent: u32| (present.len() * percent.min(100) as usize + 50) / 100;
        let (gone, new, renamed) = (share(plan.percent_gone), share(plan.percent_new), share(plan.percent_renamed));

        let named =
            |tenant: &Tenant, slot| (policy_type.clone(), tenant.describe(path, path_index, slot).external_id(&path.types[type_index]));
        let mut churned = Churned::default();
        for (_, slot) in &present[..gone] {
            tenant.paths[path_index].set_present(*slot, false);
            churned.gone.push(named(tenant, *slot));
        }
        for (_, slot) in present[gone..].iter().take(renamed) {
            let name = tenant.describe(path, path_index, *slot).name.unwrap_or_default();
            tenant.paths[path_index].rename(*slot, &format!("{name} (v{})", plan.seed));
            churned.renamed.push(named(tenant, *slot));
        }
        let slots: Vec<Slot> = tenant.paths[path_index].grow(type_index, u32::try_from(new).unwrap_or(u32::MAX)).collect();
        churned.new.extend(slots.into_iter().map(|slot| named(tenant, slot)));
        Ok(churned)
    }

    /// Takes a permission from the application in a tenant: its paths answer 403.
    pub fn deny(&self, tenant: TenantId, permission: &str) -> Result<(), WorldError> {
        self.lock().tenant_mut(tenant)?.denied.insert(permission.to_owned());
        Ok(())
    }

    /// Gives a permission back.
    pub fn grant(&self, tenant: TenantId, permission: &str) -> Result<(), WorldError> {
        self.lock().tenant_mut(tenant)?.denied.remove(permission);
        Ok(())
    }

    /// Revokes all tokens that a tenant's endpoint has issued: Graph answers 401 to them.
    pub fn revoke_tokens(&self, tenant: TenantId) -> Result<(), WorldError> {
        let mut state = self.lock();
        let tenant = state.tenant_mut(tenant)?;
        tenant.token_floor = tenant.tokens_issued + 1;
        Ok(())
    }

    /// Makes a tenant's token endpoint issue tokens of another tenant (or its own again).
    pub fn issue_tokens_of(&self, tenant: TenantId, other: Option<TenantId>) -> Result<(), WorldError> {
        let mut state = self.lock();
        if let Some(other) = other
            && state.tenant(other).is_none()
        {
            return Err(WorldError::UnknownTenant(other));
        }
        state.tenant_mut(tenant)?.impostor = other;
        Ok(())
    }

    /// How long tokens issued from now on live; Entra's sample says 3,599 s. `expires_in` tells it in whole seconds.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.lock().token_lifetime = lifetime;
    }

    /// Lets no page hold more than this, whatever is asked for; none takes the limit away. Small pages make long listings of
    /// few objects.
    pub fn set_page_limit(&self, limit: Option<u32>) {
        self.lock().page_limit = limit.map(|limit| limit.max(1));
    }

    /// Whether a path answers any `$select` with the 400 that a property of a derived type earns.
    pub fn refuse_select(&self, path: &str, refuse: bool) {
        self.lock().manners.entry(path.to_owned()).or_default().select_refused = refuse;
    }

    /// Whether a path answers `$expand=assignments` with 400, though its contract says that it takes it.
    pub fn refuse_expand(&self, path: &str, refuse: bool) {
        self.lock().manners.entry(path.to_owned()).or_default().expand_refused = refuse;
    }

    /// Makes a path answer any `$top` above this with the 400 that says that the limit was exceeded; none takes the limit away.
    pub fn limit_top(&self, path: &str, limit: Option<u32>) {
        self.lock().manners.entry(path.to_owned()).or_default().top_limit = limit;
    }

    /// Whether a path takes `$top` for a limit on the whole list: no next link follows what it cuts off.
    pub fn cut_off_at_top(&self, path: &str, cut_off: bool) {
        self.lock().manners.entry(path.to_owned()).or_default().top_cuts_off = cut_off;
    }

    /// Makes a path answer 500 where a page is to hold more than this, by `$top` or by its own page size; none cures it.
    pub fn fail_large_pages(&self, path: &str, above: Option<u32>) {
        self.lock().manners.entry(path.to_owned()).or_default().fails_above = above;
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything can panic, so what a panicking test leaves is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locate(&self, policy_type: &PolicyType) -> Result<(usize, usize), WorldError> {
        locate(&self.paths, policy_type).ok_or_else(|| WorldError::UnknownType(policy_type.clone()))
    }

    fn locate_collection(&self, policy_type: &PolicyType) -> Result<(usize, usize), WorldError> {
        let (path_index, type_index) = self.locate(policy_type)?;
        match self.paths[path_index].kind {
            PathKind::Collection => Ok((path_index, type_index)),
            PathKind::Singleton => Err(WorldError::Singleton(policy_type.clone())),
        }
    }

    fn with_object(
        &self,
        tenant: TenantId,
        policy_type: &PolicyType,
        external_id: &str,
        change: impl FnOnce(&mut Tenant, usize, Slot),
    ) -> Result<(), WorldError> {
        let (path_index, type_index) = self.locate(policy_type)?;
        let path = &self.paths[path_index];
        let mut state = self.lock();
        let tenant = state.tenant_mut(tenant)?;
        let found = tenant
            .slots_of(path_index, type_index)
            .find(|slot| tenant.describe(path, path_index, *slot).external_id(&path.types[type_index]) == external_id);
        let unknown = || WorldError::UnknownObject { policy_type: policy_type.clone(), external_id: external_id.to_owned() };
        change(tenant, path_index, found.ok_or_else(unknown)?);
        Ok(())
    }
}

impl State {
    pub(crate) fn tenant(&self, tenant: TenantId) -> Option<&Tenant> {
        self.tenants.iter().find(|known| known.id == tenant)
    }

    pub(crate) fn tenant_mut(&mut self, tenant: TenantId) -> Result<&mut Tenant, WorldError> {
        self.tenants.iter_mut().find(|known| known.id == tenant).ok_or(WorldError::UnknownTenant(tenant))
    }
}
