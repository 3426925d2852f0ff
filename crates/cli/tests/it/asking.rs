//! Contract overrides: from where they are taken, and what comes of them.

use serde_json::json;

use crate::support::{CONFIGURATION, World, code, text};

/// Says that the device configurations are asked in pages of five.
fn overrides(world: &World, path: &str) -> String {
    let file = world.folder.path().join("overrides.toml");
    std::fs::write(&file, format!("[[path]]\npath = \"{path}\"\napi_version = \"beta\"\npage_size = 5\n")).expect("written");
    file.display().to_string()
}

/// The page sizes that the device configurations were asked with.
fn page_sizes(world: &World) -> Vec<String> {
    let requests = world.simulator.requests().into_iter();
    let queries = requests.filter(|request| request.path.ends_with(&World::path(CONFIGURATION))).map(|request| request.query);
    queries
        .map(|query| query.split("$top=").nth(1).map(|rest| rest.split('&').next().unwrap_or(rest).to_owned()).unwrap_or_default())
        .collect()
}

#[test]
fn overrides_are_taken_from_the_environment_and_from_a_file_that_is_named() {
    let world = World::new(1, 4);
    let file = overrides(&world, &World::path(CONFIGURATION));
    let tenant = world.tenant().to_string();
    let sync = ["sync", "--tenant", &tenant, "--types", CONFIGURATION];
    let by_variable = world.command(&sync).env("LASTSEEN_CONTRACT_OVERRIDES", &file).output().expect("runs");
    assert_eq!(code(&by_variable), 0, "{}", text(&by_variable.stderr));

    let config = world.folder.path().join("mine.toml");
    std::fs::write(&config, format!("[graph]\ncontract_overrides = '{file}'\n")).expect("written");
    let by_file = world.command(&sync).env("LASTSEEN_CONFIG", &config).output().expect("runs");
    assert_eq!(code(&by_file), 0, "{}", text(&by_file.stderr));
    let sizes = page_sizes(&world);
    assert!(sizes.len() >= 2 && sizes.iter().all(|size| size == "5"), "{sizes:?}");
}

#[test]
fn overrides_are_not_taken_from_a_file_that_only_happens_to_be_here() {
    let world = World::new(1, 1);
    let file = overrides(&world, &World::path(CONFIGURATION));
    std::fs::write(world.folder.path().join("lastseen.toml"), format!("[graph]\ncontract_overrides = '{file}'\n")).expect("written");
    let output = world.run(&["runs"]);
    assert_eq!(code(&output), 2);
    let said = text(&output.stderr);
    assert!(said.contains("graph.contract_overrides is not taken from a lastseen.toml") && said.contains("how Graph is asked"), "{said}");
}

#[test]
fn overrides_of_an_unknown_path_are_refused_with_the_nearest_one() {
    let world = World::new(1, 1);
    let file = overrides(&world, "/deviceManagement/deviceConfiguration");
    let output = world.command(&["runs"]).env("LASTSEEN_CONTRACT_OVERRIDES", &file).output().expect("runs");
    assert_eq!(code(&output), 2);
    let said = text(&output.stderr);
    assert!(said.contains("did you mean `/deviceManagement/deviceConfigurations`?") && said.contains("overrides.toml"), "{said}");
}

#[test]
fn types_show_parents_and_whose_assignments_are_counted() {
    let world = World::new(1, 1);
    let (_, types) = world.json(&["types"]);
    let of =
        |key: &str| types["types"].as_array().expect("types").iter().find(|known| known["policy_type"] == json!(key)).cloned().expect(key);
    let profile = of("depEnrollmentProfile");
    assert_eq!(profile["path"], json!("/deviceManagement/depOnboardingSettings/{id}/enrollmentProfiles"));
    assert_eq!((&profile["parent"], &profile["assignments"]), (&json!("/deviceManagement/depOnboardingSettings"), &json!(false)));
    assert_eq!((&of(CONFIGURATION)["parent"], &of(CONFIGURATION)["assignments"]), (&json!(null), &json!(true)));
    let wide = text(&world.run(&["types", "--wide"]).stdout);
    assert!(wide.contains("ASSIGNMENTS") && wide.contains("beta/deviceManagement/depOnboardingSettings/{id}/enrollmentProfiles"), "{wide}");
}
