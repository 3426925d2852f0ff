//! Why a foreign crate is here: `docs/dependencies.md` against the manifests.

use std::collections::BTreeSet;

use crate::edges::Edge;

/// Every foreign crate without a line, and every line without a crate.
pub(crate) fn violations(edges: &[Edge], documentation: &str) -> Vec<String> {
    let ours: BTreeSet<&str> = edges.iter().map(|edge| edge.from.as_str()).collect();
    let declared: BTreeSet<&str> = edges.iter().map(|edge| edge.to.as_str()).filter(|name| !ours.contains(name)).collect();
    let explained: BTreeSet<&str> = documentation.lines().filter_map(crate_of_line).collect();

    let missing = declared.difference(&explained).map(|name| format!("`{name}` has no line in docs/dependencies.md: why is it here?"));
    let left_over = explained.difference(&declared).map(|name| format!("docs/dependencies.md explains `{name}`, which no manifest names"));
    missing.chain(left_over).collect()
}

/// The crate that a row of a table is about: the name in its first cell.
fn crate_of_line(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once("` |").map(|(name, _)| name)
}

mod tests {
    use super::*;

    const DOCUMENTATION: &str = "# Dependencies\n| crate | why |\n| --- | --- |\n| `serde` | shapes |\n";

    fn edge(from: &str, to: &str) -> Edge {
        Edge { from: from.into(), to: to.into(), for_tests: false }
    }

    #[test]
    fn a_crate_with_its_line_is_fine_and_our_own_need_none() {
        let edges = [edge("lastseen-cli", "serde"), edge("lastseen-cli", "lastseen-model"), edge("lastseen-model", "serde")];
        assert!(violations(&edges, DOCUMENTATION).is_empty());
    }

    #[test]
    fn a_crate_without_a_line_and_a_line_without_a_crate_are_refused() {
        let found = violations(&[edge("lastseen-cli", "clap")], DOCUMENTATION);
        assert!(found[0].contains("`clap` has no line"), "{found:?}");
        assert!(found[1].contains("explains `serde`"), "{found:?}");
    }
}
