//! Validators, stake and locks.

use diem_core::Address;
pub use diem_staking::query::Standing as ValidatorStanding;
use serde::{Deserialize, Serialize};

use super::{Coin, Hash, HexBytes, Moment};

/// `GET /v1/validators/{operator}?height=&prove=true`, and an item of `GET /v1/validators?height=&after=&limit=`: every
/// validator there ever was, by operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorDetail {
    /// Who operates it.
    pub operator: Address,
    /// Its consensus address: the first 20 bytes of the sha256 of its key.
    pub address: HexBytes,
    /// Its ed25519 consensus key.
    pub public_key: Hash,
    /// The address of its bridge key.
    pub bridge_address: Address,
    /// Its name.
    pub moniker: String,
    /// Where to read more; may be empty.
    pub website: String,
    /// Where it stands.
    pub standing: ValidatorStanding,
    /// The voting power that consensus was last told; 0 for none.
    pub power: u64,
    /// What is staked with it.
    pub staked: Coin,
    /// What of it is locked.
    pub locked: Coin,
    /// What the operator's own stake is worth.
    pub self_stake: Coin,
    /// What the operator takes of the rewards.
    pub commission: Commission,
    /// Blocks missed of the last ones that are counted.
    pub missed: u32,
    /// How many may be missed.
    pub may_miss: u32,
    /// After too many missed blocks: when it may come back.
    pub jailed_until: Option<Moment>,
}

/// What an operator takes of the rewards, in parts of 10,000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commission {
    /// Today.
    pub today_bps: u16,
    /// A change that was announced: the rate and the first day on which it counts.
    pub next: Option<NextCommission>,
    /// What it will never exceed.
    pub max_bps: u16,
    /// By how much it changes at most at a time.
    pub max_change_bps: u16,
    /// Commission that the operator has not claimed.
    pub due: Coin,
}

/// A change of a commission that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCommission {
    /// The rate, in parts of 10,000.
    pub bps: u16,
    /// From this day on.
    pub epoch: u64,
}

/// `GET /v1/accounts/{address}/positions`, and `/positions/{validator}` with a proof on request: what an account has
/// staked with a validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// With whom.
    pub validator: Address,
    /// What it is worth.
    pub staked: Coin,
    /// What of it is locked.
    pub locked: Coin,
    /// What may be locked besides.
    pub free_to_lock: Coin,
    /// The most that may be unstaked at once: what is free, or less where what stays would be below the least stake.
    pub free_to_unstake: Coin,
    /// The most that may go to another validator at once, likewise.
    pub free_to_move: Coin,
    /// What may be claimed now; an operator's commission included.
    pub rewards: Coin,
}

/// `GET /v1/accounts/{address}/locks`, and `/locks/{validator}` with a proof on request: what an account has locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// With whom.
    pub validator: Address,
    /// What is locked.
    pub locked: Coin,
    /// The DIEM that was minted against it and not burned again: burning all of it opens all of the lock.
    pub outstanding: Coin,
    /// What may be locked besides.
    pub free_to_lock: Coin,
}

/// `GET /v1/accounts/{address}/unstaking`: what is on its way out of a validator, and what went to another lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unstaking {
    /// Its number, by which it can be cancelled.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// The validator that it left, for whose deeds before it can still be slashed.
    pub validator: Address,
    /// The height at which it left.
    pub left_at: u64,
    /// When it is free; in the block in which it left nobody knows yet.
    pub until: Option<Moment>,
    /// What it is worth.
    pub amount: Coin,
    /// Where it is now: with this validator, or, if with none, on its way to the account, which is paid by itself.
    pub moved_to: Option<Address>,
}

/// `GET /v1/accounts/{address}/rewards?height=&after=&limit=`: what an account may claim with a validator, where that is
/// something. The sum of all of them stands in the account's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// With whom.
    pub validator: Address,
    /// How much; an operator's commission included.
    pub amount: Coin,
}
