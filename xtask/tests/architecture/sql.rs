//! Enough of SQL to tell a statement from a sentence, and what a statement takes away.

/// Tables and views that hold items.
fn holds_items(table: &str) -> bool {
    table == "catalogue" || table.starts_with("inventory")
}

/// The words of a text in lower case: names with their dots and without their quotes, and `{name}` where one is filled in later.
fn words(text: &str) -> Vec<String> {
    let unquoted: String = text.chars().filter(|c| !matches!(c, '"' | '`')).collect();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '{' | '}' | '$');
    unquoted.split(|c: char| !is_part(c)).map(|word| word.trim_end_matches('.').to_lowercase()).filter(|word| !word.is_empty()).collect()
}

/// A text without its SQL comments, which end with their line or with `*/`; line breaks stay.
pub(crate) fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = [rest.find("--"), rest.find("/*")].into_iter().flatten().min() {
        kept.push_str(&rest[..at]);
        let length = if rest[at..].starts_with("--") {
            rest[at..].find('\n').unwrap_or(rest.len() - at)
        } else {
            rest[at..].find("*/").map_or(rest.len() - at, |end| end + 2)
        };
        let (comment, after) = rest[at..].split_at(length);
        kept.extend(comment.chars().filter(|c| *c == '\n'));
        rest = after;
    }
    kept + rest
}

/// Whether a text is a statement of SQL. One that begins with a verb of SQL in any case is, if what belongs to the verb follows; so is one
/// that has the pair in capitals anywhere. An English sentence that happens to hold both words in small letters is not.
pub(crate) fn is_statement(text: &str) -> bool {
    const PAIRS: &[(&str, &[&str])] = &[
        ("select", &["from"]),
        ("with", &["select"]),
        ("insert", &["into"]),
        ("replace", &["into"]),
        ("update", &["set"]),
        ("delete", &["from"]),
        ("create", &["table", "view", "index", "trigger"]),
        ("alter", &["table"]),
        ("drop", &["table", "view", "index", "trigger"]),
    ];
    let lower = words(text);
    let pair_follows = |verb: &str, partners: &[&str], words: &[String]| {
        words.iter().position(|word| word == verb).is_some_and(|at| words[at..].iter().any(|word| partners.contains(&word.as_str())))
    };
    let begins =
        PAIRS.iter().any(|(verb, partners)| lower.first().is_some_and(|word| word == verb) && pair_follows(verb, partners, &lower));
    let capitals: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_capital(word)).map(str::to_lowercase).collect();
    begins || PAIRS.iter().any(|(verb, partners)| pair_follows(verb, partners, &capitals))
}

fn is_capital(word: &str) -> bool {
    word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase())
}

/// Whether a statement only reads from the views of the SQL contract: what help and examples show to a person.
pub(crate) fn reads_only_the_contract(text: &str) -> bool {
    let words = words(text);
    let changes = ["insert", "update", "delete", "replace", "create", "alter", "drop", "pragma", "attach"];
    let sources: Vec<&String> = words.windows(2).filter(|pair| pair[0] == "from" || pair[0] == "join").map(|pair| &pair[1]).collect();
    !words.iter().any(|word| changes.contains(&word.as_str()))
        && !sources.is_empty()
        && sources.iter().all(|source| source.starts_with("inventory_"))
}

/// What takes items away in a text of one or more statements, in words; none if nothing does.
///
/// A table whose name is filled in later counts: nobody could tell.
pub(crate) fn takes_items_away(text: &str) -> Option<String> {
    text.split(';').find_map(|statement| {
        let words = words(statement);
        (0..words.len()).find_map(|at| taken_at(&words[at..]))
    })
}

fn taken_at(words: &[String]) -> Option<String> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let target_at = match (word(0), word(1)) {
        ("delete", "from") | ("replace", "into") | ("truncate" | "drop", "table") => 2,
        ("truncate", _) => 1,
        ("create", "table") => return cascade(words),
        _ => return None,
    };
    // What may stand between the verb and the table.
    let skipped = words.iter().skip(target_at).take_while(|word| matches!(word.as_str(), "if" | "exists" | "only")).count();
    let table = word(target_at + skipped);
    let name = table.rsplit('.').next().unwrap_or(table);
    let unknown = name.contains('{') || name.starts_with('$');
    (holds_items(name) || unknown).then(|| format!("`{} {} {table}`", word(0), word(1)))
}

/// A table of items that loses rows when another does.
fn cascade(words: &[String]) -> Option<String> {
    let name = words.iter().skip(2).find(|word| !matches!(word.as_str(), "if" | "not" | "exists"))?;
    let falls = words.windows(3).any(|three| three == ["on", "delete", "cascade"]);
    (falls && holds_items(name.rsplit('.').next().unwrap_or(name))).then(|| format!("`on delete cascade` in `{name}`"))
}

mod tests {
    use super::*;

    #[test]
    fn statements_are_told_from_sentences() {
        for statement in [
            "SELECT a FROM b",
            "select a\n from b",
            "INSERT OR IGNORE INTO a VALUES (1)",
            "update a set b = 1",
            "\n  WITH x AS (SELECT 1) SELECT 2",
            "CREATE TABLE IF NOT EXISTS a (b)",
            "EXPLAIN QUERY PLAN SELECT a FROM b",
        ] {
            assert!(is_statement(statement), "{statement}");
        }
        for sentence in [
            "Choose what to select from the list",
            "the item was updated and the set is full",
            "Only types of these categories",
            "SELECT is a word of SQL",
            "",
        ] {
            assert!(!is_statement(sentence), "{sentence}");
        }
    }

    #[test]
    fn an_example_reads_the_contract_and_nothing_else() {
        assert!(reads_only_the_contract("sqlite3 x.db 'SELECT * FROM inventory_missing m JOIN inventory_items i USING (tenant_id)'"));
        assert!(!reads_only_the_contract("SELECT * FROM catalogue"));
        assert!(!reads_only_the_contract("SELECT * FROM inventory_items, (SELECT * FROM sync_runs)"));
        assert!(!reads_only_the_contract("DELETE FROM inventory_items"));
        assert!(!reads_only_the_contract("SELECT 1"));
    }

    #[test]
    fn i04_every_way_to_take_items_away_is_seen() {
        for statement in [
            "DELETE FROM catalogue WHERE tenant_id = ?1",
            "delete\n  from main.\"catalogue\"",
            "DELETE FROM inventory_items",
            "SELECT 1; DELETE FROM catalogue",
            "WITH gone AS (SELECT 1) DELETE FROM ONLY catalogue",
            "INSERT OR REPLACE INTO catalogue VALUES (1)",
            "REPLACE INTO catalogue VALUES (1)",
            "TRUNCATE catalogue",
            "TRUNCATE TABLE catalogue",
            "DROP TABLE IF EXISTS catalogue",
            "DELETE FROM {table}",
            "CREATE TABLE catalogue (tenant_id REFERENCES tenants ON DELETE CASCADE)",
        ] {
            assert!(takes_items_away(statement).is_some(), "{statement}");
        }
    }

    #[test]
    fn other_statements_may_delete_what_is_theirs() {
        for statement in [
            "DELETE FROM listings WHERE run_id = ?1",
            "SELECT * FROM catalogue; DELETE FROM run_errors",
            "CREATE TABLE run_errors (run_id REFERENCES sync_runs ON DELETE CASCADE)",
            "CREATE TRIGGER keep BEFORE DELETE ON catalogue BEGIN SELECT RAISE(ABORT, 'items stay'); END",
            "INSERT INTO catalogue VALUES (1) ON CONFLICT DO NOTHING",
            "UPDATE catalogue SET display_name = ?1",
        ] {
            assert_eq!(takes_items_away(statement), None, "{statement}");
        }
    }

    #[test]
    fn comments_say_nothing_and_lines_stay() {
        assert_eq!(without_comments("a -- b\nc /* d\n e */ f -- g"), "a \nc \n f ");
    }
}
