//! `lastseen types`: the registry for people and programs.

use lastseen_contracts::{Assignments, Registry};
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
                    "parent": path.parent.as_ref().map(|parent| &parent.path),
                    "permission": path.permission,
                    "assignments": path.assignments == Assignments::Expand,
                    "enabled": known.is_on(),
                    "off_because": known.off_because,
                })
            })
            .collect();
        screen.json(&json!({ "types": types }))?;
        return Ok(Exit::Success);
    }
    let why = if screen.is_wide() { &["ASSIGNMENTS", "WHY ONLY BY NAME"][..] } else { &[] };
    let mut table = screen.table(&[&["TYPE", "CATEGORY", "LISTED", "PERMISSION", "PATH"], why].concat());
    let (mut on, mut off) = (0, 0);
    for (path, known) in registry.types() {
        *(if known.is_on() { &mut on } else { &mut off }) += 1;
        let mut line = vec![
            known.policy_type.to_string(),
            known.category.to_string(),
            if known.is_on() { "by default" } else { "by name" }.to_owned(),
            path.permission.clone(),
            format!("{}{}", path.api_version.as_str(), path.path),
        ];
        if screen.is_wide() {
            line.push(if path.assignments == Assignments::Expand { "counted" } else { "" }.to_owned());
            line.push(known.off_because.clone().unwrap_or_default());
        }
        table.line(line);
    }
    screen.show(&table)?;
    screen.line("")?;
    screen.line(format!(
        "{} listed by default; {off} only when named with --types{}",
        count(on, "type", "types"),
        if screen.is_wide() { "" } else { " (--wide says why)" }
    ))?;
    Ok(Exit::Success)
}
