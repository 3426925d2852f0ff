//! The bounds of a server.

use std::time::Duration;

/// Every bound that the sockets keep. What a request may hold and how long it may take is bounded by the router.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// How many connections are served at once.
    pub connections: usize,
    /// How many more are told that there is no place. Beyond these, connections wait to be accepted.
    pub refusals: usize,
    /// How long the head of a request may take from its first byte; on a new connection, from accepting it.
    pub head_timeout: Duration,
    /// How long a connection may wait for its next request. Longer than load balancers keep theirs, so that it is they who close.
    pub idle_timeout: Duration,
    /// How large the head of a request may be. A bearer token has a place in it.
    pub head_cap: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long an answer may wait for its client to take any more of it.
    pub write_timeout: Duration,
    /// How long a closed connection is still read, so that a client which is still sending gets to read its answer.
    pub parting: Duration,
    /// After this time a connection ends with its next answer; after twice this time, in any case.
    pub connection_life: Duration,
    /// How long all goes on after the drain has begun, so that nobody's request meets a closing connection.
    pub linger: Duration,
    /// How long, after that, a connection that was accepted and has said nothing yet is listened to: its request is on its way.
    pub first_word: Duration,
    /// How long requests may take after that.
    pub drain_for: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            connections: 512,
            refusals: 64,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            head_cap: 32 * 1024,
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            parting: Duration::from_secs(2),
            connection_life: Duration::from_hours(1),
            linger: Duration::from_secs(1),
            first_word: Duration::from_secs(1),
            drain_for: Duration::from_secs(30),
        }
    }
}
