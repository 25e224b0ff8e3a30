//! What staking promises about validators, stake, rewards and slashes.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]

mod consensus_set;
mod counting;
mod downtime;
mod encoding;
mod genesis;
mod key_proofs;
mod least_stake;
mod positions;
mod rewards;
mod rows_read;
mod slashing;
mod stored_bytes;
mod world;
