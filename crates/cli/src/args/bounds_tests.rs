//! What the help says of bounds and defaults is what holds for whoever asks, by the command line or by the API.

use std::time::Duration;

use clap::CommandFactory;
use lastseen_engine::{schedule, status, token};
use lastseen_store::{SCHEDULE_NAME_MAX_CHARS, TOKEN_NAME_MAX_CHARS};

use super::Cli;
use crate::config::parse_length;

/// An argument of a command: its help, and what it is where nothing is said.
fn argument(command: &[&str], name: &str) -> (String, Option<Duration>) {
    let root = Cli::command();
    let found = command.iter().fold(&root, |command, name| command.find_subcommand(name).expect("a command"));
    let argument = found.get_arguments().find(|argument| argument.get_id() == name).expect("an argument");
    let default = argument.get_default_values().first().map(|value| length(value.to_str().expect("text")));
    (argument.get_help().expect("a help").to_string(), default)
}

fn length(text: &str) -> Duration {
    parse_length(text).expect("a length of time")
}

/// The bounds that a help names, as in `(1m to 730d)`.
fn bounds(help: &str) -> (Duration, Duration) {
    let inside = help.split(['(', ')']).nth(1).expect("brackets");
    let (least, most) = inside.split_once(" to ").expect("two bounds");
    (length(least), length(most))
}

#[test]
fn the_help_says_the_bounds_that_are_kept() {
    let (help, default) = argument(&["token", "create"], "expires_in");
    assert_eq!((bounds(&help), default), ((*token::LIFE_BOUNDS.start(), *token::LIFE_BOUNDS.end()), Some(token::LIFE)));
    let (help, _) = argument(&["token", "create"], "name");
    assert!(help.contains(&format!("1 to {TOKEN_NAME_MAX_CHARS} characters")), "{help}");

    let (help, default) = argument(&["status"], "stale_after");
    let kept = (*status::STALE_AFTER_BOUNDS.start(), *status::STALE_AFTER_BOUNDS.end());
    assert_eq!((bounds(&help), default), (kept, Some(status::STALE_AFTER)));

    let (help, _) = argument(&["schedule", "add"], "jitter");
    assert_eq!(bounds(&help), (Duration::ZERO, schedule::JITTER_MAX));
    let several = help.rsplit_once("else ").expect("what it is for several").1;
    assert_eq!(length(several), schedule::JITTER);
    let (help, _) = argument(&["schedule", "add"], "name");
    assert!(help.contains(&format!("at most {SCHEDULE_NAME_MAX_CHARS}")), "{help}");
}
