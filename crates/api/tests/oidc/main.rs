//! Tokens of an issuer of OpenID Connect, against one that listens on a socket.

mod caching;
mod canary;
mod clock;
mod hostile_issuer;
mod issuer;
mod routed;
mod signer;
mod tokens;
