//! Two tenants with the same items: whoever holds a token of one never learns that the other is there, and changes nothing of it.

use lastseen_model::{Reference, Role, Tenants};
use lastseen_store::{ItemQuery, MissingQuery, RunQuery};

use crate::operations::{About, ROWS, Target};
use crate::support::{OURS, THEIRS, With, World, id, kind, only, scope, selection, tenant};

/// The item that only the other tenant has.
const ONLY_THEIRS: &str = "policy-only-theirs";

/// All that there is of a tenant, in words.
async fn all_of(world: &World, number: u8) -> String {
    let (store, scope) = (&world.store, scope(number));
    let missing = MissingQuery {
        selection: selection().hash(),
        reference: Reference::default(),
        confidence: None,
        since: None,
        acknowledged: true,
        after: None,
        limit: 1_000,
    };
    let items = store.items(&scope, &ItemQuery { limit: 1_000, ..ItemQuery::default() }).await.expect("items");
    let runs = store.runs(&scope, &RunQuery { limit: 1_000, ..RunQuery::default() }).await.expect("runs");
    let notes = store.explain(&scope, &kind(), &id(ONLY_THEIRS)).await.expect("an answer");
    let tenant = store.tenant(&scope).await.expect("a tenant");
    let missing = store.missing(&scope, &missing).await.expect("an answer");
    format!("{tenant:?}\n{runs:?}\n{items:?}\n{missing:?}\n{notes:?}")
}

#[tokio::test]
async fn i21_another_tenants_ids_answer_byte_for_byte_as_ids_that_do_not_exist() {
    let world = World::new().await;
    world.sync(THEIRS, &[ONLY_THEIRS]).await;
    world.sync(THEIRS, &[]).await;
    let token = world.token(Role::Admin, only(OURS)).await;
    let theirs = Target { item: ONLY_THEIRS.to_owned(), ..Target::of(&world, THEIRS).await };
    let nothing = Target::nothing();
    let before = all_of(&world, THEIRS).await;
    assert!(before.contains(ONLY_THEIRS));
    for row in ROWS.iter().filter(|row| row.about != About::Nothing) {
        let foreign = world.send((row.request)(&theirs).with(&token)).await;
        let absent = world.send((row.request)(&nothing).with(&token)).await;
        assert_eq!(foreign.status, if row.about == About::TenantInBody { 422 } else { 404 }, "{}", row.id);
        // Which tenant it was, whoever sent it knows.
        let (status, headers, body) = foreign.without_id();
        let body = body.replace(&theirs.tenant.to_string(), &nothing.tenant.to_string());
        assert_eq!((status, headers, body), absent.without_id(), "{}", row.id);
    }
    // Through the door of one's own tenant, too.
    let ours = Target::of(&world, OURS).await.tenant;
    let schedules = world.store.schedules().await.expect("schedules");
    assert!(schedules.iter().any(|schedule| schedule.schedule_id == theirs.schedule && schedule.paused_at.is_none()), "it is as it was");
    let (theirs, nothing) = (Target { tenant: ours, ..theirs }, Target { tenant: ours, ..nothing });
    for row in ROWS.iter().filter(|row| row.about == About::ThingOfTenant) {
        let foreign = world.send((row.request)(&theirs).with(&token)).await;
        let absent = world.send((row.request)(&nothing).with(&token)).await;
        assert_eq!(foreign.status, 404, "{}", row.id);
        assert_eq!(foreign.without_id(), absent.without_id(), "{}", row.id);
    }
    assert_eq!(all_of(&world, THEIRS).await, before);
}

#[tokio::test]
async fn i21_what_is_answered_of_all_tenants_leaves_the_other_out() {
    let world = World::new().await;
    let token = world.token(Role::Admin, only(OURS)).await;
    let theirs = scope(THEIRS).tenant().to_string();
    world.schedule(Tenants::Some([tenant(OURS), tenant(THEIRS)].into())).await;
    world.schedule(only(THEIRS)).await;
    for path in ["/v1/tenants?removed=true", "/v1/status", "/v1/missing/counts", "/v1/schedules", "/v1/whoami"] {
        let answer = world.get(&token, path).await;
        let text = String::from_utf8(answer.body.clone()).expect("text");
        assert!(answer.status == 200 && text.contains(&scope(OURS).tenant().to_string()), "{path}: {text}");
        assert!(!text.contains(&theirs), "{path}: {text}");
    }
}
