//! staking: validators, stake in shares, what leaves, rewards, slashing, and what consensus is told.
//!
//! ```text
//! validators .. their rows, the ranking by power
//! positions ... stake, lock, claim: an account's shares of a validator's tokens
//! operators ... registration, keys, commission
//! leaving ..... tranches, stake moved to another validator, the queue that ends their waiting
//! minimum ..... the least stake: what may come, go and stay
//! rewards ..... indices per share, so that sharing costs O(validators) and claiming O(1)
//! slashing .... what a slash takes at once, and jobs for what left before
//! downtime .... a ring of missed signatures
//! updates ..... the difference between the ranking and what consensus was last told
//! ```
//!
//! State holds shares, calls and answers speak of their value. T tokens belong to S shares of a validator; every
//! division rounds so that T <= S stays true, and a slash lowers T only.

pub mod block;
mod downtime;
pub mod error;
pub mod event;
pub mod genesis;
mod invariants;
pub mod key_proof;
pub mod leaving;
mod minimum;
pub mod msg;
pub mod operators;
pub mod params;
pub mod positions;
pub mod query;
pub mod rewards;
pub mod scaled;
pub mod slashing;
pub mod state;
pub mod updates;
pub mod validators;
pub mod vote;

use diem_core::{CallError, GenesisContext, Module, ModuleId, StateRead};

pub use block::begin_block;
pub use error::Error;
pub use event::Event;
pub use genesis::Genesis;
pub use key_proof::{ConsensusProof, KeyProof};
pub use leaving::{MovedLock, Route, collect, is_leaving, move_stake, pay_matured};
pub use msg::Msg;
pub use operators::{CreateValidator, EditValidator};
pub use params::Params;
pub use positions::{lock_shares, position, unlock_shares};
pub use query::{Answer, Query};
pub use rewards::{Rewarded, held_rewards, reward};
pub use slashing::{Offence, Reach, Slash, Trimmed, jail, punish_forgery, run_slash_jobs, slash, tombstone};
pub use state::{Description, Position, Validator, burned, params};
pub use updates::{ValidatorUpdate, consensus_set, end_block, member_key};
pub use validators::{MAX_POWER, bridge_key, consensus_address, operator_of, set_params, validator};
pub use vote::KeyVote;

/// The module of validators and stake.
pub struct Staking;

impl Module for Staking {
    const ID: ModuleId = ModuleId::STAKING;
    const NAME: &'static str = "staking";
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        invariants::check(state)
    }
}
