use std::collections::BTreeSet;

use super::*;
use lastseen_model::{ListingOutcome, Selection};

fn run_id(number: u64) -> RunId {
    format!("01900000-0000-7000-8000-{number:012}").parse().expect("an id")
}

fn hash(selection: &str) -> SelectionHash {
    let types = if selection.is_empty() { BTreeSet::new() } else { [selection.parse().expect("a key")].into() };
    Selection { policy_types: types, ..Selection::default() }.hash()
}

/// A strip's listings, oldest first: `●` seen, `○` complete and not seen, `?` not complete, `·` complete before it was known.
fn rows(selection: &str, from: u64, marks: &str) -> Vec<SightingRow> {
    let row = |(number, mark): (u64, char)| SightingRow {
        run_id: run_id(number),
        run_no: i64::try_from(number).expect("small"),
        run_status: RunStatus::Success,
        started_at: Timestamp::from_second(i64::try_from(number).expect("small")).expect("a time"),
        selection_hash: hash(selection),
        outcome: Some(if mark == '?' { ListingOutcome::Incomplete } else { ListingOutcome::Complete }),
        error_code: None,
        pages: 1,
        seen: match mark {
            '●' => Some(true),
            '?' => None,
            _ => Some(false),
        },
        known_before: mark != '·',
        is_reference: false,
    };
    (from..).zip(marks.chars()).map(row).collect()
}

fn told(first_seen: u64, mut listings: Vec<SightingRow>) -> Vec<(String, Vec<String>)> {
    // As the store answers: newest first.
    listings.sort_by_key(|row| std::cmp::Reverse(row.run_no));
    let glyph = |mark| match mark {
        Mark::Seen => '●',
        Mark::NotThere => '○',
        Mark::CouldNotTell => '?',
        Mark::NotKnownThen => '·',
    };
    let turn = |turn: &Turn| format!("{} {}", turn.turn.phrase(), turn.at.started_at.as_second());
    strips(&listings, run_id(first_seen))
        .iter()
        .map(|strip| (strip.listings.iter().map(|listing| glyph(listing.mark)).collect(), strip.turns.iter().map(turn).collect()))
        .collect()
}

fn only(first_seen: u64, marks: &str) -> Vec<String> {
    let [(strip, turns)] = told(first_seen, rows("", 1, marks)).try_into().expect("one selection");
    assert_eq!(strip, marks, "oldest first, each mark as its listing says");
    turns
}

#[test]
fn what_turned_is_told_with_the_run_that_shows_it() {
    assert_eq!(only(3, "··●●●○○●"), ["first seen 3", "gone 6", "reappeared 8"]);
}

#[test]
fn i1_a_listing_that_was_not_complete_turns_nothing() {
    assert_eq!(only(1, "●?●?○?●"), ["first seen 1", "gone 5", "reappeared 7"]);
    assert_eq!(only(1, "●????"), ["first seen 1"]);
    assert_eq!(only(9, "??"), Vec::<String>::new());
}

#[test]
fn a_sighting_is_the_first_only_if_the_item_says_so() {
    // Another selection saw it first, or the listing that did was dropped.
    assert_eq!(only(99, "●●"), ["seen 1"]);
    assert_eq!(only(99, "○○●"), ["gone 1", "reappeared 3"], "it was known, so somebody saw it before");
}

#[test]
fn each_selection_has_a_strip_of_its_own_the_one_with_the_newest_listing_first() {
    let listings = [rows("", 1, "●●"), rows("deviceConfiguration", 3, "○")].concat();
    let expected = [("○".to_owned(), vec!["gone 3".to_owned()]), ("●●".to_owned(), vec!["first seen 1".to_owned()])];
    assert_eq!(told(1, listings), expected);
}
