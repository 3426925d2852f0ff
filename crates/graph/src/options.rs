//! What a first page is asked with, and what is left of it when a path does not take it.

/// The page sizes that are fallen back to, where a larger one is not answered. After the last one Graph chooses.
const SMALLER: [u32; 3] = [100, 50, 25];

/// The options of a first page. Graph repeats them in its next links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Our `$select`.
    pub(crate) select: bool,
    /// `$expand=assignments`.
    pub(crate) expand: bool,
    /// `$top`; none: Graph's own page size.
    pub(crate) top: Option<u32>,
}

/// A way to ask for less. Each takes something away, so a listing has few of them and never goes in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Without `$select`.
    NoSelect,
    /// Without `$expand`.
    NoExpand,
    /// With a smaller `$top`, or after the smallest without one.
    SmallerPages,
    /// Without `$top`: what came with it may have been cut off there.
    NoTop,
}

impl Fallback {
    /// Its name in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoSelect => "without $select",
            Self::NoExpand => "without $expand",
            Self::SmallerPages => "smaller pages",
            Self::NoTop => "without $top",
        }
    }
}

impl Options {
    /// What is left of them.
    pub(crate) fn after(self, fallback: Fallback) -> Self {
        match fallback {
            Fallback::NoSelect => Self { select: false, ..self },
            Fallback::NoExpand => Self { expand: false, ..self },
            Fallback::NoTop => Self { top: None, ..self },
            Fallback::SmallerPages => Self { top: self.top.and_then(|top| SMALLER.into_iter().find(|size| *size < top)), ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_get_smaller_in_steps_and_in_the_end_graph_chooses() {
        let steps = |top| {
            let mut steps = Vec::new();
            let mut options = Options { top: Some(top), ..Options::default() };
            while options.top.is_some() {
                options = options.after(Fallback::SmallerPages);
                steps.push(options.top);
            }
            steps
        };
        assert_eq!(steps(999), [Some(100), Some(50), Some(25), None]);
        assert_eq!(steps(100), [Some(50), Some(25), None]);
        assert_eq!(steps(60), [Some(50), Some(25), None]);
        assert_eq!(steps(25), [None]);
    }

    proptest! {
        #[test]
        fn i13_whatever_is_refused_there_are_few_fallbacks(select: bool, expand: bool, top in prop::option::of(1..=1_000_u32), order: u64) {
            let mut options = Options { select, expand, top };
            let mut steps = 0;
            while options != Options::default() {
                let mut open = Vec::new();
                open.extend(options.select.then_some(Fallback::NoSelect));
                open.extend(options.expand.then_some(Fallback::NoExpand));
                open.extend(options.top.into_iter().flat_map(|_| [Fallback::SmallerPages, Fallback::NoTop]));
                let chosen = usize::try_from(order.rotate_left(steps * 7) % 4).expect("small") % open.len();
                options = options.after(open[chosen]);
                steps += 1;
            }
            prop_assert!(steps <= 6);
        }
    }
}
