//! The tables of staking.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{self as bank, Pool};
use diem_core::{
    Address, Amount, CallError, Denom, MathError, Module as _, StateRead, StateWrite, Time,
    cell::{Item, Map},
    context::ConsensusAddress,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Staking,
    params::Params,
    scaled::{Scaled, digits},
};

/// The parameters of the module.
pub(crate) const PARAMS: Item<Params> = Item::new(Staking::ID, 0);
// Table 1 held a copy of the chain's name.
/// The day of the last block.
pub(crate) const TODAY: Item<u64> = Item::new(Staking::ID, 2);
/// The id of the next entry.
pub(crate) const NEXT_ENTRY: Item<u64> = Item::new(Staking::ID, 3);
/// The number of the next slash job.
pub(crate) const NEXT_JOB: Item<u64> = Item::new(Staking::ID, 4);
/// The rewards that all positions have earned and not claimed, and what divisions left below one avvv.
pub(crate) const EARNINGS: Item<Earnings> = Item::new(Staking::ID, 5);
/// Every validator there ever was, by operator.
pub(crate) const VALIDATORS: Map<Address, Validator> = Map::new(Staking::ID, 6);
/// The description of each validator. It is apart from its numbers, which every block rewrites.
pub(crate) const DESCRIPTIONS: Map<Address, Description> = Map::new(Staking::ID, 7);
/// The operator of a validator by its name in consensus; never removed.
pub(crate) const BY_CONSENSUS: Map<ConsensusAddress, Address> = Map::new(Staking::ID, 8);
/// Every bridge key there ever was, by its address; never removed.
pub(crate) const BRIDGE_KEYS: Map<Address, BridgeKey> = Map::new(Staking::ID, 9);
/// The validators that could make blocks, the most powerful first: ([`rank_key`] of the power, operator) to consensus
/// key.
pub(crate) const RANKING: Map<(u64, Address), [u8; 32]> = Map::new(Staking::ID, 10);
/// The consensus set: the validators that consensus was last told, by consensus key.
pub(crate) const CONSENSUS_SET: Map<[u8; 32], ConsensusValidator> = Map::new(Staking::ID, 11);
/// The positions by (account, validator).
pub(crate) const POSITIONS: Map<(Address, Address), Position> = Map::new(Staking::ID, 12);
/// The entries: what left a validator and can still be slashed, by (validator left, height left, id). Ids grow with the
/// height, so that the entries of a validator lie in the order of their ids.
pub(crate) const ENTRIES: Map<EntryKey, Entry> = Map::new(Staking::ID, 13);
/// The index of entries by account: (account, id) to the rest of the entry's key.
pub(crate) const ENTRIES_BY_ACCOUNT: Map<(Address, u64), EntryLocation> = Map::new(Staking::ID, 14);
/// The number of entries that an account has, tranches and moved stake together; an account without any has no row.
pub(crate) const ENTRY_COUNTS: Map<Address, u32> = Map::new(Staking::ID, 15);
/// The groups of entries that left in this block, by (height left, validator left), with the unbonding time that counts
/// for them. The next block gives them a date.
pub(crate) const UNBONDING_STARTED: Map<(u64, Address), u64> = Map::new(Staking::ID, 16);
/// The unbonding queue: groups of entries by (last millisecond of their unbonding, height left, validator left); the
/// value is a placeholder.
pub(crate) const UNBONDING_QUEUE: Map<(u64, u64, Address), u8> = Map::new(Staking::ID, 17);
/// The index of the unbonding queue: the last millisecond of a group's unbonding by (validator left, height left), for
/// as long as entries of the group are left.
pub(crate) const UNBONDING_ENDS: Map<(Address, u64), u64> = Map::new(Staking::ID, 22);
/// Slashes that have not reached all their entries, by (validator, number).
pub(crate) const JOBS: Map<(Address, u64), Job> = Map::new(Staking::ID, 18);
/// The slash jobs in the order in which they are processed.
pub(crate) const JOB_QUEUE: Map<u64, Address> = Map::new(Staking::ID, 19);
/// The count of blocks that a validator missed in its window.
pub(crate) const SIGNING: Map<ConsensusAddress, Signing> = Map::new(Staking::ID, 20);
/// The blocks that it missed: a ring buffer of bits in rows of 256, 1 for missed; a row without ones is absent.
pub(crate) const MISSED: Map<(ConsensusAddress, u32), [u8; 32]> = Map::new(Staking::ID, 21);
/// The VVV that was ever burned: by slashes, and with the last share of a validator.
pub(crate) const BURNED: Item<Amount> = Item::new(Staking::ID, 23);

/// The parameters that hold now.
pub fn params(state: &dyn StateRead) -> Params {
    PARAMS.get(state).unwrap_or_default()
}

/// The VVV that was ever burned, in avvv: nothing else burns VVV.
pub fn burned(state: &dyn StateRead) -> Amount {
    BURNED.get(state).unwrap_or_default()
}

/// Burns `amount` of the stake.
pub(crate) fn burn(state: &mut dyn StateWrite, amount: Amount) -> Result<(), CallError> {
    if amount.is_zero() {
        return Ok(());
    }
    bank::burn_from_pool(state, Staking::ID, Pool::Bonded, Denom::Vvv, amount)?;
    let total = burned(state).checked_add(amount).map_err(Error::from)?;
    BURNED.set(state, &total);
    Ok(())
}

/// The key of an entry: (validator left, height left, id).
pub(crate) type EntryKey = (Address, u64, u64);

/// The key of a power in the ranking: large powers sort first.
pub(crate) const fn rank_key(power: u64) -> u64 {
    u64::MAX.saturating_sub(power)
}

/// A validator's numbers. T of the rules is `tokens`, S is `shares`, L is `locked`; T <= S always.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// The validator's ed25519 key in consensus, which never changes.
    #[serde(with = "hex::serde")]
    pub consensus_key: [u8; 32],
    /// The address of its bridge key now.
    pub bridge_address: Address,
    /// The tokens that are staked with it, in avvv.
    pub tokens: Amount,
    /// The shares of all positions in that.
    #[serde(with = "digits")]
    pub shares: u128,
    /// The number of shares that are locked.
    #[serde(with = "digits")]
    pub locked: u128,
    /// The number of shares that are the operator's own.
    #[serde(with = "digits")]
    pub self_shares: u128,
    /// The earnings of a share that was never locked, since the start.
    pub free_index: Scaled,
    /// The earnings of a share that was always locked, since the start.
    pub locked_index: Scaled,
    /// The part of the rewards that the operator takes.
    pub commission: Commission,
    /// The commission that the operator has not claimed, in avvv.
    pub commission_due: Amount,
    /// The moment from which it may come back, if it was jailed for missing too many blocks.
    pub jailed_until: Option<Time>,
    /// Whether it is out for ever.
    pub tombstoned: bool,
    /// Whether it was convicted of forging a statement of the bridge.
    pub forged: bool,
    /// The number of its slashes that have not reached all entries.
    pub jobs: u32,
    /// The power under which it stands in the ranking; 0 if it does not stand there.
    pub rank: u64,
}

/// The part of the rewards that an operator takes, in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commission {
    /// The rate until [`Commission::next`] counts.
    pub rate: u16,
    /// The highest rate that the operator may ever set, in basis points.
    pub max: u16,
    /// The most by which the rate may ever rise or fall in a day, in basis points.
    pub max_change: u16,
    /// The next rate, and the day from which it counts.
    pub next: Option<(u16, u64)>,
}

impl Commission {
    /// The rate on `day`.
    pub fn on(&self, day: u64) -> u16 {
        self.next.filter(|(_, from)| *from <= day).map_or(self.rate, |(rate, _)| rate)
    }
}

/// The words with which a validator is shown to people.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name of the validator.
    pub moniker: String,
    /// The website where people read more; it may be empty.
    #[serde(default)]
    pub website: String,
}

/// The validator that has or had a bridge key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeKey {
    /// The operator of that validator.
    pub operator: Address,
    /// The height since which it has the key.
    pub from: u64,
    /// The height at which another one took its place.
    pub until: Option<u64>,
}

/// A validator of the consensus set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusValidator {
    /// The account that operates it.
    pub operator: Address,
    /// Its voting power; never 0.
    pub power: u64,
}

/// The stake of an account with a validator. `locked <= shares` and `moved <= shares`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Its shares of the validator's tokens.
    #[serde(with = "digits")]
    pub shares: u128,
    /// The number of shares that are locked.
    #[serde(with = "digits")]
    pub locked: u128,
    /// The number of shares that came from another validator lately: they cannot leave yet.
    #[serde(with = "digits")]
    pub moved: u128,
    /// The validator's index up to which free shares are settled.
    pub free_index: Scaled,
    /// The validator's index up to which locked shares are settled.
    pub locked_index: Scaled,
    /// The earnings up to those indices that are not claimed.
    pub earned: Scaled,
}

/// Rewards that are in no account yet. Their sum is what staking holds in the pool of rewards, a whole number of avvv.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earnings {
    /// The rewards that positions and operators have earned and not claimed.
    pub owed: Scaled,
    /// The remainder of divisions; whole avvv of it join the next rewards.
    pub dust: Scaled,
}

/// Something that left a validator and can still be slashed for what the validator did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The account that owns the entry.
    pub account: Address,
    /// The kind of entry, with its amount or shares.
    pub what: Leaving,
}

/// The kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", remote = "Self", deny_unknown_fields)]
#[repr(u8)]
pub enum Leaving {
    /// Stake is on its way out, which pays this many avvv.
    Tranche(Amount) = 0,
    /// Stake that went to another validator.
    Moved {
        /// The operator of the validator that has it now.
        to: Address,
        /// The number of shares of that validator.
        #[serde(with = "digits")]
        shares: u128,
    } = 1,
}

diem_core::one_field_enum!(Leaving, "kind of leaving");

/// The parts of an entry's key beside its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct EntryLocation {
    pub(crate) validator: Address,
    pub(crate) height: u64,
}

/// A slash on its way through the entries of a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The part of each entry that is slashed, in basis points.
    pub bps: u16,
    /// Entries that left at this height or later, and with this id or a larger one, are still to be slashed: (height,
    /// id).
    pub next: (u64, u64),
    /// Entries with this id or a larger one left after the slash.
    pub below_id: u64,
}

impl Job {
    /// Whether the entry is still to be slashed by this job.
    pub(crate) fn awaits(&self, height: u64, id: u64) -> bool {
        (height, id) >= self.next && id < self.below_id
    }
}

/// The count of blocks that a validator missed in its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The length of the ring; a change of the parameter starts an empty one.
    pub window: u32,
    /// The place in the ring where the next block goes.
    pub next: u32,
    /// The number of missed blocks in the ring.
    pub missed: u32,
}

impl Validator {
    /// The value of `shares` in avvv: `floor(shares * T / S)`.
    pub fn value_of(&self, shares: u128) -> Amount {
        // shares <= S and T is an amount, so nothing overflows; S = 0 has no shares and no value.
        Amount::new(shares).mul_div_floor(self.tokens.get(), self.shares).unwrap_or(Amount::ZERO)
    }

    /// The shares that `amount` buys: `floor(amount * S / T)`, 1:1 while there are none.
    pub(crate) fn shares_for(&self, operator: &Address, amount: Amount) -> Result<u128, Error> {
        if self.tombstoned {
            return Err(Error::Tombstoned(*operator));
        }
        if self.shares == 0 {
            return Ok(amount.get());
        }
        if self.tokens.is_zero() {
            return Err(Error::Worthless(*operator));
        }
        Ok(amount.mul_div_floor(self.shares, self.tokens.get())?.get())
    }

    /// The shares that `amount` takes out of `free` ones: `ceil(amount * S / T)`, and all of them for all that they are
    /// worth.
    ///
    /// # Errors
    /// [`Error::NotFree`] if they are worth less.
    pub fn shares_out_of(&self, free: u128, amount: Amount) -> Result<u128, Error> {
        let most = self.value_of(free);
        if amount > most {
            return Err(Error::NotFree { free: most, needed: amount });
        }
        if amount == most {
            return Ok(free);
        }
        Ok(amount.mul_div_ceil(self.shares, self.tokens.get())?.get())
    }

    /// Whether it may earn and make blocks.
    pub fn in_good_standing(&self) -> bool {
        !self.tombstoned && self.jailed_until.is_none()
    }
}

impl Position {
    /// The number of shares that may be locked.
    pub fn free_to_lock(&self) -> u128 {
        self.shares.saturating_sub(self.locked)
    }

    /// The number of shares that may be unstaked.
    pub fn free_to_unstake(&self) -> u128 {
        self.shares.saturating_sub(self.locked.max(self.moved))
    }

    /// The number of shares that may go to another validator.
    pub fn free_to_move(&self) -> u128 {
        self.shares.saturating_sub(self.moved)
    }

    /// The rewards that it has earned up to now and not claimed.
    ///
    /// # Errors
    /// [`MathError`] if rows contradict each other.
    pub fn earned(&self, validator: &Validator) -> Result<Scaled, MathError> {
        let free = validator.free_index.checked_sub(self.free_index)?.checked_mul(self.free_to_lock())?;
        let locked = validator.locked_index.checked_sub(self.locked_index)?.checked_mul(self.locked)?;
        self.earned.checked_add(free)?.checked_add(locked)
    }
}

/// The key of a validator's row, for proofs.
pub fn validator_key(operator: &Address) -> diem_core::Key {
    VALIDATORS.key(operator)
}

/// The key of a position's row, for proofs.
pub fn position_key(account: &Address, validator: &Address) -> diem_core::Key {
    POSITIONS.key(&(*account, *validator))
}
