//! The contracts from outside: the shipped registry, a made-up one, hostile objects, and a corpus of real ones.

mod asked;
mod corpus;
mod golden;
mod hostile;
mod made_up;
mod observe;
mod overrides;
mod registry;
mod shipped;
