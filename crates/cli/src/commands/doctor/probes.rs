//! What each path was found to take, and the overrides that follow from it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use lastseen_contracts::{Overrides, PathOverride, Registry};
use lastseen_engine::{Examination, PathExamined};
use lastseen_graph::{ExpandFound, FirstPage, Probe, SelectFound, SizeFound};

use crate::advice;
use crate::config::Config;
use crate::output::{Screen, count, seconds};
use crate::problem::Problem;

/// A table of what was found, one line a path.
pub(super) fn tell(examination: &Examination, screen: &mut Screen) -> Result<(), Problem> {
    let mut table = screen.table(&["PATH", "FIRST PAGE", "TOOK", "PAGE SIZE", "$SELECT", "ASSIGNMENTS", "SUGGESTED"]);
    for path in &examination.paths {
        table.line(line(path));
    }
    screen.show(&table)?;
    screen.line("")?;
    screen.line("what is refused is no error: a sync asks again without it, and remembers; SUGGESTED would spare it that")?;
    screen.line("")?;
    Ok(())
}

fn line(path: &PathExamined) -> [String; 7] {
    let only = |words: &str| {
        let mut cells: [String; 7] = Default::default();
        cells[0].clone_from(&path.path);
        words.clone_into(&mut cells[1]);
        cells
    };
    match &path.probe {
        None => only("not asked"),
        Some(Err(failure)) => only(advice::word(Some(failure.code))),
        Some(Ok(None)) => only("nothing above it"),
        Some(Ok(Some(probe))) => [
            path.path.clone(),
            count(probe.plain.objects as u64, "object", "objects"),
            seconds(probe.plain.took),
            size(probe),
            select(probe),
            assignments(probe),
            probe.suggestion.as_ref().map_or_else(|| "as it is".to_owned(), suggested),
        ],
    }
}

fn size(probe: &Probe) -> String {
    match probe.sizes.last() {
        None => "–".to_owned(),
        Some((size, SizeFound::Honoured(_))) => size.to_string(),
        Some((size, SizeFound::TooFewToSee(_))) => format!("{size} (too few to see)"),
        Some((_, SizeFound::Ignored(_))) => "ignored".to_owned(),
        Some((_, SizeFound::Limit(_))) => "limit".to_owned(),
        Some((_, SizeFound::Refused(_))) => "refused".to_owned(),
    }
}

fn select(probe: &Probe) -> String {
    match &probe.select {
        SelectFound::Refused(_) => "refused".to_owned(),
        SelectFound::Differs(_) => "other objects".to_owned(),
        SelectFound::Empty(_) => "nothing to see".to_owned(),
        SelectFound::Same(page) => saved(&probe.plain, page),
    }
}

/// How many bytes fewer a page has.
fn saved(plain: &FirstPage, lean: &FirstPage) -> String {
    let less = plain.bytes.saturating_sub(lean.bytes) * 100 / plain.bytes.max(1);
    if less == 0 { "saves nothing".to_owned() } else { format!("saves {less} %") }
}

fn assignments(probe: &Probe) -> String {
    match &probe.expand {
        None => "–".to_owned(),
        Some(ExpandFound::Refused(_)) => "refused".to_owned(),
        Some(ExpandFound::Page { counted: 0, .. }) => "not shown".to_owned(),
        Some(ExpandFound::Page { assignments, .. }) => format!("{assignments} counted"),
    }
}

fn suggested(suggestion: &PathOverride) -> String {
    let size = suggestion.page_size.map(|size| format!("page_size = {size}"));
    let select = suggestion.select.map(|select| format!("select = {select}"));
    let assignments = suggestion.assignments.map(|assignments| format!("assignments = {assignments}"));
    [size, select, assignments].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Finds out early that the file can't be made.
pub(super) fn may_be_made(file: &Path) -> Result<(), Problem> {
    if file.exists() {
        return Err(Problem::usage(format!("--save: {} is there already", file.display())).next("name a file that is not there yet"));
    }
    Ok(())
}

/// What became of `--save`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// The file was made.
    Written,
    /// There was nothing to write.
    NothingToSay,
}

/// Writes the overrides in force, changed by what was found, to a file of their own.
pub(super) fn save(file: &Path, config: &Config, examination: &Examination) -> Result<Saved, Problem> {
    let mut paths: Vec<PathOverride> = config.overrides.paths().to_vec();
    let suggestions = examination.paths.iter().filter_map(|path| path.probe.as_ref()?.as_ref().ok()?.as_ref()?.suggestion.as_ref());
    for suggestion in suggestions {
        match paths.iter_mut().find(|known| (&known.path, known.api_version) == (&suggestion.path, suggestion.api_version)) {
            Some(known) => {
                known.page_size = suggestion.page_size.or(known.page_size);
                known.select = suggestion.select.or(known.select);
                known.assignments = suggestion.assignments.or(known.assignments);
            }
            None => paths.push(suggestion.clone()),
        }
    }
    if paths.as_slice() == config.overrides.paths() {
        return Ok(Saved::NothingToSay);
    }
    let overrides = Overrides::new(paths, Registry::builtin())
        .map_err(|problem| Problem::failed(format!("the overrides are not usable: {problem}")))?;
    let written =
        OpenOptions::new().write(true).create_new(true).open(file).and_then(|mut file| file.write_all(overrides.to_string().as_bytes()));
    written
        .map(|()| Saved::Written)
        .map_err(|error| Problem::failed(format!("--save: {} can't be written: {error}", file.display())).next("name another file"))
}
