//! What the types of a whole chain promise.

mod genesis;
