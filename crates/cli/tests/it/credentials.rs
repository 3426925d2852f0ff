//! Signing in by other credentials than a secret in the environment, as the configuration names them.

use std::path::Path;
use std::process::Output;

use lastseen_simulator::{MachinePlan, SimulatorConfig, SizePlan, TenantPlan};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};

use crate::support::{CONFIGURATION, World, code, contains, text};

/// A certificate in DER, and PEM of it and its key.
fn certificate() -> (Vec<u8>, String) {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    let certificate = CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("a certificate");
    (certificate.der().to_vec(), key.serialize_pem() + &certificate.pem())
}

fn world(certificate: Vec<u8>) -> World {
    let tenant = TenantPlan { sizes: SizePlan::each(2), ..TenantPlan::numbered(1) };
    World::of(SimulatorConfig {
        certificates: vec![certificate],
        machine: Some(MachinePlan { tenant_id: tenant.tenant_id, client_id: None, header: "canary-header-4711".to_owned() }),
        tenants: vec![tenant],
        record: true,
        ..SimulatorConfig::default()
    })
}

/// Syncs with this credential and no secret.
fn sync(world: &World, credential: &str, more: &[(&str, &str)]) -> Output {
    let tenant = world.tenant().to_string();
    let mut command = world.command(&["sync", "--tenant", &tenant, "--types", CONFIGURATION, "--log", "trace"]);
    command.env_remove("LASTSEEN_CLIENT_SECRET").env("LASTSEEN_CREDENTIAL", credential);
    command.envs(more.iter().copied()).output().expect("runs")
}

fn kept_in(folder: &Path, name: &str, content: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, content).expect("written");
    file.display().to_string()
}

#[test]
fn i17_a_certificate_signs_in_and_no_line_of_its_key_is_logged_or_kept() {
    let (der, pem) = certificate();
    let world = world(der);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let output = sync(&world, &format!("certificate:{}", kept_in(elsewhere.path(), "app.pem", &pem)), &[]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    for line in pem.lines().skip(1).take_while(|line| !line.contains("END")) {
        for place in [&output.stdout, &output.stderr, &world.disk()] {
            assert!(!contains(place, line));
        }
    }
    assert!(!contains(&output.stderr, "client_assertion="));
}

#[test]
fn a_certificate_that_the_app_does_not_have_is_told_with_what_to_do() {
    let (der, _) = certificate();
    let (_, other) = certificate();
    let world = world(der);
    let output = sync(&world, &format!("certificate:{}", kept_in(world.folder.path(), "other.pem", &other)), &[]);
    let told = text(&output.stdout);
    assert!(code(&output) == 1 && told.contains("AADSTS700027") && told.contains("upload the certificate"), "{told}");
}

#[test]
fn a_machines_identity_needs_neither_a_client_id_nor_a_secret() {
    let (der, _) = certificate();
    let world = world(der);
    let endpoint = format!("{}/msi/token", world.simulator.origin());
    let variables = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "canary-header-4711"), ("LASTSEEN_CLIENT_ID", "")];
    let output = sync(&world, "managed-identity", &variables);
    assert_eq!(code(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!contains(&output.stderr, "canary-header-4711"), "i17");
}

#[test]
fn a_credential_that_can_not_be_read_is_told_by_its_reference_and_makes_no_run() {
    let (der, _) = certificate();
    let world = world(der);
    let garbage = kept_in(world.folder.path(), "app.pem", "canary-4711");
    for (credential, why) in [
        ("env:LASTSEEN_NOT_SET".to_owned(), "env:LASTSEEN_NOT_SET: the variable is not set"),
        (format!("certificate:{garbage}"), "neither PEM nor PKCS#12"),
        ("certificate:/not/there.pem".to_owned(), "certificate:/not/there.pem: there is no such file"),
    ] {
        let output = sync(&world, &credential, &[]);
        let told = text(&output.stderr);
        assert!(code(&output) == 2 && told.contains(why) && !told.contains("4711"), "{told}");
    }
    assert!(!world.database().exists() && world.simulator.requests().is_empty());
}

#[test]
fn a_federated_assertion_that_is_gone_when_the_run_begins_fails_it_with_a_code_of_its_own() {
    let (der, _) = certificate();
    let world = world(der);
    let output = sync(&world, "federated:/not/there", &[]);
    let told = text(&output.stdout);
    assert!(code(&output) == 1 && told.contains("credential_unavailable") && told.contains("is being renewed"), "{told}");
    assert!(text(&output.stderr).contains("federated:/not/there: there is no such file"));
    assert!(world.simulator.requests().is_empty());
}

#[test]
fn two_credentials_at_once_are_refused_by_name() {
    let (der, _) = certificate();
    let world = world(der);
    for (variable, value) in [("LASTSEEN_CLIENT_SECRET", "canary-4711"), ("LASTSEEN_CLIENT_SECRET_FILE", "canary-4711")] {
        let output = sync(&world, "managed-identity", &[(variable, value)]);
        let told = text(&output.stderr);
        assert!(code(&output) == 2 && told.contains(&format!("both LASTSEEN_CREDENTIAL and {variable} are set")), "{told}");
        assert!(!told.contains("4711"));
    }
}

#[test]
fn a_secret_written_where_its_reference_belongs_is_refused_and_not_repeated() {
    let (der, _) = certificate();
    let world = world(der);
    for (variable, value) in
        [("LASTSEEN_CREDENTIAL", "canary-4711"), ("LASTSEEN_CLIENT_ID", "canary 4711"), ("LASTSEEN_CLOUD", "canary-4711")]
    {
        let output = sync(&world, "managed-identity", &[(variable, value)]);
        let told = text(&output.stderr);
        assert!(code(&output) == 2 && told.contains(&format!("{variable} is not usable")) && !told.contains("4711"), "{told}");
    }
}

#[test]
fn what_decides_which_secret_goes_where_is_not_taken_from_a_file_that_merely_lies_here() {
    let (der, _) = certificate();
    let world = world(der);
    for (key, value) in [
        ("cloud", "china"),
        ("client_id", "11d4f0c6-5b0e-4c39-9c57-2f7a44a1c2b1"),
        ("credential", "managed-identity"),
        ("authority", "https://x.example"),
        ("client_secret_file", "x"),
    ] {
        std::fs::write(world.folder.path().join("lastseen.toml"), format!("[graph]\n{key} = '{value}'\n")).expect("written");
        let output = world.run(&["runs"]);
        let told = text(&output.stderr);
        assert!(code(&output) == 2 && told.contains(&format!("graph.{key} is not taken")), "{told}");
        let named = world.command(&["runs", "--config", "lastseen.toml"]).output().expect("runs");
        assert!(!text(&named.stderr).contains("is not taken"), "a file that is named is meant");
    }
}

#[test]
fn a_file_that_merely_lies_here_names_no_database_and_takes_nothing_of_the_users_own_settings() {
    let (der, _) = certificate();
    let world = world(der);
    let here = world.folder.path().join("lastseen.toml");
    std::fs::write(&here, "database_url = 'sqlite:planted.db'\n").expect("written");
    let planted = world.command(&["items"]).env_remove("LASTSEEN_DATABASE_URL").output().expect("runs");
    assert!(code(&planted) == 2 && text(&planted.stderr).contains("database_url is not taken"), "{}", text(&planted.stderr));

    let own = world.folder.path().join(".config").join("lastseen");
    std::fs::create_dir_all(&own).expect("made");
    std::fs::write(own.join("lastseen.toml"), "[graph]\ncloud = 'usgov'\n").expect("written");
    std::fs::write(&here, "").expect("written");
    let output = world.command(&["doctor"]).env_remove("LASTSEEN_AUTHORITY").env_remove("LASTSEEN_GRAPH_ENDPOINT").output().expect("runs");
    assert!(text(&output.stdout).contains("Graph is https://graph.microsoft.us"), "{}", text(&output.stdout));
}

#[cfg(unix)]
#[test]
fn a_configuration_that_is_no_file_is_refused_and_not_read_for_ever() {
    let (der, _) = certificate();
    let world = world(der);
    for (variable, told) in
        [("LASTSEEN_CONFIG", "the configuration file"), ("LASTSEEN_CONTRACT_OVERRIDES", "the file of contract overrides")]
    {
        let output = world.command(&["runs"]).env(variable, "/dev/zero").output().expect("runs");
        let error = text(&output.stderr);
        assert!(code(&output) == 2 && error.contains(told) && error.contains("not a regular file"), "{error}");
    }
}
