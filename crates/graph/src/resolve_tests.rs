use std::path::Path;

use super::*;

fn environment(variables: &'static [(&'static str, &'static str)]) -> Environment {
    Arc::new(|asked| Ok(variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).into())))
}

async fn resolve(reference: &str, client_id: Option<&str>, environment: Environment) -> Result<Credential, CredentialProblem> {
    let client_id = client_id.map(|id| id.parse().expect("an id"));
    Credential::resolve(reference.parse().expect("a reference"), client_id, environment, Duration::ZERO).await
}

async fn problem(reference: &str, client_id: Option<&str>, environment: Environment) -> String {
    resolve(reference, client_id, environment).await.map(drop).expect_err("refused").to_string()
}

fn secret_of(credential: &Credential) -> &str {
    let Proof::Secret(secret) = &credential.proof else { panic!("no secret") };
    secret.expose_secret()
}

#[tokio::test]
async fn a_secret_comes_from_a_variable_or_a_file_and_a_replaced_one_is_picked_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret");
    let reference = format!("file:{}", file.display());
    for content in ["first", "second\n"] {
        std::fs::write(&file, content).expect("written");
        let credential = resolve(&reference, Some("c"), environment(&[])).await.expect("read");
        assert_eq!(secret_of(&credential), content.trim_end());
    }
    let credential = resolve("env:LASTSEEN_A", Some("c"), environment(&[("LASTSEEN_A", "third")])).await.expect("read");
    assert_eq!(secret_of(&credential), "third");
}

#[tokio::test]
async fn i17_what_is_missing_is_named_by_its_reference_and_never_by_content() {
    let nowhere = std::env::temp_dir().join("lastseen-is-not-here");
    let file = |kind: &str| format!("{kind}:{}", nowhere.display());
    assert_eq!(problem("env:LASTSEEN_A", Some("c"), environment(&[])).await, "env:LASTSEEN_A: the variable is not set");
    assert_eq!(problem(&file("file"), Some("c"), environment(&[])).await, format!("{}: there is no such file", file("file")));
    assert_eq!(problem(&file("certificate"), Some("c"), environment(&[])).await, format!("{}: there is no such file", file("certificate")));
    let with_password = format!("{},password=env:LASTSEEN_P", file("certificate"));
    assert_eq!(problem(&with_password, Some("c"), environment(&[])).await, "env:LASTSEEN_P: the variable is not set");
    let unreadable: Environment = Arc::new(|_| Err(NotText));
    assert_eq!(problem("env:LASTSEEN_A", Some("c"), unreadable).await, "env:LASTSEEN_A: it is not UTF-8 text");
    let folder = tempfile::tempdir().expect("a folder");
    let garbage = folder.path().join("canary.pem");
    std::fs::write(&garbage, "canary-content").expect("written");
    let told = problem(&format!("certificate:{}", garbage.display()), Some("c"), environment(&[])).await;
    assert!(told.ends_with("it is neither PEM nor PKCS#12, or it is damaged") && !told.contains("canary-content"), "{told}");
}

#[tokio::test]
async fn i17_a_private_key_that_is_named_as_a_secret_goes_nowhere() {
    let told = problem("env:LASTSEEN_A", Some("c"), environment(&[("LASTSEEN_A", "-----BEGIN PRIVATE KEY-----\ncanary")])).await;
    assert_eq!(told, "env:LASTSEEN_A: it is more than one line: no client secret; a certificate or a key is named as certificate:/path");
}

#[tokio::test]
async fn only_a_managed_identity_does_without_a_client_id() {
    let told = problem("env:LASTSEEN_A", None, environment(&[("LASTSEEN_A", "s")])).await;
    assert_eq!(told, "env:LASTSEEN_A: there is no client id, and only a managed identity does without one");
    let machine = resolve("managed-identity", None, environment(&[])).await.expect("needs nothing");
    let Proof::ManagedIdentity(endpoint) = &machine.proof else { panic!("no identity") };
    assert_eq!(endpoint.url().as_str(), "http://169.254.169.254/metadata/identity/oauth2/token");
}

#[tokio::test]
async fn app_services_endpoint_is_taken_where_it_is_on_this_machine() {
    let service = environment(&[("IDENTITY_ENDPOINT", "http://localhost:4/msi/token"), ("IDENTITY_HEADER", "canary")]);
    let credential = resolve("managed-identity", None, service).await.expect("an endpoint");
    assert!(!format!("{credential:?}").contains("canary"));
    let Proof::ManagedIdentity(endpoint) = &credential.proof else { panic!("no identity") };
    assert_eq!(endpoint.url().as_str(), "http://localhost:4/msi/token");
    for elsewhere in [
        environment(&[("IDENTITY_ENDPOINT", "http://canary.example/msi/token"), ("IDENTITY_HEADER", "canary")]),
        environment(&[("IDENTITY_ENDPOINT", "http://localhost:4/msi/token")]),
        environment(&[("IDENTITY_HEADER", "canary")]),
    ] {
        let told = problem("managed-identity", None, elsewhere).await;
        assert!(told.starts_with("managed-identity: IDENTITY_ENDPOINT and IDENTITY_HEADER") && !told.contains("canary"), "{told}");
    }
}

#[tokio::test]
async fn a_federated_assertion_is_not_read_before_it_is_needed() {
    let credential = resolve("federated:/not/there", Some("c"), environment(&[])).await.expect("only named");
    assert!(matches!(&credential.proof, Proof::Federated(file) if file == Path::new("/not/there")));
}
