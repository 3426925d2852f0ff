//! How far *missing* can be trusted: the reasons that lower confidence, and the guard against mass disappearance.
//!
//! Which items are missing is derived by query, in the database. What each fact then means is said here, once, as pure
//! functions; the store's SQL repeats it and the conformance suite holds the two against each other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::SequenceNo;
use crate::listing::{ListingOutcome, UnknownWord};
use crate::run::RunStatus;

/// How far an answer can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// At least one reason speaks against it.
    Low,
    /// A complete listing of a clean run did not see the item, and nothing speaks against it.
    High,
}

impl Confidence {
    /// `low` when there is any reason.
    pub fn from_reasons(reasons: &[Reason]) -> Self {
        if reasons.is_empty() { Self::High } else { Self::Low }
    }

    /// The text of the SQL contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Confidence {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Low, Self::High].into_iter().find(|confidence| confidence.as_str() == text).ok_or(UnknownWord("confidence"))
    }
}

macro_rules! reasons {
    ($($variant:ident $text:literal $phrase:literal;)*) => {
        /// Why an item that is missing may not be gone. In the order of the semantics, which is the order they are given in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Reason {
            $(#[doc = $phrase] $variant,)*
        }

        impl Reason {
            /// Every reason, in order.
            pub const ALL: &[Reason] = &[$(Reason::$variant,)*];
            /// The text of the SQL contract.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $text,)* }
            }
            /// The reason in a few words for people.
            pub fn phrase(self) -> &'static str {
                match self { $(Reason::$variant => $phrase,)* }
            }
        }
    };
}

reasons! {
    RunPartial "run_partial" "the run was partial";
    RunFailed "run_failed" "the run failed";
    RunHadErrors "run_had_errors" "the run had errors";
    ListingIncomplete "listing_incomplete" "its type was not listed completely";
    ListingUnavailable "listing_unavailable" "its type is not available";
    ListingNotStarted "listing_not_started" "its type was not listed";
    SeenSince "seen_since" "seen since by another run";
    SeenAsOtherType "seen_as_other_type" "its id was seen under another type";
    ContractChanged "contract_changed" "Lastseen lists its type differently now";
    Unconfirmed "unconfirmed" "one more listing must confirm it";
    MassDisappearance "mass_disappearance" "most of its type vanished at once";
}

impl Reason {
    /// Whether the reason is about the whole run; the reference *latest complete* has none of these.
    pub fn is_about_the_run(self) -> bool {
        matches!(self, Self::RunPartial | Self::RunFailed | Self::RunHadErrors)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text).ok_or(UnknownWord("reason"))
    }
}

/// Which run an answer refers to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The latest run that was claimed and ended, however it ended.
    #[default]
    LatestCompleted,
    /// The latest run with status `success`.
    LatestSuccess,
    /// For each type the newest run of the selection that completed it; without reasons about a run.
    LatestComplete,
}

/// The guard against mass disappearance: thresholds, stored with every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// At least this many items must be unseen.
    pub min_items: u32,
    /// And more than this share of the base, in percent.
    pub percent: u32,
}

/// From this size on, a base of which nothing is left trips the guard whatever the thresholds are.
pub const GUARD_WHOLE_BASE: u64 = 3;

impl Default for Guard {
    fn default() -> Self {
        Self { min_items: 20, percent: 50 }
    }
}

impl Guard {
    /// Whether `unseen` of the `base` items that the previous complete listing saw are too many to be believed at once.
    pub fn trips(self, base: u64, unseen: u64) -> bool {
        let many = unseen >= u64::from(self.min_items) && unseen * 100 > base * u64::from(self.percent);
        many || (base >= GUARD_WHOLE_BASE && unseen == base)
    }
}

/// The stored facts that bear on one missing item, seen from the listing of its type in the reference run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The reference run's status; none for the reference *latest complete*.
    pub run_status: Option<RunStatus>,
    /// Whether the reference run had errors; false for the reference *latest complete*.
    pub run_had_errors: bool,
    /// The outcome of the listing.
    pub outcome: ListingOutcome,
    /// When the run of the listing was claimed.
    pub claimed_no: SequenceNo,
    /// The item's last sighting; none where no page ever held it (which no committed history has).
    pub last_seen_no: Option<SequenceNo>,
    /// The last sighting of the same external id under another type of the tenant.
    pub other_type_seen_no: Option<SequenceNo>,
    /// Whether the listing's own run saw the external id on the type's path under a type outside its scope.
    pub passed_over: bool,
    /// Whether the last sighting was made under another contract than the listing.
    pub contract_differs: bool,
    /// Whether the listing's path pages by offset.
    pub pages_by_offset: bool,
    /// Whether the complete listing before this one knew the item and missed it too.
    pub base_missed_it_too: bool,
    /// Whether the item is in the base of a listing whose guard tripped.
    pub guard_tripped: bool,
}

impl Facts {
    /// Why the item may not be gone, in order; nothing for high confidence.
    pub fn reasons(&self) -> Vec<Reason> {
        let later = |no: Option<SequenceNo>| no.is_some_and(|no| no > self.claimed_no);
        let holds = |reason: &Reason| match reason {
            Reason::RunPartial => self.run_status == Some(RunStatus::Partial),
            Reason::RunFailed => self.run_status == Some(RunStatus::Failed),
            Reason::RunHadErrors => self.run_had_errors,
            Reason::ListingIncomplete => self.outcome == ListingOutcome::Incomplete,
            Reason::ListingUnavailable => self.outcome == ListingOutcome::Unavailable,
            Reason::ListingNotStarted => self.outcome == ListingOutcome::NotStarted,
            Reason::SeenSince => later(self.last_seen_no),
            Reason::SeenAsOtherType => self.passed_over || later(self.other_type_seen_no),
            Reason::ContractChanged => self.contract_differs,
            Reason::Unconfirmed => self.pages_by_offset && !self.base_missed_it_too,
            Reason::MassDisappearance => self.outcome == ListingOutcome::Complete && self.guard_tripped,
        };
        Reason::ALL.iter().copied().filter(holds).collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn clean() -> Facts {
        Facts {
            run_status: Some(RunStatus::Success),
            run_had_errors: false,
            outcome: ListingOutcome::Complete,
            claimed_no: 10,
            last_seen_no: Some(9),
            other_type_seen_no: None,
            passed_over: false,
            contract_differs: false,
            pages_by_offset: false,
            base_missed_it_too: false,
            guard_tripped: false,
        }
    }

    #[test]
    fn r06_a_clean_complete_listing_gives_high_confidence_and_no_reason() {
        assert_eq!(clean().reasons(), []);
        assert_eq!(Confidence::from_reasons(&clean().reasons()), Confidence::High);
    }

    #[rstest]
    #[case(Facts { run_status: Some(RunStatus::Partial), ..clean() }, Reason::RunPartial)]
    #[case(Facts { run_status: Some(RunStatus::Failed), ..clean() }, Reason::RunFailed)]
    #[case(Facts { run_had_errors: true, ..clean() }, Reason::RunHadErrors)]
    #[case(Facts { outcome: ListingOutcome::Incomplete, ..clean() }, Reason::ListingIncomplete)]
    #[case(Facts { outcome: ListingOutcome::Unavailable, ..clean() }, Reason::ListingUnavailable)]
    #[case(Facts { outcome: ListingOutcome::NotStarted, ..clean() }, Reason::ListingNotStarted)]
    #[case(Facts { last_seen_no: Some(11), ..clean() }, Reason::SeenSince)]
    #[case(Facts { other_type_seen_no: Some(11), ..clean() }, Reason::SeenAsOtherType)]
    #[case(Facts { passed_over: true, ..clean() }, Reason::SeenAsOtherType)]
    #[case(Facts { contract_differs: true, ..clean() }, Reason::ContractChanged)]
    #[case(Facts { pages_by_offset: true, ..clean() }, Reason::Unconfirmed)]
    #[case(Facts { guard_tripped: true, ..clean() }, Reason::MassDisappearance)]
    fn r07_each_doubt_adds_its_own_reason_and_lowers_confidence(#[case] facts: Facts, #[case] reason: Reason) {
        assert_eq!(facts.reasons(), [reason]);
        assert_eq!(Confidence::from_reasons(&facts.reasons()), Confidence::Low);
    }

    #[test]
    fn a_second_complete_listing_confirms_what_an_offset_path_missed() {
        assert_eq!(Facts { pages_by_offset: true, base_missed_it_too: true, ..clean() }.reasons(), []);
    }

    #[test]
    fn the_guard_speaks_only_of_complete_listings() {
        let facts = Facts { guard_tripped: true, outcome: ListingOutcome::Incomplete, ..clean() };
        assert_eq!(facts.reasons(), [Reason::ListingIncomplete]);
    }

    #[rstest]
    #[case::exactly_half_is_believed(40, 20, false)]
    #[case::more_than_half(39, 20, true)]
    #[case::too_few_to_count(30, 19, false)]
    #[case::all_of_three(3, 3, true)]
    #[case::all_of_two_is_believed(2, 2, false)]
    #[case::nothing_of_nothing(0, 0, false)]
    #[case::all_but_one_of_a_few(10, 9, false)]
    fn i24_the_guard_trips_on_many_and_most_or_on_all_of_three(#[case] base: u64, #[case] unseen: u64, #[case] trips: bool) {
        assert_eq!(Guard::default().trips(base, unseen), trips);
    }

    #[test]
    fn words_read_back() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert_eq!("high".parse(), Ok(Confidence::High));
        assert!("sure".parse::<Confidence>().is_err());
    }
}
