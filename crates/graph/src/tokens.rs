//! The tokens of all tenants, each in a slot of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lastseen_model::{ClientId, TenantId};

use crate::access::Access;
use crate::budget::locked;
use crate::origin::Origin;
use crate::token::TokenSlot;

/// What a token belongs to: where it is from and for, whose it is, who asked, and how that was proven. Two sessions that differ in any of
/// these never share a token (I21). It has no `Debug`: the fingerprint is of a secret.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    authority: Origin,
    graph: Origin,
    tenant: TenantId,
    client_id: Option<ClientId>,
    proof: [u8; 32],
}

/// The slots.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, Arc<TokenSlot>>>);

impl Tokens {
    /// The slot of a tenant's access; made, if there is none. Slots that nobody holds and whose token is over are dropped then, so that a
    /// process in which secrets are replaced for years keeps no more than it uses.
    pub(crate) fn slot(&self, tenant: TenantId, access: &Access, now: Duration) -> Arc<TokenSlot> {
        let key = Key {
            authority: access.endpoints.authority.clone(),
            graph: access.endpoints.graph.clone(),
            tenant,
            client_id: access.credential.client_id.clone(),
            proof: access.credential.fingerprint(),
        };
        let mut slots = locked(&self.0);
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_of_use(now));
        Arc::clone(slots.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Credential, Proof};
    use crate::origin::Endpoints;
    use lastseen_model::Cloud;

    fn access(cloud: Cloud, client: &str, secret: &str) -> Access {
        let credential = Credential { client_id: Some(client.parse().expect("an id")), proof: Proof::Secret(secret.into()) };
        Access { endpoints: Endpoints::of(cloud), credential: Arc::new(credential), requests_at_once: None }
    }

    fn tenant(n: u128) -> TenantId {
        uuid::Uuid::from_u128(n).try_into().expect("not zero")
    }

    #[test]
    fn i21_a_slot_is_shared_only_where_cloud_tenant_client_and_proof_are_the_same() {
        let tokens = Tokens::default();
        let slot = |n, cloud, client, secret| tokens.slot(tenant(n), &access(cloud, client, secret), Duration::ZERO);
        let one = slot(1, Cloud::Global, "a", "s");
        assert!(Arc::ptr_eq(&one, &slot(1, Cloud::Global, "a", "s")));
        let others = [
            slot(2, Cloud::Global, "a", "s"),
            slot(1, Cloud::China, "a", "s"),
            slot(1, Cloud::Global, "b", "s"),
            slot(1, Cloud::Global, "a", "t"),
            slot(1, Cloud::UsGovernment, "a", "s"),
            slot(1, Cloud::UsGovernmentDod, "a", "s"),
        ];
        assert!(others.iter().all(|other| !Arc::ptr_eq(&one, other)));
        assert!(!Arc::ptr_eq(&others[4], &others[5]), "the same authority gives tokens for two Graphs");
    }

    #[test]
    fn slots_that_nobody_holds_and_that_keep_nothing_are_dropped() {
        let tokens = Tokens::default();
        let held = tokens.slot(tenant(1), &access(Cloud::Global, "a", "s"), Duration::ZERO);
        for n in 2..=100 {
            drop(tokens.slot(tenant(n), &access(Cloud::Global, "a", "s"), Duration::ZERO));
        }
        assert_eq!(locked(&tokens.0).len(), 2, "the one that is held and the last");
        drop(held);
    }
}
