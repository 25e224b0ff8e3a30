//! What bridge promises of its bytes: they are those that another library computes (`contracts/vectors`, made by
//! `generate.mjs` there), and no byte of them can be changed unnoticed.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

mod calls;
mod changes;
mod contracts;
mod events;
mod params;
mod signatures;
mod statements;
mod structs;
mod vectors;
