//! Ports that nobody listens on.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;

use anyhow::{Context, Result};

use crate::address::loopback;

/// Below the ports that systems hand out for outgoing connections: a server that is down for a moment, because its test crashed it, finds
/// its port still free when it comes back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;
/// How many ports are tried.
const TRIES: usize = 100;

/// A port of the loopback interface that was free a moment ago. Processes that look at the same time are unlikely to find the same one, for
/// each begins anywhere; a caller tries again if it happens.
///
/// # Errors
/// No free port was found.
pub(crate) fn free() -> Result<u16> {
    let is_free = |port: &u16| TcpListener::bind(loopback(*port)).is_ok();
    std::iter::repeat_with(anywhere).take(TRIES).find(is_free).with_context(|| format!("none of {TRIES} ports is free"))
}

/// Any port of the range.
fn anywhere() -> u16 {
    // Each state hashes by other keys, which the standard library takes from the system's randomness.
    let random = RandomState::new().build_hasher().finish();
    FIRST + u16::try_from(random % u64::from(COUNT)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound_and_is_no_port_for_outgoing_connections() {
        let port = free().expect("a port");
        assert!((FIRST..FIRST + COUNT).contains(&port), "{port}");
    }
}
