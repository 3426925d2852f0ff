//! What the sources may not say, and where.

use crate::sources::{Purpose, Source};
use crate::sql;
use crate::tokens::{self, Token, Word};

/// The crates that speak SQL.
const BACKENDS: &[&str] = &["store-sqlite", "store-postgres"];
/// The statements against items. The suite runs one to see that the database refuses it, before it trusts that no other was run. And each
/// backend has one to take a whole tenant away, which is an administrator's act.
const AGAINST_ITEMS: [(&str, &str); 3] = [
    ("crates/store-conformance/src/cases/guardrails.rs", "DELETE FROM catalogue"),
    ("crates/store-sqlite/src/purge.rs", "DELETE FROM catalogue WHERE tenant_id = ?1"),
    ("crates/store-postgres/src/purge.rs", "DELETE FROM catalogue WHERE tenant_id = $1"),
];
/// The crate that speaks HTTP to Microsoft, and the files of it that may post: the one that sends a form to the token endpoint, and the one
/// that signs in by it.
const GRAPH: &str = "graph";
/// The one other file that sends requests: it reads the keys of the issuer whose tokens the API accepts.
const ISSUER_KEYS: &str = "crates/api/src/oidc/keys.rs";
const SIGN_IN: &[&str] = &["crates/graph/src/transport.rs", "crates/graph/src/sign_in.rs"];

/// SQL, or the library for it, in what runs outside the backends. Examples for people, which read the views of the SQL contract, are no
/// such thing: nothing can run them there, for the library is not there either.
pub(crate) fn sql_outside_backends(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !BACKENDS.contains(&source.crate_folder()) && is_production(source)) {
        if source.is_sql() {
            found.push(format!("{}: SQL belongs to the backends", source.path));
            continue;
        }
        for token in tokens::production(&source.text) {
            match &token.word {
                Word::Name(name) if name == "sqlx" => found.push(at(source, &token, "`sqlx` belongs to the backends")),
                Word::Text(text) if sql::is_statement(text) && !sql::reads_only_the_contract(text) => {
                    found.push(at(source, &token, "SQL belongs to the backends; elsewhere only examples that read `inventory_*` stand"));
                }
                _ => {}
            }
        }
    }
    found
}

/// The HTTP client's name in what runs outside the one path to Microsoft, and the one file that reads an issuer's keys.
pub(crate) fn http_client_outside_graph(sources: &[Source]) -> Vec<String> {
    let elsewhere = sources.iter().filter(|source| !sends_requests(source) && is_production(source) && !source.is_sql());
    let named = |token: &Token| matches!(&token.word, Word::Name(name) if name == "reqwest");
    elsewhere.flat_map(|source| tokens_where(source, named, "`reqwest` belongs to graph, the one path to Microsoft")).collect()
}

fn sends_requests(source: &Source) -> bool {
    source.crate_folder() == GRAPH || source.path == ISSUER_KEYS
}

/// Requests that could change something: any method but GET, outside the files that sign in.
pub(crate) fn write_verbs(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| sends_requests(source) && is_production(source) && !source.is_sql()) {
        let posts = SIGN_IN.contains(&source.path.as_str());
        let tokens = tokens::production(&source.text);
        for (index, token) in tokens.iter().enumerate() {
            if let Some(method) = write_method(&tokens[index..])
                && !(posts && method == "POST")
            {
                found.push(at(
                    source,
                    token,
                    &format!("{method} could change something: Graph and an issuer's keys are read by GET; only signing in may POST"),
                ));
            }
        }
    }
    found
}

/// The method that a request begins with here, if it is one that changes something: `.post(`, `Method::POST`, `"POST"`.
fn write_method(tokens: &[Token]) -> Option<&'static str> {
    const METHODS: &[(&str, &str)] = &[("POST", "post"), ("PUT", "put"), ("PATCH", "patch"), ("DELETE", "delete")];
    let name = |at: usize| match tokens.get(at).map(|token| &token.word) {
        Some(Word::Name(name)) => name.as_str(),
        _ => "",
    };
    let is = |at: usize, wanted: &Word| tokens.get(at).is_some_and(|token| token.word == *wanted);
    let found = match &tokens.first()?.word {
        Word::Mark('.') if is(2, &Word::Open('(')) || is(2, &Word::Mark(':')) => METHODS.iter().find(|(_, call)| *call == name(1)),
        Word::Name(first) if first == "Method" && is(1, &Word::Mark(':')) && is(2, &Word::Mark(':')) => {
            METHODS.iter().find(|(constant, _)| *constant == name(3))
        }
        // `Client::post` as a function, and methods that are made from text.
        Word::Name(first) if first == "Client" && is(1, &Word::Mark(':')) => METHODS.iter().find(|(_, call)| *call == name(3)),
        Word::Text(text) => METHODS.iter().find(|(constant, _)| constant == text),
        _ => None,
    };
    found.map(|(constant, _)| *constant)
}

/// The reserved word as a name, as a status, or in a sentence that does not deny it. What is not seen is *missing*, never that.
pub(crate) fn reserved_word(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| is_production(source)) {
        if source.is_sql() {
            let text = sql::without_comments(&source.text);
            let lines = text.lines().enumerate().filter(|(_, line)| says_reserved(line));
            found.extend(lines.map(|(index, _)| format!("{}:{}: {RESERVED}", source.path, index + 1)));
            continue;
        }
        found.extend(tokens_where(
            source,
            |token| match &token.word {
                Word::Name(name) => says_reserved(&snake(name)),
                Word::Text(text) => says_reserved(text),
                _ => false,
            },
            RESERVED,
        ));
    }
    found
}

const RESERVED: &str = "`deleted` is reserved and never produced: say what was not seen, and that it is missing";

/// Whether the word stands in a text by itself or between underscores, and no `not`, `never` or `no` stands before it in its sentence.
fn says_reserved(text: &str) -> bool {
    text.split(['.', ';', '!', '?']).any(|sentence| {
        let mut denied = false;
        sentence.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| {
            denied |= matches!(word, "not" | "never" | "no" | "nor");
            !denied && matches!(word, "deleted" | "tombstone" | "tombstoned")
        })
    })
}

/// `ItemDeleted` as `Item_Deleted`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    let mut before_small = false;
    for c in name.chars() {
        if c.is_uppercase() && before_small {
            text.push('_');
        }
        before_small = c.is_lowercase();
        text.push(c);
    }
    text
}

/// Statements, anywhere and in tests too, that take rows away from the items.
pub(crate) fn items_taken_away(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        if source.is_sql() {
            let taken = sql::takes_items_away(&sql::without_comments(&source.text));
            found.extend(taken.map(|what| format!("{}: {what}: no statement takes an item away", source.path)));
            continue;
        }
        for token in tokens::all(&source.text) {
            if let Word::Text(text) = &token.word
                && !AGAINST_ITEMS.contains(&(source.path.as_str(), text.as_str()))
                && let Some(what) = sql::takes_items_away(&sql::without_comments(text))
            {
                found.push(at(source, &token, &format!("{what}: no statement takes an item away")));
            }
        }
    }
    found
}

fn is_production(source: &Source) -> bool {
    source.purpose == Purpose::Production
}

fn tokens_where(source: &Source, wanted: impl Fn(&Token) -> bool, why: &str) -> Vec<String> {
    tokens::production(&source.text).iter().filter(|token| wanted(token)).map(|token| at(source, token, why)).collect()
}

fn at(source: &Source, token: &Token, why: &str) -> String {
    format!("{}:{}: {why}", source.path, token.line)
}

mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> [Source; 1] {
        [Source { path: path.into(), text: text.into(), purpose: Purpose::Production }]
    }

    fn test_source(path: &str, text: &str) -> [Source; 1] {
        [Source { path: path.into(), text: text.into(), purpose: Purpose::Test }]
    }

    #[test]
    fn sql_is_refused_outside_the_backends() {
        let text = "fn a() {\n query(\"SELECT a FROM catalogue\") }";
        let found = sql_outside_backends(&source("crates/engine/src/a.rs", text));
        assert!(found[0].starts_with("crates/engine/src/a.rs:2:"), "{found:?}");
        assert!(sql_outside_backends(&source("crates/store-sqlite/src/a.rs", text)).is_empty());
        assert!(sql_outside_backends(&test_source("crates/cli/tests/a.rs", text)).is_empty());
        assert_eq!(sql_outside_backends(&source("crates/cli/src/a.rs", "use sqlx::Pool;")).len(), 1);
        assert_eq!(sql_outside_backends(&source("crates/store/migrations/1.sql", "")).len(), 1);
    }

    #[test]
    fn an_example_for_people_is_no_sql_of_ours() {
        let text = "const EXAMPLE: &str = \"sqlite3 x.db 'SELECT * FROM inventory_missing'\";";
        assert!(sql_outside_backends(&source("crates/cli/src/a.rs", text)).is_empty());
    }

    #[test]
    fn r15_the_http_client_is_refused_outside_graph() {
        assert_eq!(http_client_outside_graph(&source("crates/engine/src/a.rs", "use lastseen_graph::reqwest;")).len(), 1);
        assert!(http_client_outside_graph(&source("crates/graph/src/a.rs", "use reqwest::Client;")).is_empty());
        assert!(http_client_outside_graph(&source("crates/engine/src/a.rs", "// not reqwest")).is_empty());
    }

    #[test]
    fn r15_one_file_of_the_api_reads_an_issuers_keys_and_no_other_does() {
        let text = "use reqwest::Client;";
        assert!(http_client_outside_graph(&source("crates/api/src/oidc/keys.rs", text)).is_empty());
        for path in
            ["crates/api/src/oidc/cache.rs", "crates/api/src/oidc/keys/more.rs", "crates/api/src/keys.rs", "crates/cli/src/oidc/keys.rs"]
        {
            assert_eq!(http_client_outside_graph(&source(path, text)).len(), 1, "{path}");
        }
    }

    #[test]
    fn r16_an_issuers_keys_are_read_by_get_alone() {
        let path = "crates/api/src/oidc/keys.rs";
        assert!(write_verbs(&source(path, "fn a() { client.get(url); }")).is_empty());
        for call in ["client.post(url)", "client.put(url)", "client.request(Method::DELETE, url)", "Request::new(Method::POST, url)"] {
            assert_eq!(write_verbs(&source(path, &format!("fn a() {{ {call}; }}"))).len(), 1, "{call}");
        }
    }

    #[test]
    fn r16_every_way_to_write_is_refused() {
        for call in [
            "client.post(url)",
            "client.patch(url)",
            "client.put(url)",
            "client.delete(url)",
            "client.request(Method::DELETE, url)",
            "Request::new(reqwest::Method::PATCH, url)",
            "Client::post(&client, url)",
            "Method::from_bytes(b\"PUT\")",
        ] {
            let text = format!("fn a() {{ {call}; }}");
            assert_eq!(write_verbs(&source("crates/graph/src/pages.rs", &text)).len(), 1, "{call}");
        }
        assert!(write_verbs(&source("crates/graph/src/pages.rs", "fn a() { client.get(url); }")).is_empty());
    }

    #[test]
    fn r16_signing_in_posts_and_does_no_more() {
        assert!(write_verbs(&source("crates/graph/src/sign_in.rs", "fn a() { client.post(url); }")).is_empty());
        assert_eq!(write_verbs(&source("crates/graph/src/sign_in.rs", "fn a() { client.patch(url); }")).len(), 1);
    }

    #[test]
    fn r18_the_word_is_refused_as_a_name_a_status_and_a_verdict() {
        for text in [
            "enum State { Deleted }",
            "fn item_deleted() {}",
            "const A: &str = \"deleted\";",
            "const A: &str = \"is_deleted\";",
            "const A: &str = \"This policy was deleted.\";",
            "const A: &str = \"Not seen. It was deleted.\";",
            "struct ItemDeleted;",
        ] {
            assert_eq!(reserved_word(&source("crates/model/src/a.rs", text)).len(), 1, "{text}");
        }
        assert_eq!(reserved_word(&source("crates/store-sqlite/migrations/1.sql", "-- a\nstate TEXT CHECK (state <> 'deleted')")).len(), 1);
    }

    #[test]
    fn r18_what_graph_calls_it_and_what_denies_it_may_stand() {
        for text in
            ["const A: &str = \"deletedDateTime\";", "const A: &str = \"Missing does not mean deleted.\";", "/// Never deleted.\nfn a() {}"]
        {
            assert!(reserved_word(&source("crates/model/src/a.rs", text)).is_empty(), "{text}");
        }
        assert!(reserved_word(&source("crates/store-sqlite/migrations/1.sql", "-- never deleted\nSELECT 1")).is_empty());
    }

    #[test]
    fn i04_the_trap_of_the_conformance_suite_and_a_purge_are_the_exceptions() {
        for (file, statement) in AGAINST_ITEMS {
            let text = format!("fn a() {{ run(\"{statement}\") }}");
            assert!(items_taken_away(&test_source(file, &text)).is_empty());
            assert_eq!(items_taken_away(&test_source("crates/store-conformance/src/cases/other.rs", &text)).len(), 1);
            assert_eq!(items_taken_away(&test_source(file, "fn a() { run(\"DELETE FROM catalogue WHERE 1\") }")).len(), 1);
        }
    }

    #[test]
    fn i04_a_statement_that_takes_items_away_is_refused_in_tests_too() {
        let text = "fn a() { run(\"DELETE FROM catalogue\") }";
        assert_eq!(items_taken_away(&source("crates/store-sqlite/src/a.rs", text)).len(), 1);
        assert_eq!(items_taken_away(&test_source("crates/store-sqlite/tests/a.rs", text)).len(), 1);
        assert_eq!(items_taken_away(&source("crates/store-sqlite/migrations/2.sql", "DELETE FROM catalogue;")).len(), 1);
        assert!(items_taken_away(&source("crates/store-sqlite/migrations/2.sql", "-- DELETE FROM catalogue\n")).is_empty());
    }
}
