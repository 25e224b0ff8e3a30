//! What bridge promises. Its bytes are those that another library computes (`contracts/vectors`, made by `generate.mjs`
//! there), and none of them can be changed unnoticed.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

mod applying;
mod attesting;
mod booking;
mod calls;
mod chain;
mod changes;
mod contracts;
mod credits;
mod events;
mod evidence;
mod far_side;
mod garbage;
mod halts;
mod histories;
mod params;
mod questions;
mod refunds;
mod replay;
mod sealing;
mod sets;
mod setup;
mod signatures;
#[path = "../../../staking/tests/it/world.rs"]
mod staking_chain;
mod standing;
mod statements;
mod stored;
mod structs;
mod transfers;
mod vectors;
