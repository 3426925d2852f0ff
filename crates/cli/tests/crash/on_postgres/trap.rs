//! A proxy that stops a process at one message of its conversation with the database.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lastseen_test_postgres::{APP_ROLE, OWNER_ROLE, Proxy, Verdict};

use crate::on_postgres::watch::{Step, Watch};

/// Generous: it is reached only where something is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// The message at which something is done: the n-th of its kind, from 1.
pub(crate) type Moment = (Step, u32);

/// A proxy with one moment at which the message waits until the test has decided about it.
pub(crate) struct Trap {
    // First, for what waits must be cut before nobody answers any more.
    proxy: Proxy,
    watch: Arc<Mutex<Watch>>,
    sprung: Receiver<()>,
    answer: Sender<Verdict>,
}

impl Trap {
    /// A trap before a server; without a moment it only watches.
    pub(crate) fn before(server: SocketAddr, moment: Option<Moment>) -> Self {
        let watch = Arc::new(Mutex::new(Watch::default()));
        let (springs, sprung) = channel();
        let (answer, answers) = channel();
        let (seen, answers) = (Arc::clone(&watch), Mutex::new(answers));
        let proxy = Proxy::start_with(server, move |message| {
            let is_the_moment = {
                let mut watch = lock(&seen);
                let step = watch.see(message);
                moment.zip(step).is_some_and(|((wanted, number), step)| wanted.means(step) && watch.count(wanted) == number)
            };
            if !is_the_moment || springs.send(()).is_err() {
                return Verdict::Forward;
            }
            // A test that has ended without an answer has failed.
            lock(&answers).recv().unwrap_or(Verdict::Cut)
        });
        Self { proxy: proxy.expect("a proxy"), watch, sprung, answer }
    }

    /// The address of a database behind it, for the program.
    pub(crate) fn url(&self, database: &str) -> String {
        self.proxy.url(APP_ROLE, database)
    }

    /// The same for the owner of the schema.
    pub(crate) fn owner_url(&self, database: &str) -> String {
        self.proxy.url(OWNER_ROLE, database)
    }

    /// Waits for the moment. The message is on its way until [`Trap::answer`].
    pub(crate) fn sprung(&self) {
        self.sprung.recv_timeout(PATIENCE).expect("the moment comes");
    }

    /// Says what becomes of the message that waits.
    pub(crate) fn answer(&self, verdict: Verdict) {
        self.answer.send(verdict).expect("the proxy is there");
    }

    /// Sends new connections to another server, and cuts those that there are.
    pub(crate) fn repoint(&self, server: SocketAddr) {
        self.proxy.repoint(server);
    }

    /// What went by.
    pub(crate) fn watch(&self) -> MutexGuard<'_, Watch> {
        lock(&self.watch)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
