//! What a proxy learns of the storage verbs from the messages that go by.

use std::collections::HashMap;

use lastseen_test_postgres::{FrontendMessage, Verdict};

/// What a transaction is for, as far as a test wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It claims a run.
    Claim,
    /// It stores a page.
    Page,
    /// It ends a run.
    Finish,
    /// It renews a lease.
    Renew,
    /// It ends listings that broke off.
    GiveUp,
    /// It puts a run into the queue, and claims none.
    Queue,
    /// It does something else.
    Other,
}

impl Verb {
    /// Told by the one statement that only this verb has. A claim comes after the queue in one transaction where nobody waits.
    fn of(statement: &str) -> Option<Self> {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        [
            ("UPDATE sync_runs SET status = 'running'", Self::Claim),
            ("UPDATE listings SET pages =", Self::Page),
            ("UPDATE sync_runs SET status = $3, finished_at", Self::Finish),
            ("UPDATE sync_runs SET lease_until = $4", Self::Renew),
            ("UPDATE listings SET outcome = $4", Self::GiveUp),
            ("INSERT INTO sync_runs", Self::Queue),
        ]
        .into_iter()
        .find_map(|(beginning, verb)| statement.starts_with(beginning).then_some(verb))
    }
}

/// One message that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin,
    Statement,
    Commit(Verb),
}

impl Step {
    /// Whether a test that waits for `self` means this one.
    pub(crate) fn means(self, seen: Self) -> bool {
        match (self, seen) {
            // Whatever is committed.
            (Self::Commit(Verb::Other), Self::Commit(_)) => true,
            (wanted, seen) => wanted == seen,
        }
    }
}

/// The steps of all connections so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    steps: Vec<Step>,
    /// What the open transaction of a connection does.
    open: HashMap<u64, Verb>,
    /// Connections whose last message was a commit.
    unsure: HashMap<u64, Verb>,
    told: Vec<Verb>,
}

impl Watch {
    /// Takes note of a message; the step that it is, if it is one.
    pub(crate) fn see(&mut self, message: &FrontendMessage<'_>) -> Option<Step> {
        let connection = message.connection();
        // Whoever goes on has had the answer.
        if let Some(verb) = self.unsure.remove(&connection) {
            self.told.push(verb);
        }
        let step = match (message.kind(), message.query(), message.bound()) {
            ('Q', Some(query), _) if query.starts_with("BEGIN") => {
                self.open.insert(connection, Verb::Other);
                Step::Begin
            }
            ('Q', Some(query), _) if query.starts_with("COMMIT") => {
                let verb = self.open.remove(&connection).unwrap_or(Verb::Other);
                self.unsure.insert(connection, verb);
                Step::Commit(verb)
            }
            ('B', _, Some(statement)) => {
                if let (Some(verb), Some(open)) = (Verb::of(statement), self.open.get_mut(&connection)) {
                    *open = verb;
                }
                Step::Statement
            }
            _ => return None,
        };
        self.steps.push(step);
        Some(step)
    }

    /// How many such steps there were.
    pub(crate) fn count(&self, wanted: Step) -> u32 {
        u32::try_from(self.steps.iter().filter(|step| wanted.means(**step)).count()).expect("few")
    }

    /// How many transactions had been begun when such a step came first.
    pub(crate) fn begun_until(&self, wanted: Step) -> u32 {
        let steps = self.steps.iter().take_while(|step| !wanted.means(**step));
        u32::try_from(steps.filter(|step| **step == Step::Begin).count()).expect("few")
    }

    /// The newest step.
    pub(crate) fn last(&self) -> Step {
        *self.steps.last().expect("a step")
    }

    /// How many commits of a verb reached the server, when the last message of all got this verdict.
    pub(crate) fn arrived(&self, verb: Verb, last: Verdict) -> u32 {
        let cut = last == Verdict::Cut && self.last() == Step::Commit(verb);
        self.count(Step::Commit(verb)) - u32::from(cut)
    }

    /// How many commits of a verb the client knows of.
    pub(crate) fn told(&self, wanted: Verb) -> u32 {
        u32::try_from(self.told.iter().filter(|verb| **verb == wanted).count()).expect("few")
    }
}
