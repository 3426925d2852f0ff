//! `lastseen items`.

use lastseen_contracts::Registry;
use lastseen_model::Selection;
use lastseen_store::{Cursor, ItemQuery};
use serde_json::json;

use crate::app::{App, moment};
use crate::args::{self, Page};
use crate::exit::Exit;
use crate::output::{Screen, ago, count};
use crate::problem::Problem;

pub(crate) async fn run(app: &App, args: &args::Items, screen: &mut Screen) -> Result<Exit, Problem> {
    let vocabulary = Registry::builtin().vocabulary();
    let names = Selection::from_names(&vocabulary, args.categories.iter().map(String::as_str), args.types.iter().map(String::as_str))?;
    let query = ItemQuery {
        types: names.policy_types.into_iter().collect(),
        categories: names.categories.into_iter().collect(),
        platform: args.platform.as_deref().map(str::to_lowercase),
        search: args.search.clone(),
        not_seen_since: args.not_seen_since.as_deref().map(|text| moment("--not-seen-since", text, screen.now())).transpose()?,
        after: cursor(&args.page)?,
        limit: args.page.limit,
    };
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    let page = store.items(&tenant.scope, &query).await?;
    if screen.is_json() {
        screen.json(&json!({ "tenant_id": tenant.scope.tenant(), "items": page.items, "next_cursor": page.next_cursor }))?;
        return Ok(Exit::Success);
    }
    if page.items.is_empty() {
        screen.line(format!("{}: no item fits", tenant.label()))?;
        return Ok(Exit::Success);
    }
    let mut table = screen.table(&["TYPE", "NAME", "PLATFORM", "LAST SEEN", "CHANGED", "ID"]);
    for item in &page.items {
        table.line([
            item.policy_type.to_string(),
            item.display_name.clone().unwrap_or_else(|| "–".to_owned()),
            item.platform.clone().unwrap_or_default(),
            ago(screen.now(), item.last_seen_at),
            ago(screen.now(), item.changed_at),
            screen.id(item.external_id.as_str()),
        ]);
    }
    screen.show(&table)?;
    screen.line("")?;
    let more = if page.next_cursor.is_some() { ", and more" } else { "" };
    screen.line(format!("{}{more}", count(page.items.len() as u64, "item", "items")))?;
    if let Some(cursor) = &page.next_cursor {
        screen.line(format!("more: the same command with --cursor {cursor}"))?;
    }
    Ok(Exit::Success)
}

/// Where to go on.
pub(crate) fn cursor(page: &Page) -> Result<Option<Cursor>, Problem> {
    page.cursor.as_deref().map(|text| text.parse().map_err(|error| Problem::usage(format!("--cursor: {error}")))).transpose()
}
