//! A simulator that a test starts for a client: in the end it must have been asked for nothing but what may be asked (I28).

use std::ops::Deref;
use std::thread;

use crate::simulator::Simulator;

/// A simulator that panics when it goes, if anything was asked of it but GETs of its paths, POSTs to the token endpoint and GETs to
/// the identity endpoint. So every test that starts one is a test of that promise, too.
#[derive(Debug)]
pub struct Watched(Simulator);

impl From<Simulator> for Watched {
    fn from(simulator: Simulator) -> Self {
        Self(simulator)
    }
}

impl Deref for Watched {
    type Target = Simulator;
    fn deref(&self) -> &Simulator {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A test that fails already says why, and a second panic would end the process.
        if !thread::panicking() {
            let counts = self.0.counts();
            assert_eq!(counts.foreign, 0, "i28: only GETs of known paths and POSTs to the token endpoint may leave: {counts:?}");
        }
    }
}
