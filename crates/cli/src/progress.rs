//! What a person who waits for a sync sees.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lastseen_engine::{Event, Observer};
use lastseen_model::{ListingOutcome, PolicyType};

use crate::advice;
use crate::output::{count, seconds};

/// Bars on standard error, one for each type that is being listed.
pub(crate) struct Bars {
    all: MultiProgress,
    open: Mutex<BTreeMap<PolicyType, (ProgressBar, u64)>>,
    total: ProgressBar,
}

impl Bars {
    pub(crate) fn new() -> Self {
        let bars = MultiProgress::new();
        let total = bars.add(ProgressBar::no_length());
        Self { all: bars, open: Mutex::default(), total }
    }

    /// Takes the bars away, so that the answer stands alone.
    pub(crate) fn clear(&self) {
        // Bars are for the eye; a terminal that refuses them loses nothing.
        drop(self.all.clear());
    }

    fn begin(&self, policy_type: &PolicyType) -> ProgressBar {
        let style = ProgressStyle::with_template("  {spinner} {prefix:38} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.all.insert_before(&self.total, ProgressBar::new_spinner()).with_style(style).with_prefix(policy_type.to_string());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn end(&self, policy_type: &PolicyType, outcome: ListingOutcome, code: Option<lastseen_model::ErrorCode>, took: Duration) {
        let Some((bar, observed)) = self.open.lock().ok().and_then(|mut open| open.remove(policy_type)) else { return };
        bar.finish_and_clear();
        let (mark, words) = match (outcome, code) {
            (ListingOutcome::Complete, _) => ("✓", format!("{:>14}   {}", count(observed, "item", "items"), seconds(took))),
            (ListingOutcome::Unavailable, Some(code)) => ("–", advice::listing(code, policy_type)),
            (_, Some(code)) => ("✗", advice::listing(code, policy_type)),
            (_, None) => ("✗", "not complete".to_owned()),
        };
        // As above: for the eye.
        drop(self.all.println(format!("  {mark} {:38} {words}", policy_type.as_str())));
        self.total.inc(1);
    }
}

/// How far something has come, on a terminal.
pub(crate) struct Counted(Option<ProgressBar>);

/// A bar with these words, where it may be drawn.
pub(crate) fn counted(drawn: bool, words: &str) -> Counted {
    let style = ProgressStyle::with_template("  {spinner} {msg} {pos} of {len}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    Counted(drawn.then(|| ProgressBar::new(0).with_style(style).with_message(words.to_owned())))
}

impl Counted {
    /// So many of so many are done.
    pub(crate) fn at(&self, done: usize, of: usize) {
        if let Some(bar) = &self.0 {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Bars {
    fn on(&self, event: Event) {
        match event {
            Event::Waiting { code } => {
                let style = ProgressStyle::with_template("  {spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
                self.total.set_style(style);
                self.total.set_message(format!("waiting for a slot: {}", code.meaning()));
            }
            Event::Claimed { types, .. } => {
                let style =
                    ProgressStyle::with_template("  [{bar:30}] {pos} of {len} types").unwrap_or_else(|_| ProgressStyle::default_bar());
                self.total.set_style(style.progress_chars("█░░"));
                self.total.set_length(types.len() as u64);
            }
            Event::Began { types } => {
                if let Ok(mut open) = self.open.lock() {
                    for policy_type in types {
                        let bar = self.begin(&policy_type);
                        open.insert(policy_type, (bar, 0));
                    }
                }
            }
            Event::Page { observed, page } => {
                if let Ok(mut open) = self.open.lock() {
                    for (policy_type, new) in observed {
                        if let Some((bar, so_far)) = open.get_mut(&policy_type) {
                            *so_far += new;
                            bar.set_message(format!(
                                "{:>14}   {}",
                                count(*so_far, "item", "items"),
                                count(u64::from(page), "page", "pages")
                            ));
                        }
                    }
                }
            }
            Event::Ended { types, outcome, code, took } => {
                for policy_type in &types {
                    self.end(policy_type, outcome, code, took);
                }
            }
        }
    }
}
