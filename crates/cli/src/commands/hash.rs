//! `lastseen hash`: the canonical text and the hash of a selection.

use serde_json::json;

use crate::app::selection;
use crate::args::SelectionArgs;
use crate::exit::Exit;
use crate::output::Screen;
use crate::problem::Problem;

pub(crate) fn run(args: &SelectionArgs, screen: &mut Screen) -> Result<Exit, Problem> {
    let selection = selection(args)?;
    let (canonical, hash) = (selection.canonical(), selection.hash());
    if screen.is_json() {
        screen.json(&json!({ "canonical": canonical, "selection_hash": hash }))?;
    } else {
        screen.line(canonical)?;
        screen.line(hash.to_string())?;
    }
    Ok(Exit::Success)
}
