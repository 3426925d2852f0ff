//! `lastseen doctor`: what it says before a run does, and that it is right.

use lastseen_model::TenantId;
use lastseen_simulator::{Fault, FaultAction, NamedError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{CONFIGURATION, World, code, text};

const SCRIPTS: &str = "DeviceManagementScripts.Read.All";
const CONFIG_PERMISSION: &str = "DeviceManagementConfiguration.Read.All";

/// What it prints, with what differs from run to run taken out.
fn told(world: &World, words: &[&str]) -> (i32, String) {
    let output = world.run(words);
    let error = text(&output.stderr);
    assert!(error.is_empty(), "{error}");
    let printed = text(&output.stdout)
        .replace(&world.simulator.origin(), "http://[simulator]")
        .replace(&world.folder.path().display().to_string(), "[folder]");
    let stable = |line: &str| {
        if let Some((before, _)) = line.split_once(", SQLite ") {
            return format!("{} ([size]), SQLite [version]", before.split(" (").next().unwrap_or_default());
        }
        line.to_owned()
    };
    (code(&output), printed.lines().map(stable).collect::<Vec<_>>().join("\n"))
}

fn tenant(world: &World) -> TenantId {
    world.tenant()
}

#[test]
fn all_is_well_and_a_sync_succeeds_as_foretold() {
    let world = World::new(1, 3);
    let guid = tenant(&world).to_string();
    let (exit, printed) = told(&world, &["doctor", "--tenant", &guid]);
    insta::assert_snapshot!("doctor_well", printed);
    assert_eq!(exit, 0);
    assert!(!world.database().exists(), "looking makes no database");
    let asked = world.simulator.requests();
    assert!(asked.len() <= 6, "a token, a path of each workload, the organization: {asked:?}");

    let (exit, run) = world.sync(&[]);
    assert_eq!((exit, &run["status"]), (0, &json!("success")));
    let (exit, printed) = told(&world, &["doctor"]);
    assert_eq!(exit, 0, "the only tenant is meant: {printed}");
}

#[test]
fn a_missing_permission_is_told_by_name_and_the_run_is_partial_as_foretold() {
    let world = World::new(1, 3);
    world.simulator.world().deny(tenant(&world), CONFIG_PERMISSION).expect("there");
    world.simulator.world().grant_also(tenant(&world), "Organization.Read.All").expect("there");
    world.simulator.world().grant_also(tenant(&world), "DeviceManagementApps.ReadWrite.All").expect("there");
    let guid = tenant(&world).to_string();
    let (exit, printed) = told(&world, &["doctor", "--tenant", &guid]);
    insta::assert_snapshot!("doctor_forbidden", printed);
    assert_eq!(exit, 1);
    let (exit, _) = world.sync(&[]);
    assert_eq!(exit, 3, "partial, as foretold");
}

#[test]
fn what_a_tenant_may_lack_is_no_failure() {
    let world = World::new(1, 3);
    world.simulator.world().deny(tenant(&world), "CloudPC.Read.All").expect("there");
    let guid = tenant(&world).to_string();
    let (exit, document) = world.json(&["doctor", "--tenant", &guid]);
    assert_eq!((exit, &document["tenants"][0]["outlook"]), (0, &json!("success")), "{document:#}");
    assert_eq!(world.sync(&[]).0, 0);
}

#[test]
fn a_secret_that_is_wrong_is_told_with_entras_number_and_the_next_step() {
    let world = World::new(1, 3);
    let guid = tenant(&world).to_string();
    let output = world.command(&["doctor", "--tenant", &guid]).env("LASTSEEN_CLIENT_SECRET", "canary-4711").output().expect("runs");
    let printed = text(&output.stdout);
    assert_eq!(code(&output), 1);
    assert!(printed.contains("AADSTS7000215") && printed.contains("would fail") && printed.contains("next: "), "{printed}");
    assert!(!printed.contains("4711"));
}

#[test]
fn a_tenant_with_a_credential_of_its_own_is_examined_with_it() {
    let world = World::new(2, 3);
    let [own, other] = [0, 1].map(|place| world.simulator.tenants()[place].tenant_id.to_string());
    assert_eq!(code(&world.run(&["tenant", "add", &own, "--credential", "env:LASTSEEN_NOWHERE"])), 0);
    assert_eq!(code(&world.run(&["tenant", "add", &other])), 0);
    let (exit, document) = world.json(&["doctor", "--all-tenants"]);
    assert_eq!(exit, 1);
    let of = |guid: &str| -> Value {
        document["tenants"].as_array().expect("tenants").iter().find(|tenant| tenant["tenant_id"] == json!(guid)).expect("there").clone()
    };
    assert_eq!((&of(&own)["outlook"], &of(&own)["sign_in"]["error_code"]), (&json!("failed"), &json!("credential_unavailable")));
    assert_eq!(of(&other)["outlook"], json!("success"));
    // And so do their runs.
    let (exit, synced) = world.json(&["sync", "--all-tenants", "--types", CONFIGURATION]);
    assert_eq!(exit, 1);
    let statuses: Vec<_> = synced["runs"].as_array().expect("runs").iter().map(|run| (&run["tenant_id"], &run["status"])).collect();
    assert!(statuses.contains(&(&json!(own), &json!("failed"))) && statuses.contains(&(&json!(other), &json!("success"))), "{statuses:?}");
    let several = world.run(&["doctor"]);
    assert_eq!(code(&several), 1);
    assert!(text(&several.stdout).contains("2 tenants are known, and none is named"), "{}", text(&several.stdout));
}

#[test]
fn a_tenant_without_intune_is_told_so() {
    let world = World::new(1, 3);
    let action = FaultAction::error(NamedError::NotApplicable);
    world.simulator.faults().add(Fault::always(action).on(&World::path(CONFIGURATION)));
    let guid = tenant(&world).to_string();
    let (exit, document) = world.json(&["doctor", "--tenant", &guid, "--types", CONFIGURATION]);
    assert_eq!(exit, 1, "nothing would be read");
    assert_eq!(
        (&document["tenants"][0]["graph"][0]["error_code"], &document["tenants"][0]["outlook"]),
        (&json!("graph_feature_unavailable"), &json!("failed"))
    );
    assert_eq!(world.sync(&[CONFIGURATION]).0, 1, "as foretold");
}

#[rstest]
#[case::away(FaultAction::error(NamedError::Unavailable))]
#[case::refused(FaultAction::error(NamedError::Unauthorized))]
#[case::throttled(FaultAction::throttled(Some("3600")))]
fn a_graph_that_does_not_answer_is_never_foretold_as_a_success(#[case] action: FaultAction) {
    let world = World::new(1, 3);
    world.simulator.faults().add(Fault::always(action));
    std::fs::write(world.folder.path().join("lastseen.toml"), "[graph]\nretry_tries = 1\n").expect("written");
    let guid = tenant(&world).to_string();
    let (exit, document) = world.json(&["doctor", "--tenant", &guid, "--types", CONFIGURATION]);
    assert_eq!((exit, &document["tenants"][0]["outlook"]), (1, &json!("failed")), "{document:#}");
    let failed = |finding: &&Value| finding["state"] == json!("failed") && finding["next"].is_string();
    assert!(document["tenants"][0]["findings"].as_array().expect("findings").iter().any(|finding| failed(&finding)));
    assert_eq!(world.sync(&[CONFIGURATION]).0, 1, "as foretold");
}

#[test]
fn a_database_that_can_not_be_made_is_in_the_way() {
    let world = World::new(1, 3);
    let guid = tenant(&world).to_string();
    let nowhere = "sqlite:/proc/lastseen/new.db";
    let output = world.command(&["doctor", "--tenant", &guid, "--database", nowhere]).output().expect("runs");
    let printed = text(&output.stdout);
    assert!(code(&output) == 1 && printed.contains("✗ database") && printed.contains("would not begin"), "{printed}");
}

#[test]
fn a_database_that_is_empty_is_looked_at_and_left_as_it_is() {
    let world = World::new(1, 3);
    std::fs::write(world.database(), "").expect("made");
    let guid = tenant(&world).to_string();
    let (exit, printed) = told(&world, &["doctor", "--tenant", &guid]);
    assert!(exit == 0 && printed.contains("is empty; the first sync makes its tables"), "{printed}");
    assert_eq!(std::fs::metadata(world.database()).expect("there").len(), 0);
}

#[test]
fn a_probe_finds_what_a_path_does_not_take_and_the_file_makes_the_next_sync_ask_so() {
    let world = World::new(1, 30);
    let path = World::path(CONFIGURATION);
    world.simulator.world().refuse_select(&path, true);
    world.simulator.world().deny(tenant(&world), SCRIPTS).expect("there");
    let guid = tenant(&world).to_string();
    let file = world.folder.path().join("overrides.toml");
    let save = file.display().to_string();
    let types = format!("{CONFIGURATION},deviceManagementScript,deviceCompliancePolicy");
    let words = ["doctor", "--tenant", &guid, "--types", &types, "--probe", "--save", &save];
    let (exit, document) = world.json(&words);
    assert_eq!(exit, 1, "scripts can't be read");
    let paths = document["tenants"][0]["paths"].as_array().expect("paths");
    let of = |path: &str| paths.iter().find(|known| known["path"] == json!(path)).expect("a path");
    assert_eq!(of(&path)["probe"]["select"]["found"], json!("refused"));
    assert_eq!(of(&path)["probe"]["suggestion"]["select"], json!(false));
    assert_eq!(of("/deviceManagement/deviceManagementScripts")["error_code"], json!("graph_forbidden"));

    let written = std::fs::read_to_string(&file).expect("written");
    assert!(written.contains("select = false") && written.matches("[[path]]").count() == 1, "{written}");
    let before = world.simulator.requests().len();
    let synced = world.command(&["sync", "--tenant", &guid, "--types", CONFIGURATION]).env("LASTSEEN_CONTRACT_OVERRIDES", &file).output();
    assert_eq!(code(&synced.expect("runs")), 0);
    let asked = world.simulator.requests();
    assert!(asked[before..].iter().all(|request| !request.query.contains("$select")), "it asks as the file says");

    let again = world.run(&words);
    assert_eq!(code(&again), 2, "a file that is there is left alone");
}

#[test]
fn a_configuration_that_can_not_be_used_is_a_finding() {
    let world = World::new(1, 3);
    let output = world.command(&["doctor"]).env("LASTSEEN_CLOUD", "canary-4711").output().expect("runs");
    assert_eq!(code(&output), 1);
    let printed = text(&output.stdout);
    assert!(printed.contains("✗ configuration") && printed.contains("next: ") && !printed.contains("4711"), "{printed}");
}
