//! What a `lastseen.toml` may say that only happens to be in the current folder.
//!
//! A folder that someone else made must not decide which of this user's secrets is read or where it goes, which database is asked, or how
//! far an answer can be trusted. What it may say lies over the user's own file and takes nothing of it away.

use toml::{Table, Value};

use super::FILE;
use crate::problem::Problem;

/// What it may not say, and why.
const NOT_FROM_HERE: &[(&[&str], &str)] = &[
    (&["database_url"], "it decides which database is asked, and that names tenants and their credentials"),
    (&["api"], "it decides who may ask the API, and where"),
    (&["guard"], "it decides how far an answer can be trusted"),
    (&["graph", "cloud"], SECRETS),
    (&["graph", "authority"], SECRETS),
    (&["graph", "endpoint"], SECRETS),
    (&["graph", "client_id"], SECRETS),
    (&["graph", "credential"], SECRETS),
    (&["graph", "client_secret_file"], SECRETS),
    (&["graph", "contract_overrides"], "it decides how Graph is asked"),
    (&["graph", "page_cap"], LIMITS),
    (&["graph", "body_cap_mib"], LIMITS),
];

const SECRETS: &str = "it decides which secret is read, or where it goes";
const LIMITS: &str = "it decides which answers are taken";

/// Refuses the first setting that is not taken from here.
pub(super) fn allowed(settings: &Table) -> Result<(), Problem> {
    let is_set = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(settings.get(*first)?, |inner, key| inner.as_table()?.get(*key))
    };
    match NOT_FROM_HERE.iter().find(|(path, _)| is_set(path).is_some()) {
        None => Ok(()),
        Some((path, why)) => {
            Err(Problem::usage(format!("{} is not taken from a {FILE} that only happens to be in this folder", path.join(".")))
                .with("meaning", *why)
                .next(format!("name the file: --config {FILE}, or set it in your own configuration{}", or_elsewhere(path))))
        }
    }
}

/// Where else it can be set: not every setting has a variable.
fn or_elsewhere(path: &[&str]) -> &'static str {
    match path {
        ["api" | "guard"] | ["graph", "page_cap" | "body_cap_mib"] => "",
        _ => " or the environment",
    }
}

/// Lays settings over others: tables are joined, and of a key that both have the upper one holds.
pub(super) fn lay_over(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => lay_over(lower, upper),
            (_, value) => drop(lower.insert(key, value)),
        }
    }
}

/// The keys that are not taken from here, for the reference.
#[cfg(test)]
pub(crate) fn not_from_here() -> Vec<String> {
    NOT_FROM_HERE.iter().map(|(path, _)| format!("`{}`", path.join("."))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i17_what_decides_over_secrets_or_trust_is_refused_by_its_key() {
        for (path, _) in NOT_FROM_HERE {
            let text = match path {
                ["guard"] => "[guard]\npercent = 100".to_owned(),
                ["api"] => "[api]\nlisten = '0.0.0.0:8480'".to_owned(),
                [key] => format!("{key} = 'x'"),
                [table, key] => format!("[{table}]\n{key} = 'x'"),
                _ => unreachable!("keys are one or two deep"),
            };
            let refused = allowed(&text.parse().expect("TOML")).expect_err("refused");
            assert!(refused.what.starts_with(&path.join(".")), "{}", refused.what);
            let has_a_variable = path[0] == "database_url" || (path[0] == "graph" && !["page_cap", "body_cap_mib"].contains(&path[1]));
            assert_eq!(format!("{refused:?}").contains("environment"), has_a_variable, "{path:?}");
        }
        assert!(allowed(&"[run]\nlease = '60s'\n[graph]\nretry_tries = 1".parse().expect("TOML")).is_ok());
    }

    #[test]
    fn a_file_here_adds_to_the_users_own_and_takes_nothing_away() {
        let mut lower: Table = "[graph]\ncloud = 'usgov'\nretry_tries = 3".parse().expect("TOML");
        lay_over(&mut lower, "[graph]\nretry_tries = 1\n[run]\nlease = '60s'".parse().expect("TOML"));
        let expected: Table = "[graph]\ncloud = 'usgov'\nretry_tries = 1\n[run]\nlease = '60s'".parse().expect("TOML");
        assert_eq!(lower, expected);
    }
}
