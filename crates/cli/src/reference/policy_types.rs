//! The reference of policy types.

use std::fmt::Write;

use lastseen_contracts::{Assignments, Paging, PathContract, PathKind, Registry, TypeContract};

use super::reference;

const HEAD: &str = "# Policy types

Generated from the registry by `cargo xtask generate`. How a type comes in, and how an installation asks otherwise: [contracts.md](contracts.md).

Types that share a path are read in one pass. A path with `{id}` is read for every object of the collection before it.
";

#[test]
fn reference_of_the_policy_types() {
    let mut text = HEAD.to_owned();
    let types: Vec<_> = Registry::builtin().types().collect();
    let on = types.iter().filter(|(_, known)| known.is_on()).count();
    let paths = Registry::builtin().paths().len();
    line(
        &mut text,
        &format!("\n{} types on {paths} paths; {on} are listed by default, {} only when named.\n", types.len(), types.len() - on),
    );
    table(&mut text, "Types", &["type", "name", "category", "path", "listed"], types.iter().map(type_row));
    text.push_str(
        "\nHow a path is asked. *Page size* is `$top`; where there is none, Graph chooses. *Select*: only what is kept is asked for, by `$select`. \
         *Assignments* are counted where they come with the list, by `$expand`. Where a tenant need not have the feature, 403 and 404 mean *unavailable*.\n\n",
    );
    let rows = Registry::builtin().paths().iter().map(path_row);
    table(&mut text, "Paths", &["path", "version", "permission", "page size", "select", "assignments", "paging", "optional feature"], rows);
    reference("policy-types.md", &text);
}

fn type_row((path, known): &(&PathContract, &TypeContract)) -> Vec<String> {
    let listed = known.off_because.as_ref().map_or("by default".to_owned(), |why| format!("by name: {why}"));
    vec![format!("`{}`", known.policy_type), known.name.clone(), known.category.to_string(), format!("`{}`", path.path), listed]
}

fn path_row(path: &PathContract) -> Vec<String> {
    let yes = |it: bool| if it { "yes" } else { "" }.to_owned();
    let paging = match (path.kind, path.paging) {
        (PathKind::Singleton, _) => "one object",
        (PathKind::Collection, Paging::Token) => "token",
        (PathKind::Collection, Paging::Offset) => "offset",
    };
    vec![
        format!("`{}`", path.path),
        path.api_version.as_str().to_owned(),
        format!("`{}`", path.permission),
        path.page_size.map(|size| size.to_string()).unwrap_or_default(),
        yes(path.select),
        yes(path.assignments == Assignments::Expand),
        paging.to_owned(),
        yes(path.optional_feature),
    ]
}

fn table(text: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    line(text, &format!("## {title}\n"));
    line(text, &format!("| {} |", head.join(" | ")));
    line(text, &format!("|{}", " --- |".repeat(head.len())));
    for row in rows {
        line(text, &format!("| {} |", row.join(" | ")));
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}
