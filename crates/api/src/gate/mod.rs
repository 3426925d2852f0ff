//! What every request passes, from the outside in: [`receive()`] names it and answers for it, whatever happens; [`bound()`] lets so many in and
//! no longer than so long; [`remember()`] keeps what a token is
//! found by again; [`authenticate()`] asks who it is from; [`admit()`] whether they may.

mod admit;
mod authenticate;
mod bound;
mod receive;
mod remember;

pub(crate) use admit::{Tenant, admit};
pub(crate) use authenticate::authenticate;
pub(crate) use bound::bound;
pub(crate) use receive::receive;
pub(crate) use remember::{Remembered, remember};
