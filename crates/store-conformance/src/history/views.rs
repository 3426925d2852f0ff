//! The four views of the SQL contract say what the verbs say.

use lastseen_model::{Reference, Timestamp};
use proptest::{prop_assert, prop_assert_eq};
use serde_json::{Map, Value, json};

use super::compare::json;
use super::player::{Played, selections, tenant_of};
use super::same::same;
use crate::backend::TestDatabase;
use crate::model::Model;

/// One row of a view or of a verb's answer.
type Row = Map<String, Value>;

/// `inventory_items`, in order.
pub(crate) const ITEMS: &str = "tenant_id, policy_type, external_id, category, display_name, platform, meta_jsonb, assignment_count, \
    first_seen_at, first_seen_run_id, changed_at, last_seen_at, last_seen_run_id";
/// `inventory_sync_runs`, in order.
pub(crate) const RUNS: &str = "tenant_id, run_id, run_no, selection_hash, selection_payload, status, had_errors, correlation_id, trigger, \
    created_at, started_at, finished_at, items_observed, items_upserted, items_created, items_changed, items_unseen, items_rejected, \
    errors_count, error_codes";
/// `inventory_missing`, in order.
pub(crate) const MISSING: &str = "tenant_id, selection_hash, policy_type, external_id, category, display_name, platform, confidence, \
    reasons, listing_outcome, reference_run_id, reference_status, reference_finished_at, first_seen_at, last_seen_at, last_seen_run_id, \
    missing_since, missing_since_run_id, acknowledged_at";
/// `inventory_coverage`, in order.
pub(crate) const COVERAGE: &str = "tenant_id, selection_hash, policy_type, reference_run_id, reference_status, reference_finished_at, \
    outcome, error_code, items_observed, items_unseen, latest_complete_run_id, latest_complete_at";

/// Compares all four views with the model's answers.
pub(super) async fn compare(database: &dyn TestDatabase, model: &Model) -> Played<()> {
    let (mut items, mut runs, mut missing, mut coverage) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for tenant in [0, 1].map(tenant_of) {
        items.extend(model.items(tenant).iter().map(row));
        runs.extend(model.records(tenant).iter().map(row).map(run_row));
        for chosen in selections() {
            if let Some(said) = model.missing(tenant, chosen.selection.hash(), Reference::LatestCompleted) {
                missing.extend(said.items.iter().map(row));
                coverage.extend(said.coverage.iter().map(row));
            }
        }
    }
    let views = [("inventory_items", ITEMS, items), ("inventory_sync_runs", RUNS, runs)];
    for (view, columns, said) in
        views.into_iter().chain([("inventory_missing", MISSING, missing), ("inventory_coverage", COVERAGE, coverage)])
    {
        let found = database.view(view).await;
        for row in &found {
            let mut names: Vec<&str> = row.keys().map(String::as_str).collect();
            let mut wanted: Vec<&str> = columns.split(", ").collect();
            names.sort_unstable();
            wanted.sort_unstable();
            prop_assert_eq!(names, wanted, "the columns of {}", view);
        }
        let said: Vec<Row> = said.into_iter().map(|row| cut(row, columns)).collect();
        same(view, &in_order(found.into_iter().map(plain)), &in_order(said.into_iter().map(plain)))?;
    }
    prop_assert!(!format!("{:?}", database.view("inventory_missing").await).contains("deleted"), "R18: the word is reserved");
    Ok(())
}

fn row(answer: &impl serde::Serialize) -> Row {
    json(answer).as_object().cloned().expect("answers are objects")
}

/// A record names its counts as the view does, one level down.
fn run_row(mut row: Row) -> Row {
    if let Some(Value::Object(counts)) = row.remove("counts") {
        row.insert("errors_count".into(), counts["errors"].clone());
        row.extend(counts);
    }
    row
}

/// A row with these columns only, every one of them there.
fn cut(mut row: Row, columns: &str) -> Row {
    columns.split(", ").map(|column| (column.to_owned(), row.remove(column).unwrap_or_default())).collect()
}

/// A row in the one form that both databases' forms can be brought to.
pub(crate) fn plain(row: Row) -> Row {
    let value = |column: &str, value: Value| match (column, value) {
        ("had_errors", Value::Number(number)) => json!(number.as_i64() == Some(1)),
        ("selection_payload" | "meta_jsonb" | "reasons" | "error_codes", Value::String(text)) => {
            serde_json::from_str(&text).expect("JSON text in a column of JSON")
        }
        (_, Value::String(text)) if is_time(column) => json!(text.parse::<Timestamp>().expect("RFC 3339")),
        (_, value) => value,
    };
    row.into_iter().map(|(column, found)| (column.clone(), value(&column, found))).collect()
}

fn is_time(column: &str) -> bool {
    column.ends_with("_at") || column == "missing_since"
}

fn in_order(rows: impl Iterator<Item = Row>) -> Vec<String> {
    let mut rows: Vec<String> = rows.map(|row| Value::Object(row).to_string()).collect();
    rows.sort_unstable();
    rows
}
