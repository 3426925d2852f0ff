//! The generated references: command line, configuration, error codes, policy types. They are committed; a drift fails here.
//! `cargo xtask generate` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use lastseen_graph::{Endpoints, federated_audience};
use lastseen_model::{Cloud, ErrorCode};

mod policy_types;

use crate::args::Cli;
use crate::config::{FileConfig, KEYS, not_from_here};

/// Compares a reference with its file, or writes the file when asked to.
fn reference(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    #[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
    if std::env::var_os("LASTSEEN_GENERATE").is_some() {
        std::fs::write(&path, text).expect("the reference can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/{name} is not what the code says; run `cargo xtask generate` and look at the difference");
}

#[test]
fn reference_of_the_command_line() {
    let mut text = String::from("# Command line\n\nGenerated from the code by `cargo xtask generate`.\n");
    let mut root = Cli::command().term_width(100);
    root.build();
    describe(&root, "lastseen", &mut text);
    reference("cli.md", &text);
}

fn describe(command: &clap::Command, name: &str, text: &mut String) {
    let help = command.clone().bin_name(name).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()).expect("a String takes everything");
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        describe(sub, &format!("{name} {}", sub.get_name()), text);
    }
}

#[test]
fn reference_of_the_configuration() {
    let mut text = String::from(
        "# Configuration\n\nGenerated from the code by `cargo xtask generate`.\n\n`lastseen.toml` is read from the user's \
         configuration directory, and the one in the current directory lies over it; `--config` or `LASTSEEN_CONFIG` names another instead. The command line wins over the environment, the environment over the \
         file. An unknown key is refused by name. Lengths of time are written `15s`, `5m`, `2h`, `7d`.\n\n| key | default | meaning |\n| --- | --- | --- |\n",
    );
    for key in KEYS {
        writeln!(text, "| `{}` | {} | {} |", key.name, key.default, key.meaning).expect("a String takes everything");
    }
    let environment = "\n## Environment\n\n| variable | meaning |\n| --- | --- |\n\
         | `LASTSEEN_DATABASE_URL` | the database; as `--database` |\n\
         | `LASTSEEN_CLOUD` | Microsoft's cloud; as `graph.cloud` |\n\
         | `LASTSEEN_CLIENT_ID` | the app registration's client id |\n\
         | `LASTSEEN_CREDENTIAL` | where its credential is kept; as `graph.credential` |\n\
         | `LASTSEEN_CLIENT_SECRET` | its secret |\n\
         | `LASTSEEN_CLIENT_SECRET_FILE` | a file with its secret, instead |\n\
         | `LASTSEEN_AUTHORITY` | the origin of the token endpoint; `http` for loopback addresses only |\n\
         | `LASTSEEN_GRAPH_ENDPOINT` | the origin of Graph; `http` for loopback addresses only |\n\
         | `LASTSEEN_CONTRACT_OVERRIDES` | the file of contract overrides; as `graph.contract_overrides` |\n\
         | `LASTSEEN_CONFIG` | the configuration file; as `--config` |\n\
         | `LASTSEEN_LOG` | what to log to standard error; as `--log` |\n\n\
         An empty variable is as good as none. A `lastseen.toml` that only happens to be in the current directory adds to your own, and some things are not \
         taken from it, because a folder must not decide which secret is read or where it goes, which database is asked, and what is trusted: {not_from_here}. \
         Name the file with `--config`, or set them elsewhere.\n\n\
         A secret is read from the environment or from a file of its own, never from `lastseen.toml`: that file is shared. \
         Of `LASTSEEN_CREDENTIAL`, `LASTSEEN_CLIENT_SECRET` and `LASTSEEN_CLIENT_SECRET_FILE` one may be set.\n\n\
         ## Credentials\n\nA credential is named by where it is kept, and read when a run begins: what is replaced there is picked up by the next run.\n\n\
         | reference | what signs in |\n| --- | --- |\n\
         | `env:LASTSEEN_...` | a client secret in a variable of the environment |\n\
         | `file:/path` | a client secret in a file |\n\
         | `certificate:/path` | a certificate with its RSA key, PEM or PKCS#12 |\n\
         | `certificate:/path,password=file:/path` | the same, a PKCS#12 under a password (or `password=env:LASTSEEN_...`) |\n\
         | `federated:/path` | workload identity: an assertion in a file that someone renews, read for each token |\n\
         | `managed-identity` | the identity that Azure gives the machine: a virtual machine's, or App Service's by its `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` |\n\n\
         The variables that other programs take for workload identity are not picked up by themselves. Where a cluster sets them, write \
         `LASTSEEN_CREDENTIAL=federated:$AZURE_FEDERATED_TOKEN_FILE` and `LASTSEEN_CLIENT_ID=$AZURE_CLIENT_ID`; instead of `AZURE_AUTHORITY_HOST` \
         name the cloud.\n\n\
         ## Clouds\n\n| cloud | token endpoint | Graph | audience of a federated assertion |\n| --- | --- | --- | --- |\n";
    text.push_str(&environment.replace("{not_from_here}", &not_from_here().join(", ")));
    for cloud in Cloud::ALL {
        let Endpoints { authority, graph } = Endpoints::of(*cloud);
        writeln!(text, "| `{cloud}` | `{authority}` | `{graph}` | `{}` |", federated_audience(*cloud)).expect("a String takes everything");
    }
    reference("configuration.md", &text);
}

#[test]
fn the_reference_names_every_key_of_the_configuration_and_no_other() {
    let expected = |table: &str| -> Vec<String> {
        let probe = match table {
            "" => "no_such_key = 1".to_owned(),
            "api.oidc.grants" => "[api.oidc]\nissuer = 'x'\naudience = 'x'\n[[api.oidc.grants]]\nno_such_key = 1".to_owned(),
            table => format!("[{table}]\nno_such_key = 1"),
        };
        let error = toml::from_str::<FileConfig>(&probe).expect_err("an unknown key is refused");
        let message = error.message().to_owned();
        message.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    };
    let oidc_keys = |key: String| match key.as_str() {
        "grants" => expected("api.oidc.grants").into_iter().map(|key| format!("api.oidc.grants.{key}")).collect(),
        key => vec![format!("api.oidc.{key}")],
    };
    let mut keys: Vec<String> = Vec::new();
    for key in expected("") {
        match key.as_str() {
            "tenants" => keys.push("tenants.\"<GUID>\".name".to_owned()),
            table @ ("graph" | "run" | "worker" | "limits" | "guard") => {
                keys.extend(expected(table).into_iter().map(|key| format!("{table}.{key}")));
            }
            "api" => keys.extend(expected("api").into_iter().flat_map(|key| match key.as_str() {
                "oidc" => expected("api.oidc").into_iter().flat_map(oidc_keys).collect(),
                key => vec![format!("api.{key}")],
            })),
            plain => keys.push(plain.to_owned()),
        }
    }
    assert_eq!(keys, KEYS.iter().map(|key| key.name.to_owned()).collect::<Vec<_>>());
}

#[test]
fn reference_of_the_error_codes() {
    let mut text = String::from(
        "# Error codes\n\nGenerated from the code by `cargo xtask generate`. A code is never renamed or reused.\n\n| code | meaning |\n| --- | --- |\n",
    );
    for code in ErrorCode::ALL {
        writeln!(text, "| `{code}` | {} |", code.meaning()).expect("a String takes everything");
    }
    text.push_str(
        "\nBeside a code stand only typed, bounded fields: `http_status`, `graph_code` (Graph's own code where it looks like one), `request_id`, `policy_type`, \
         `page`, `attempts`, `retry_after_ms`, and `aadsts` (Entra's number of a refused sign-in). No text from outside is ever kept.\n",
    );
    reference("error-codes.md", &text);
}

#[test]
fn the_readme_names_every_permission_that_a_default_sync_needs_and_no_other() {
    let readme = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).expect("README.md");
    let rows: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.trim().strip_prefix("| `")?.split('`').next())
        .filter(|cell| cell.ends_with(".Read.All"))
        .collect();
    let types = lastseen_contracts::Registry::builtin().types();
    let needed: BTreeSet<&str> = types.filter(|(_, known)| known.is_on()).map(|(path, _)| path.permission.as_str()).collect();
    assert_eq!(rows, needed);
}
