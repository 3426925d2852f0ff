//! I17: a token's secret is in no answer, no log and no file.

use std::fmt::Write as _;

use http::Method;
use lastseen_engine::token;
use lastseen_model::{Role, Tenants};
use lastseen_store::TenantChange;
use secrecy::ExposeSecret;

use crate::access_log::Log;
use crate::operations::{ROWS, Target};
use crate::support::{OURS, With, World, scope};

#[tokio::test]
async fn i17_a_tokens_secret_is_in_no_answer_no_log_and_no_file() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = World::new().await;
    let mut secrets = vec![world.admin().await, world.token(Role::Reader, Tenants::All).await, token::mint().0.expose_secret().to_owned()];
    let mut answers = String::new();
    for secret in secrets.clone() {
        // The one before has taken the tenant away.
        world.store.set_tenant(&scope(OURS), &TenantChange::default()).await.expect("the tenant is back");
        let target = Target::of(&world, OURS).await;
        for row in ROWS {
            let answer = world.send((row.request)(&target).with(&secret)).await;
            let text = String::from_utf8(answer.body.clone()).expect("text");
            // The one answer that shows a secret, which is a new one.
            if row.id == "create_token" && answer.status.is_success() {
                let made = answer.json()["token"].as_str().expect("a secret").to_owned();
                answers.push_str(&text.replace(&made, ""));
                secrets.push(made);
            } else {
                answers.push_str(&text);
            }
            write!(answers, "{:?}", answer.headers).expect("a String takes everything");
        }
        // In the wrong places, too.
        for path in [format!("/v1/tenants?{secret}=1"), format!("/v1/{secret}"), format!("/v1/runs/{secret}")] {
            let answer = world.act(&secret, Method::GET, &path).await;
            answers.push_str(&String::from_utf8(answer.body).expect("text"));
        }
    }
    assert!(secrets.len() > 3);
    let logged = log.text();
    assert!(logged.contains("answered") && logged.contains("a token was refused"), "something was logged: {logged}");
    world.store.close().await;
    let files: Vec<Vec<u8>> = world.files().iter().map(|file| std::fs::read(file).expect("a file")).collect();
    assert!(files.iter().any(|file| !file.is_empty()));
    for secret in &secrets {
        let random = secret.trim_start_matches("lastseen_");
        assert!(!answers.contains(random), "an answer shows it");
        assert!(!logged.contains(random), "the log shows it");
        assert!(files.iter().all(|file| !file.windows(random.len()).any(|part| part == random.as_bytes())), "a file holds it");
    }
}
