//! `lastseen types`: the registry for people and programs.

use lastseen_contracts::Registry;
use serde_json::json;

use crate::exit::Exit;
use crate::output::{Screen, count};
use crate::problem::Problem;

pub(crate) fn run(screen: &mut Screen) -> Result<Exit, Problem> {
    let registry = Registry::builtin();
    if screen.is_json() {
        let types: Vec<_> = registry
            .types()
            .map(|(path, known)| {
                json!({
                    "policy_type": known.policy_type,
                    "display_name": known.name,
                    "category": known.category,
                    "path": path.path,
                    "api_version": path.api_version.as_str(),
                    "permission": path.permission,
                    "enabled": known.enabled,
                })
            })
            .collect();
        screen.json(&json!({ "types": types }))?;
        return Ok(Exit::Success);
    }
    let mut table = screen.table(&["TYPE", "CATEGORY", "LISTED", "PERMISSION", "PATH"]);
    let (mut on, mut off) = (0, 0);
    for (path, known) in registry.types() {
        *(if known.enabled { &mut on } else { &mut off }) += 1;
        table.line([
            known.policy_type.to_string(),
            known.category.to_string(),
            if known.enabled { "always" } else { "by name" }.to_owned(),
            path.permission.clone(),
            format!("{}{}", path.api_version.as_str(), path.path),
        ]);
    }
    screen.show(&table)?;
    screen.line("")?;
    screen.line(format!(
        "{} listed by default; {off} only when named with --types, because their permission exposes more than names",
        count(on, "type", "types")
    ))?;
    Ok(Exit::Success)
}
