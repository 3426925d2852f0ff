//! What every request passes, from the outside in: [`receive()`] names it and answers for it, whatever happens; [`bound()`] lets so many in and
//! no longer than so long; [`authenticate()`] asks who it is from; [`admit()`] whether they may.

mod admit;
mod authenticate;
mod bound;
mod receive;

pub(crate) use admit::{Tenant, admit};
pub(crate) use authenticate::authenticate;
pub(crate) use bound::bound;
pub(crate) use receive::receive;
