//! Schemathesis, which reads the description of the API and looks for a request that is answered otherwise than it says.
//!
//! It is a Python package. `cargo xtask test --install` puts it where it is looked for here, and without it `cargo xtask test` leaves this
//! module out by its name.

use std::path::Path;
use std::time::Duration;

use lastseen_store::RunQuery;
use tokio::process::Command;

use crate::client::Client;
use crate::whole::{Whole, external_id, scope, tenant};

/// Where `cargo xtask test --install` puts it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/schemathesis/bin/schemathesis");

/// It ends by itself long before, for it makes a fixed number of requests.
const FAR_TOO_LONG: Duration = Duration::from_mins(10);

/// What it is told. Ids that are there are drawn often, for made-up ones are found nowhere and exercise little.
fn configuration(runs: &[String]) -> String {
    let policy_type = "deviceConfiguration";
    let item = external_id(&policy_type.parse().expect("a type"), 0);
    format!(
        r#"
seed = 1
workers = 1
request-timeout = 30
# A stream of a run that waits says one thing, and then nothing for long.
max-stream-events = 1

# 422 is what fits the description and still can't be done: a type that the registry does not know, a cursor that nobody gave out.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 422, 429, "5xx"]

# A tenant that was removed can still be asked about: what was seen of it is kept.
[[operations]]
include-path-regex = "^/v1/tenants/"
checks.use_after_free.enabled = false

[generation]
max-examples = 20
database = "none"

[phases.stateful]
max-steps = 4

[dictionaries.tenants]
values = ["{tenant}"]
[dictionaries.runs]
values = [{runs}]
[dictionaries.types]
values = ["{policy_type}"]
[dictionaries.items]
values = ["{item}"]

[parameters]
"path.tenant_id" = {{ dictionary = "tenants", probability = 0.7 }}
"path.run_id" = {{ dictionary = "runs", probability = 0.7 }}
"query.older" = {{ dictionary = "runs", probability = 0.7 }}
"query.newer" = {{ dictionary = "runs", probability = 0.7 }}
"path.policy_type" = {{ dictionary = "types", probability = 0.7 }}
"path.external_id" = {{ dictionary = "items", probability = 0.7 }}
"#,
        tenant = tenant(1),
        runs = runs.iter().map(|run| format!("\"{run}\"")).collect::<Vec<_>>().join(", "),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_as_the_description_says() {
    assert!(
        Path::new(PROGRAM).exists(),
        "schemathesis is not there: `cargo xtask test --install` installs it; without it, leave out the tests in modules named by_schemathesis"
    );
    let whole = Whole::new().await;
    for number in [1, 2] {
        whole.tenant(number).await;
        whole.sync(number, 5, 0).await;
        whole.sync(number, 5, 1).await;
    }
    let runs = whole.store.runs(&scope(1), &RunQuery { limit: 10, ..RunQuery::default() }).await.expect("runs");
    let runs: Vec<String> = runs.iter().map(|run| run.run_id.to_string()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("schemathesis.toml"), configuration(&runs)).expect("written");

    let mut command = Command::new(PROGRAM);
    command
        .current_dir(&folder)
        .args(["run", &format!("http://{}/openapi.json", whole.address), "--checks", "all", "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {}", whole.admin)])
        .kill_on_drop(true);
    let output = tokio::time::timeout(FAR_TOO_LONG, command.output()).await.expect("an end").expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    // That it found nothing means something only where it looked, and was let in to the end.
    let looked = said.lines().find_map(|line| line.trim().split_once(" generated")?.0.replace(',', "").parse::<u32>().ok());
    assert!(looked.is_some_and(|cases| cases > 500), "{said}");
    assert!(said.contains("Operations:") && !said.contains("Errors:"), "{said}");
    let mut client = Client::connect(whole.address).await;
    client.send(format!("GET /v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", whole.admin)).await;
    assert_eq!(client.answer().await.expect("an answer").status, 200, "its token was revoked on the way");
    whole.end().await;
}
