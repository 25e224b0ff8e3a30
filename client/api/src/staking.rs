//! Validators, stake and locks.

use std::num::NonZeroU64;

use diem_core::Address;
pub use diem_staking::query::Standing as ValidatorStanding;
use diem_staking::query::{SigningView, ValidatorView};
use serde::{Deserialize, Serialize};

use super::{Coin, Hash, HexBytes, Moment};

/// `GET /v1/validators/{operator}?height=&prove=true`, and an item of `GET /v1/validators?height=&after=&limit=`: every
/// validator there ever was, by operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorDetail {
    /// The account that operates it.
    pub operator: Address,
    /// Its consensus address: the first 20 bytes of the sha256 of its key.
    pub address: HexBytes,
    /// Its ed25519 consensus key.
    pub public_key: Hash,
    /// The address of its bridge key.
    pub bridge_address: Address,
    /// The name of the validator.
    pub moniker: String,
    /// The website where people read more; it may be empty.
    pub website: String,
    /// Whether it makes blocks, and if not, why.
    pub standing: ValidatorStanding,
    /// The voting power that consensus was last told; 0 for none.
    pub power: u64,
    /// The stake with it.
    pub staked: Coin,
    /// The part of it that is locked.
    pub locked: Coin,
    /// The value of the operator's own stake.
    pub self_stake: Coin,
    /// The part of the rewards that the operator takes.
    pub commission: Commission,
    /// The number of blocks that it missed, of the last ones that are counted.
    pub missed: u32,
    /// The number of blocks that it may miss.
    pub may_miss: u32,
    /// The moment from which it may come back after too many missed blocks.
    pub jailed_until: Option<Moment>,
}

impl ValidatorDetail {
    /// What is told of a validator on a day of a chain whose days have this length.
    pub fn of(view: ValidatorView, day: u64, epoch_ms: NonZeroU64) -> Self {
        let row = view.validator;
        let next = row.commission.next.filter(|(_, from)| *from > day);
        let commission = Commission {
            today_bps: view.commission_today,
            next: next.map(|(bps, epoch)| NextCommission { bps, epoch }),
            max_bps: row.commission.max,
            max_change_bps: row.commission.max_change,
            due: Coin::vvv(row.commission_due),
        };
        Self {
            operator: view.operator,
            address: HexBytes(view.consensus_address.into()),
            public_key: Hash(row.consensus_key),
            bridge_address: row.bridge_address,
            moniker: view.description.moniker,
            website: view.description.website,
            standing: view.standing,
            power: view.power,
            staked: Coin::vvv(row.tokens),
            locked: Coin::vvv(row.value_of(row.locked)),
            self_stake: Coin::vvv(view.self_stake),
            commission,
            missed: view.missed,
            may_miss: view.may_miss,
            jailed_until: row.jailed_until.map(|time| Moment { time, epoch: time.epoch(epoch_ms) }),
        }
    }
}

/// `GET /v1/validators/{operator}/signing?height=`: the last blocks that a validator was to sign, as the chain has counted them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorSigning {
    /// The number of last blocks that are counted.
    pub window: u32,
    /// The first of the blocks that are told one by one, at most 100 of the window; `null` while it is to sign none. Blocks
    /// before its window began count as signed.
    pub from: Option<u64>,
    /// The last of them.
    pub to: Option<u64>,
    /// The heights of those of them that it missed, ascending.
    pub missed: Vec<u64>,
    /// The highest height that it is known to have signed: by the window, and of its own validator as this node saw it in
    /// blocks.
    pub last_signed: Option<u64>,
}

impl From<SigningView> for ValidatorSigning {
    fn from(view: SigningView) -> Self {
        let (from, to) = view.told.unzip();
        Self { window: view.window, from, to, missed: view.missed, last_signed: view.last_signed }
    }
}

/// The part of the rewards that an operator takes, in parts of 10,000.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commission {
    /// The commission of today.
    pub today_bps: u16,
    /// A change that was announced: the rate and the first day on which it counts.
    pub next: Option<NextCommission>,
    /// The commission that it will never exceed.
    pub max_bps: u16,
    /// The most by which it changes at a time.
    pub max_change_bps: u16,
    /// The commission that the operator has not claimed.
    pub due: Coin,
}

/// A change of a commission that was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCommission {
    /// The rate, in parts of 10,000.
    pub bps: u16,
    /// The day from which it counts.
    pub epoch: u64,
}

/// `GET /v1/accounts/{address}/positions`, and `/positions/{validator}` with a proof on request: what an account has
/// staked with a validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The operator of the validator.
    pub validator: Address,
    /// The value of the position.
    pub staked: Coin,
    /// The part of it that is locked.
    pub locked: Coin,
    /// The value that may be locked besides.
    pub free_to_lock: Coin,
    /// The most that may be unstaked at once: what is free, or less where what stays would be below the least stake.
    pub free_to_unstake: Coin,
    /// The most that may go to another validator at once, likewise.
    pub free_to_move: Coin,
    /// The rewards that may be claimed now; an operator's commission included.
    pub rewards: Coin,
}

/// `GET /v1/accounts/{address}/locks`, and `/locks/{validator}` with a proof on request: what an account has locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The operator of the validator.
    pub validator: Address,
    /// The value that is locked.
    pub locked: Coin,
    /// The DIEM that was minted against it and not burned again: burning all of it opens all of the lock.
    pub outstanding: Coin,
    /// The value that may be locked besides.
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
    /// The moment at which it is free; in the block in which it left nobody knows yet.
    pub until: Option<Moment>,
    /// The value of the entry.
    pub amount: Coin,
    /// The validator that has it now; with none it is on its way to the account, which is paid by itself.
    pub moved_to: Option<Address>,
}

/// `GET /v1/accounts/{address}/rewards?height=&after=&limit=`: what an account may claim with a validator, where that
/// is something. The sum of all of them stands in the account's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// The operator of the validator.
    pub validator: Address,
    /// The rewards; an operator's commission included.
    pub amount: Coin,
}
