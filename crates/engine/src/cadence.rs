//! When a schedule's times come: a cron text, in a time zone.
//!
//! `croner` says which minutes a text names on the calendar; what a change of the clock makes of them is decided here. A text that names
//! every hour goes on by the clock that runs through: it is due each hour that passes. Any other names times of the day: one that the
//! clock leaves out comes once, when it is put forward, and one that it shows twice comes the first time.
//!
//! The rules of the time zones are those that are built into the program, so a schedule means the same on every machine.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use lastseen_model::suggest::nearest;
use lastseen_model::{ScheduleId, TenantId, Timestamp};
use sha2::{Digest, Sha256};

/// The longest cron text, in bytes. The longest that says anything, all minutes one by one, is shorter.
pub const CRON_MAX_BYTES: usize = 256;
/// A day that does not come within so many years never comes: the calendar repeats itself after 400, and its rarest day (a 29 February of
/// one weekday, across a year that leaves it out) comes within 40.
const NEVER_AFTER_YEARS: i16 = 40;
/// No clock was ever changed by more, and no text names more times in it.
const LONGEST_CHANGE_MINUTES: usize = 2 * 24 * 60;
/// How much of an unknown zone's name is told.
const ZONE_SHOWN_CHARS: usize = 64;
const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];

/// A text or a zone that makes no cadence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CadenceError {
    /// Not five fields.
    #[error("`{cron}` has {fields} of the five fields: minute, hour, day of the month, month, day of the week")]
    NotFiveFields {
        /// The text.
        cron: String,
        /// How many it has.
        fields: usize,
    },
    /// A field that can't be read.
    #[error("`{cron}` is no cron text: `{text}` can't stand for the {field}")]
    NotCron {
        /// The whole text.
        cron: String,
        /// Which field.
        field: &'static str,
        /// What it holds.
        text: String,
    },
    /// An unknown word with an `@`.
    #[error("`{cron}` is none of @hourly, @daily, @weekly, @monthly and @yearly")]
    NoSuchWord {
        /// The word.
        cron: String,
    },
    /// Longer than [`CRON_MAX_BYTES`].
    #[error("a cron text has at most {CRON_MAX_BYTES} bytes")]
    TooLong,
    /// A day that is on no calendar.
    #[error("`{cron}` never comes: no year has that day")]
    Never {
        /// The text.
        cron: String,
    },
    /// Not a time zone.
    #[error("`{zone}` is no time zone{}", nearest.as_ref().map(|name| format!("; is {name} meant?")).unwrap_or_default())]
    NoSuchZone {
        /// The name.
        zone: String,
        /// The nearest that is one.
        nearest: Option<String>,
    },
}

/// When a schedule's times come.
#[derive(Debug, Clone)]
pub struct Cadence {
    text: String,
    cron: Cron,
    zone: TimeZone,
    every_hour: bool,
}

impl Cadence {
    /// Reads a cron text and the IANA name of a time zone.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, CadenceError> {
        if cron.len() > CRON_MAX_BYTES {
            return Err(CadenceError::TooLong);
        }
        let text = cron.split_whitespace().collect::<Vec<_>>().join(" ");
        let cron = read(&text)?;
        let every_hour = (0..24).all(|hour| cron.pattern.hour_match(hour).unwrap_or(false));
        let cadence = Self { text, cron, zone: zone_of(zone)?, every_hour };
        if !cadence.ever_comes() {
            return Err(CadenceError::Never { cron: cadence.text });
        }
        Ok(cadence)
    }

    /// The cron text, its fields one space apart, however it was written. This is what is stored, so that two that are alike look alike.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The zone's own name, however it was written.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// A time as the zone's clocks show it.
    pub fn local(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.zone.clone())
    }

    /// The first time that comes after `after`, for whoever is `offset` later than the text says. What lies between two calls, however
    /// many times that was, is passed over.
    pub fn next_due(&self, offset: Duration, after: Timestamp) -> Timestamp {
        let due = after.checked_sub(offset).ok().and_then(|after| self.next(after)).and_then(|next| next.checked_add(offset).ok());
        // Only at the end of the calendar is there none.
        due.unwrap_or(Timestamp::MAX)
    }

    /// When whoever is `offset` later is due first: at the first time after `since` that the text names, and not at the rest of one that
    /// was before it.
    pub fn first_due(&self, offset: Duration, since: Timestamp) -> Timestamp {
        self.next_due(Duration::ZERO, since).checked_add(offset).unwrap_or(Timestamp::MAX)
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        if self.every_hour {
            let next = self.cron.find_next_occurrence(&after.to_zoned(self.zone.clone()), false);
            return next.ok().map(|next| next.timestamp());
        }
        // On the calendar alone, where no clock is ever changed. While the clock shows an hour for the second time, what the text names
        // in it has been: it is passed over.
        let first = self.named_after(self.zone.to_datetime(after));
        let named = std::iter::successors(first, |named| self.named_after(*named));
        named.take(LONGEST_CHANGE_MINUTES).filter_map(|named| self.comes_at(named)).find(|comes| *comes > after)
    }

    /// The first time on the calendar that the text names after this one.
    fn named_after(&self, after: DateTime) -> Option<DateTime> {
        let next = self.cron.find_next_occurrence(&after.to_zoned(TimeZone::UTC).ok()?, false);
        next.ok().map(|next: Zoned| next.datetime())
    }

    /// When the clocks show this time: the first time they do; and where they leave it out, when they are put forward.
    fn comes_at(&self, named: DateTime) -> Option<Timestamp> {
        let at = self.zone.to_ambiguous_zoned(named);
        let gap = matches!(at.offset(), AmbiguousOffset::Gap { .. });
        let earlier = at.earlier().ok()?.timestamp();
        if !gap {
            return Some(earlier);
        }
        self.zone.following(earlier).next().map(|put_forward| put_forward.timestamp())
    }

    fn ever_comes(&self) -> bool {
        let begin = DateTime::constant(2096, 3, 1, 0, 0, 0, 0);
        self.named_after(begin).is_some_and(|next| next.year() <= begin.year() + NEVER_AFTER_YEARS)
    }
}

/// How much later than the schedule says a tenant is due, so that not all of them are at once: always the same for a schedule and a
/// tenant, and any whole number of seconds below `jitter_secs` as likely as another.
pub fn offset(schedule: ScheduleId, tenant: TenantId, jitter_secs: u32) -> Duration {
    let digest = Sha256::digest([*schedule.as_uuid().as_bytes(), *tenant.as_uuid().as_bytes()].concat());
    let (eight, _) = digest.split_at(8);
    let chance = eight.iter().fold(0_u128, |so_far, byte| so_far << 8 | u128::from(*byte));
    // Below jitter_secs, because chance is below 2^64.
    Duration::from_secs(u64::try_from((chance * u128::from(jitter_secs)) >> 64).unwrap_or_default())
}

fn read(text: &str) -> Result<Cron, CadenceError> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
    let cron = || text.to_owned();
    if text.starts_with('@') {
        return parser.parse(text).map_err(|_| CadenceError::NoSuchWord { cron: cron() });
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(CadenceError::NotFiveFields { cron: cron(), fields: fields.len() });
    }
    // One field after the other, so that the one at fault can be named.
    for (place, field) in fields.iter().enumerate() {
        let mut alone = ["*"; FIELDS.len()];
        alone[place] = field;
        if parser.parse(&alone.join(" ")).is_err() {
            return Err(CadenceError::NotCron { cron: cron(), field: FIELDS[place], text: (*field).to_owned() });
        }
    }
    parser.parse(text).map_err(|_| CadenceError::NotCron { cron: cron(), field: FIELDS[0], text: fields[0].to_owned() })
}

fn zone_of(name: &str) -> Result<TimeZone, CadenceError> {
    let known = TimeZoneDatabase::bundled();
    known.get(name).map_err(|_| {
        let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
        let zone: String = name.chars().take(ZONE_SHOWN_CHARS).collect();
        CadenceError::NoSuchZone { nearest: nearest_zone(&zone, &names), zone }
    })
}

/// The zone that may be meant: one whose city was written, or a name with a typing error.
fn nearest_zone(wanted: &str, names: &[String]) -> Option<String> {
    let city = |name: &&String| name.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(&wanted.replace(' ', "_")));
    names.iter().find(city).cloned().or_else(|| nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned))
}

#[cfg(test)]
#[path = "cadence_tests.rs"]
mod tests;
