//! `lastseen tenant`: what people see of it, and that nothing but what was said changes.

use rstest::rstest;
use serde_json::json;

use crate::support::{CONFIGURATION, World, code, text};

const GUID: &str = "8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10";

fn told(world: &World, words: &[&str]) -> String {
    let output = world.run(words);
    assert_eq!(code(&output), 0, "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_tenant_is_added_changed_removed_and_brought_back() {
    let world = World::new(1, 2);
    let mut story = String::new();
    for words in [
        &["tenant", "add", GUID, "--name", "Contoso", "--cloud", "usgov", "--credential", "env:LASTSEEN_CONTOSO_SECRET"][..],
        &["tenant", "add", GUID, "--runs-at-once", "1", "--unset", "cloud"],
        &["tenant", "add", GUID],
        &["tenant", "list"],
        &["tenant", "show", GUID],
        &["tenant", "remove", GUID],
        &["tenant", "list"],
        &["tenant", "list", "--all"],
        &["tenant", "add", GUID],
    ] {
        story = format!("{story}$ lastseen {}\n{}\n", words.join(" "), told(&world, words));
    }
    let story = story.lines().map(|line| if line.starts_with("  known since") { "  known since  [a time]" } else { line });
    insta::assert_snapshot!("tenants", story.collect::<Vec<_>>().join("\n"));
}

#[test]
fn programs_get_every_field_and_what_is_not_set_as_null() {
    let world = World::new(1, 2);
    let (exit, added) = world.json(&["tenant", "add", GUID, "--credential", "managed-identity", "--requests-at-once", "2"]);
    assert_eq!(exit, 0);
    let expected = json!({
        "tenant_id": GUID, "name": null, "cloud": null, "client_id": null, "credential": "managed-identity",
        "runs_at_once": null, "requests_at_once": 2, "registered_at": added["registered_at"], "removed_at": null,
    });
    assert_eq!(added, expected);
    assert_eq!(world.json(&["tenant", "list"]).1, json!({ "tenants": [added] }));
    let (_, removal) = world.json(&["tenant", "remove", GUID]);
    assert_eq!((&removal["tenant_id"], &removal["cancelled"], &removal["running"]), (&json!(GUID), &json!([]), &json!([])));
    assert_eq!(world.json(&["tenant", "list"]).1, json!({ "tenants": [] }));
}

#[test]
fn a_run_that_waits_for_a_worker_goes_with_its_tenant() {
    let world = World::new(1, 2);
    let tenant = world.tenant().to_string();
    let (_, queued) = world.json(&["sync", "--tenant", &tenant, "--types", CONFIGURATION, "--queue"]);
    let (_, removal) = world.json(&["tenant", "remove", &tenant]);
    assert_eq!(removal["cancelled"], json!([queued["run_id"]]));
    let (_, run) = world.json(&["runs", "show", queued["run_id"].as_str().expect("an id"), "--tenant", &tenant]);
    assert_eq!((&run["status"], &run["error_codes"]), (&json!("skipped"), &json!(["cancelled"])));
}

#[rstest]
#[case(&["--credential", "canary-4711"], "--credential: ")]
#[case(&["--credential", "env:CANARY_4711"], "--credential: ")]
#[case(&["--credential", "file:canary-4711"], "--credential: ")]
#[case(&["--client-id", "canary 4711"], "--client-id: ")]
#[case(&["--cloud", "china", "--unset", "cloud"], "--cloud gives what --unset takes away")]
#[case(&["--name", "a\nb"], "--name takes 1 to 200 characters")]
#[case(&["--tenant", "22222222-5a54-4c0e-9d6b-3f1f0f6b7a10"], "two tenants are named")]
fn i17_what_is_wrong_is_named_and_what_may_be_a_secret_is_not_repeated(#[case] flags: &[&str], #[case] begins: &str) {
    let world = World::new(1, 2);
    let refused = world.run(&[&["tenant", "add", GUID][..], flags].concat());
    let error = text(&refused.stderr);
    assert_eq!(code(&refused), 2, "{error}");
    assert!(error.contains(begins) && !error.contains("4711"), "{error}");
    assert!(!world.database().exists(), "nothing was made");
}

#[test]
fn a_tenant_that_nobody_knows_is_said_to_be_unknown() {
    let world = World::new(1, 2);
    told(&world, &["tenant", "add", GUID]);
    for words in [&["tenant", "show"][..], &["tenant", "remove"], &["tenant", "purge", "--confirm", "22222222-5a54-4c0e-9d6b-3f1f0f6b7a10"]]
    {
        let unknown = world.run(&[words, &["22222222-5a54-4c0e-9d6b-3f1f0f6b7a10"]].concat());
        assert_eq!(code(&unknown), 1, "{words:?}");
        assert!(text(&unknown.stderr).contains("does not know the tenant"), "{}", text(&unknown.stderr));
    }
}

#[test]
fn a_purge_deletes_the_tenant_and_nothing_of_another_after_the_guid_was_said_again() {
    let world = World::new(2, 3);
    let [one, other] = [0, 1].map(|place| world.simulator.tenants()[place].tenant_id.to_string());
    for tenant in [&one, &other] {
        assert_eq!(code(&world.run(&["sync", "--tenant", tenant, "--types", CONFIGURATION])), 0);
    }
    let before = told(&world, &["items", "--tenant", &other, "--output", "json"]);

    for confirm in [&[][..], &["--confirm", &other], &["--confirm", "yes"]] {
        let refused = world.run(&[&["tenant", "purge", &one][..], confirm].concat());
        assert_eq!(code(&refused), 2, "{confirm:?}");
    }
    assert_eq!(world.json(&["items", "--tenant", &one]).1["items"].as_array().map(Vec::len), Some(3), "nothing was deleted yet");

    let (exit, purged) = world.json(&["tenant", "purge", &one, "--confirm", &one]);
    assert_eq!((exit, &purged["purged"]["catalogue"]), (0, &json!(3)), "{purged}");
    assert_eq!(code(&world.run(&["items", "--tenant", &one])), 2, "nobody knows it any more");
    assert_eq!(told(&world, &["items", "--tenant", &other, "--output", "json"]), before);
    let (_, again) = world.json(&["sync", "--tenant", &one, "--types", CONFIGURATION]);
    assert_eq!(again["counts"]["items_created"], json!(3), "and it can begin anew");
}
