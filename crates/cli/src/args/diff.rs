//! The words of `lastseen diff`.

use clap::Args;
use lastseen_model::{ChangeKind, Confidence};

use super::{Page, words};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A run, by its id or any beginning or end of it that only one run has
    #[arg(value_name = "RUN")]
    pub(crate) one: String,
    /// Another run of the same selection
    #[arg(value_name = "RUN")]
    pub(crate) other: String,
    /// Only these kinds: appeared, gone, reappeared, changed; several joined by commas
    #[arg(long = "kind", alias = "kinds", value_name = "KIND", value_delimiter = ',',
        value_parser = words::<ChangeKind, _>(ChangeKind::ALL.iter().map(|kind| kind.as_str())))]
    pub(crate) kinds: Vec<ChangeKind>,
    /// Only of these types
    #[arg(long = "type", alias = "types", value_name = "TYPE", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// Only with this confidence: high or low; by default high, and how many with low there are
    #[arg(long, value_name = "CONFIDENCE", value_parser = words::<Confidence, _>(["high", "low"]))]
    pub(crate) confidence: Option<Confidence>,
    /// Those with low confidence too
    #[arg(long, conflicts_with = "confidence")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) page: Page,
}
