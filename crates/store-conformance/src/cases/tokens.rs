//! Tokens of the API: what one is worth, and to whom.

use std::time::Duration;

use lastseen_model::{Role, Tenants};
use lastseen_store::{NewToken, StoreError, TokenRecord, TokenUse};

use crate::fixture::{Desk, Lab, MICRO, hash_of, new_token, tenants_of};

const HOUR: Duration = Duration::from_hours(1);

/// A token that lives long enough for every case.
fn lasting(number: u8, role: Role, tenants: Tenants) -> NewToken {
    NewToken { expires_in: 100 * HOUR, ..new_token(number, role, tenants) }
}

async fn create(desk: &Desk, token: &NewToken) -> TokenRecord {
    desk.store.create_token(token).await.expect("a token")
}

async fn show(desk: &Desk, number: u8) -> TokenUse {
    desk.store.use_token(&hash_of(number)).await.expect("an answer")
}

async fn valid(desk: &Desk, number: u8) -> TokenRecord {
    match show(desk, number).await {
        TokenUse::Valid { token, .. } => token,
        other => panic!("the token holds: {other:?}"),
    }
}

/// A tenant that the database knows.
async fn known(lab: &Lab, tenant: u8) -> Desk {
    let desk = lab.desk(tenant);
    desk.store.register_tenant(&desk.scope, None).await.expect("known");
    desk
}

pub(crate) async fn a_token_is_good_for_what_it_was_made_for_until_its_time_is_over(lab: Lab) {
    let (one, two, _third) = (known(&lab, 1).await, known(&lab, 2).await, known(&lab, 3).await);
    let made = create(&one, &new_token(1, Role::Operator, tenants_of([&two, &one]))).await;
    assert_eq!((made.role, &made.tenants, made.name.as_str()), (Role::Operator, &tenants_of([&one, &two]), "token 1"));
    assert_eq!((made.created_at, made.revoked_at, made.last_used_at), (lab.now(), None, None));
    let all = create(&one, &new_token(2, Role::Admin, Tenants::All)).await;
    assert_eq!((all.role, all.tenants), (Role::Admin, Tenants::All));
    let none = create(&one, &new_token(3, Role::Reader, tenants_of([]))).await;
    assert_eq!((none.role, none.tenants), (Role::Reader, tenants_of([])));

    lab.pass(HOUR.saturating_sub(MICRO));
    let elsewhere = lab.elsewhere(1).await;
    let shown = valid(&elsewhere, 1).await;
    assert_eq!(shown, made);
    lab.pass(MICRO);
    assert_eq!(shown.expires_at, lab.now());
    for number in [1, 2, 3] {
        assert_eq!(show(&elsewhere, number).await, TokenUse::Expired);
    }
}

pub(crate) async fn a_token_that_was_taken_back_is_good_for_nothing_and_stays_taken_back(lab: Lab) {
    let desk = lab.desk(1);
    let (token, other) = (new_token(1, Role::Admin, Tenants::All), lasting(2, Role::Admin, Tenants::All));
    for token in [&token, &other] {
        create(&desk, token).await;
    }
    let since = lab.now();
    let revoked = desk.store.revoke_token(token.token_id).await.expect("an answer").expect("known");
    assert_eq!(revoked.revoked_at, Some(since));
    assert_eq!(show(&lab.elsewhere(1).await, 1).await, TokenUse::Revoked);
    lab.pass(2 * HOUR);
    assert_eq!(desk.store.revoke_token(token.token_id).await.expect("an answer"), Some(revoked), "again: unchanged");
    assert_eq!(show(&desk, 1).await, TokenUse::Revoked, "also when its time is over");
    valid(&desk, 2).await;
    assert_eq!(desk.store.revoke_token(new_token(9, Role::Admin, Tenants::All).token_id).await.expect("an answer"), None);
}

pub(crate) async fn a_token_that_nobody_made_is_unknown(lab: Lab) {
    let desk = lab.desk(1);
    assert_eq!(show(&desk, 1).await, TokenUse::Unknown);
    create(&desk, &new_token(1, Role::Admin, Tenants::All)).await;
    assert_eq!(show(&desk, 2).await, TokenUse::Unknown);
}

/// Shows a token and notes its use where that is to be; whether it was.
async fn show_and_note(desk: &Desk, token: &NewToken) -> bool {
    let TokenUse::Valid { token, to_be_noted } = desk.store.use_token(&token.hash).await.expect("an answer") else {
        panic!("the token holds");
    };
    if to_be_noted {
        desk.store.note_token_use(token.token_id).await.expect("noted");
    }
    to_be_noted
}

pub(crate) async fn the_time_of_a_use_moves_at_most_once_an_hour(lab: Lab) {
    let desk = lab.desk(1);
    let (token, begun) = (lasting(1, Role::Reader, Tenants::All), lab.now());
    create(&desk, &token).await;
    assert!(show_and_note(&desk, &token).await, "the first use is noted");
    lab.pass(HOUR.saturating_sub(MICRO));
    assert!(!show_and_note(&desk, &token).await, "a use within the hour is not");
    // Nor where somebody would have it noted all the same.
    desk.store.note_token_use(token.token_id).await.expect("an answer");
    assert_eq!(valid(&desk, 1).await.last_used_at, Some(begun));
    lab.pass(MICRO);
    assert!(show_and_note(&desk, &token).await, "it is to be noted again");
    assert_eq!(desk.store.tokens().await.expect("tokens")[0].last_used_at, Some(lab.now()));
    let nobodys = new_token(9, Role::Admin, Tenants::All).token_id;
    desk.store.note_token_use(nobodys).await.expect("nothing to note");
}

pub(crate) async fn a_token_holds_also_where_its_use_cannot_be_noted(lab: Lab) {
    let desk = lab.desk(1);
    let token = lasting(1, Role::Reader, Tenants::All);
    create(&desk, &token).await;
    lab.database.refuse("api_tokens", &["UPDATE"]).await;
    assert_eq!(valid(&desk, 1).await.last_used_at, None);
    let refused = desk.store.note_token_use(token.token_id).await.expect_err("refused");
    assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
    valid(&desk, 1).await;
}

pub(crate) async fn tokens_are_listed_newest_first_and_without_their_secrets(lab: Lab) {
    let desk = known(&lab, 1).await;
    let mut made = Vec::new();
    // Two of one moment come by their ids.
    for (number, pass) in [(2, HOUR), (3, Duration::ZERO), (1, MICRO), (4, MICRO)] {
        made.push(create(&desk, &new_token(number, Role::Reader, tenants_of([&desk]))).await);
        lab.pass(pass);
    }
    let ended = desk.store.revoke_token(made[3].token_id).await.expect("an answer").expect("known");
    let listed = desk.store.tokens().await.expect("tokens");
    assert_eq!(listed, [ended, made[1].clone(), made[2].clone(), made[0].clone()]);
    let told = serde_json::to_string(&listed).expect("JSON");
    assert!(!told.contains("hash") && !told.contains(&hash_of(1).to_string()), "{told}");
}

pub(crate) async fn a_token_for_a_tenant_that_is_not_known_is_not_made(lab: Lab) {
    let (desk, stranger, removed) = (known(&lab, 1).await, lab.desk(2), known(&lab, 3).await);
    let refused = desk.store.create_token(&new_token(1, Role::Reader, tenants_of([&desk, &stranger]))).await.expect_err("refused");
    assert!(matches!(refused, StoreError::NoSuchTenant(tenant) if tenant == stranger.scope.tenant()), "{refused:?}");
    assert!(desk.store.tokens().await.expect("tokens").is_empty(), "nothing was written");
    removed.store.remove_tenant(&removed.scope).await.expect("an answer").expect("known");
    create(&desk, &new_token(1, Role::Reader, tenants_of([&removed]))).await;
    assert_eq!(valid(&desk, 1).await.tenants, tenants_of([&removed]), "what a removed one was seen to have can still be asked for");
}

pub(crate) async fn i21_a_token_whose_last_tenant_was_purged_is_for_none_and_never_for_all(lab: Lab) {
    let (one, two) = (known(&lab, 1).await, known(&lab, 2).await);
    create(&one, &new_token(1, Role::Admin, tenants_of([&one, &two]))).await;
    lab.database.purge(&one.scope).await.expect("nothing runs");
    assert_eq!(valid(&two, 1).await.tenants, tenants_of([&two]));
    lab.database.purge(&two.scope).await.expect("nothing runs");
    assert_eq!(valid(&two, 1).await.tenants, tenants_of([]));
    // Nor does it come back with a tenant that begins anew.
    known(&lab, 1).await;
    assert_eq!(valid(&two, 1).await.tenants, tenants_of([]));
}

pub(crate) async fn what_no_token_can_have_is_refused(lab: Lab) {
    let desk = lab.desk(1);
    let token = new_token(1, Role::Reader, Tenants::All);
    create(&desk, &token).await;
    let wrong = [
        NewToken { hash: hash_of(2), ..token.clone() },
        NewToken { token_id: new_token(2, Role::Reader, Tenants::All).token_id, ..token.clone() },
        NewToken { name: String::new(), ..new_token(3, Role::Reader, Tenants::All) },
        NewToken { name: "x".repeat(101), ..new_token(4, Role::Reader, Tenants::All) },
    ];
    for wrong in wrong {
        let refused = desk.store.create_token(&wrong).await.expect_err("refused");
        assert!(matches!(refused, StoreError::Refused(_)), "{wrong:?}: {refused:?}");
    }
    create(&desk, &NewToken { name: "ü".repeat(100), ..new_token(5, Role::Reader, Tenants::All) }).await;
    let refused = lab.database.execute("UPDATE api_tokens SET role = 'owner'").await;
    assert!(refused.is_err(), "no role that this program does not know");
}

pub(crate) async fn of_uses_that_come_at_once_all_are_answered(lab: Lab) {
    let desks = [lab.desk(1), lab.elsewhere(1).await];
    let token = lasting(1, Role::Reader, Tenants::All);
    create(&desks[0], &token).await;
    for _ in 0..5 {
        let uses = (0..8_usize).map(|number| {
            let (desk, token) = (desks[number % 2].clone(), token.clone());
            tokio::spawn(async move { show_and_note(&desk, &token).await })
        });
        for used in uses.collect::<Vec<_>>() {
            used.await.expect("no use panics");
        }
        assert_eq!(valid(&desks[0], 1).await.last_used_at, Some(lab.now()));
        lab.pass(HOUR);
    }
}
