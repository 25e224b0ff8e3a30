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

/// What can be tuned.
pub(crate) const PARAMS: Item<Params> = Item::new(Staking::ID, 0);
/// The chain's name: what key proofs are made for.
pub(crate) const CHAIN_ID: Item<String> = Item::new(Staking::ID, 1);
/// The day of the last block.
pub(crate) const TODAY: Item<u64> = Item::new(Staking::ID, 2);
/// The id of the next entry.
pub(crate) const NEXT_ENTRY: Item<u64> = Item::new(Staking::ID, 3);
/// The number of the next slash job.
pub(crate) const NEXT_JOB: Item<u64> = Item::new(Staking::ID, 4);
/// What everybody together has earned and not claimed, and what divisions left below one avvv.
pub(crate) const EARNINGS: Item<Earnings> = Item::new(Staking::ID, 5);
/// Every validator there ever was, by operator.
pub(crate) const VALIDATORS: Map<Address, Validator> = Map::new(Staking::ID, 6);
/// What people are told of a validator. Apart from its numbers, which every block rewrites.
pub(crate) const DESCRIPTIONS: Map<Address, Description> = Map::new(Staking::ID, 7);
/// The operator of a validator by its name in consensus; never removed.
pub(crate) const BY_CONSENSUS: Map<ConsensusAddress, Address> = Map::new(Staking::ID, 8);
/// Every bridge key there ever was, by its address; never removed.
pub(crate) const BRIDGE_KEYS: Map<Address, BridgeKey> = Map::new(Staking::ID, 9);
/// Who could make blocks, the most powerful first: ([`rank_key`] of the power, operator) to consensus key.
pub(crate) const RANKING: Map<(u64, Address), [u8; 32]> = Map::new(Staking::ID, 10);
/// What consensus was last told, by consensus key.
pub(crate) const TOLD: Map<[u8; 32], Told> = Map::new(Staking::ID, 11);
/// Stake by (account, validator).
pub(crate) const POSITIONS: Map<(Address, Address), Position> = Map::new(Staking::ID, 12);
/// What left a validator and can still be slashed, by (validator left, height left, id). Ids grow with the height, so
/// that the entries of a validator lie in the order of their ids.
pub(crate) const ENTRIES: Map<EntryKey, Entry> = Map::new(Staking::ID, 13);
/// Where an account's entry lies: (account, id) to (validator left, height left).
pub(crate) const PLACES: Map<(Address, u64), Place> = Map::new(Staking::ID, 14);
/// How many entries an account has, tranches and moved stake together; an account without any has no row.
pub(crate) const ENTRY_COUNTS: Map<Address, u32> = Map::new(Staking::ID, 15);
/// Entries that left in this block, in groups by (height left, validator left), with the duration that counts for them.
pub(crate) const LEFT: Map<(u64, Address), u64> = Map::new(Staking::ID, 16);
/// Groups of entries by (last millisecond of their waiting, height left, validator left); the value says nothing.
pub(crate) const DUE: Map<(u64, u64, Address), u8> = Map::new(Staking::ID, 17);
/// The last millisecond of a group's waiting, by (validator left, height left): for who asks, and while entries are
/// left.
pub(crate) const DATES: Map<(Address, u64), u64> = Map::new(Staking::ID, 22);
/// Slashes that have not reached all their entries, by (validator, number).
pub(crate) const JOBS: Map<(Address, u64), Job> = Map::new(Staking::ID, 18);
/// The same jobs in the order in which they are worked off.
pub(crate) const JOB_QUEUE: Map<u64, Address> = Map::new(Staking::ID, 19);
/// How many of the last blocks a validator missed.
pub(crate) const SIGNING: Map<ConsensusAddress, Signing> = Map::new(Staking::ID, 20);
/// Which ones: a ring of bits in rows of 256, 1 for missed; a row without ones is absent.
pub(crate) const MISSED: Map<(ConsensusAddress, u32), [u8; 32]> = Map::new(Staking::ID, 21);
/// All VVV that was ever burned: by slashes, and with the last share of a validator.
pub(crate) const BURNED: Item<Amount> = Item::new(Staking::ID, 23);

/// The parameters now.
pub fn params(state: &dyn StateRead) -> Params {
    PARAMS.get(state).unwrap_or_default()
}

/// All VVV that was ever burned, in avvv: nothing else burns VVV.
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

/// (validator left, height left, id).
pub(crate) type EntryKey = (Address, u64, u64);

/// Sorts large powers first.
pub(crate) const fn rank_key(power: u64) -> u64 {
    u64::MAX.saturating_sub(power)
}

/// A validator's numbers. T of the rules is `tokens`, S is `shares`, L is `locked`; T <= S always.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Its ed25519 key in consensus; for ever.
    #[serde(with = "hex::serde")]
    pub consensus_key: [u8; 32],
    /// The address of its bridge key now.
    pub bridge_address: Address,
    /// What is staked with it, in avvv.
    pub tokens: Amount,
    /// The shares of all positions in that.
    #[serde(with = "digits")]
    pub shares: u128,
    /// How many of them are locked.
    #[serde(with = "digits")]
    pub locked: u128,
    /// How many of them are the operator's own.
    #[serde(with = "digits")]
    pub self_shares: u128,
    /// What a share that was never locked has earned since the start.
    pub free_index: Scaled,
    /// What a share that was always locked has earned since the start.
    pub locked_index: Scaled,
    /// What the operator takes of the rewards.
    pub commission: Commission,
    /// Commission that the operator has not claimed.
    pub commission_due: Amount,
    /// Since it missed too many blocks: when it may come back.
    pub jailed_until: Option<Time>,
    /// Out for ever.
    pub tombstoned: bool,
    /// Convicted of forging a statement of the bridge.
    pub forged: bool,
    /// Slashes of it that have not reached all entries.
    pub jobs: u32,
    /// The power under which it stands in the ranking; 0 if it does not stand there.
    pub rank: u64,
}

/// What an operator takes of the rewards, in basis points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commission {
    /// The rate until [`Commission::next`] counts.
    pub rate: u16,
    /// A promise for ever.
    pub max: u16,
    /// A promise for ever.
    pub max_change: u16,
    /// Another rate, and the day from which it counts.
    pub next: Option<(u16, u64)>,
}

impl Commission {
    /// The rate on `day`.
    pub fn on(&self, day: u64) -> u16 {
        self.next.filter(|(_, from)| *from <= day).map_or(self.rate, |(rate, _)| rate)
    }
}

/// What people are told of a validator.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its name.
    pub moniker: String,
    /// Where to read more; may be empty.
    #[serde(default)]
    pub website: String,
}

/// Whose a bridge key is or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeKey {
    /// Whose.
    pub operator: Address,
    /// Since which height.
    pub from: u64,
    /// The height at which another one took its place.
    pub until: Option<u64>,
}

/// What consensus was last told of a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Who operates it.
    pub operator: Address,
    /// Its voting power; never 0.
    pub power: u64,
}

/// What an account has staked with a validator. `locked <= shares` and `moved <= shares`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Its shares of the validator's tokens.
    #[serde(with = "digits")]
    pub shares: u128,
    /// How many of them are locked.
    #[serde(with = "digits")]
    pub locked: u128,
    /// How many of them came from another validator lately: they cannot leave yet.
    #[serde(with = "digits")]
    pub moved: u128,
    /// The validator's index up to which free shares are settled.
    pub free_index: Scaled,
    /// The validator's index up to which locked shares are settled.
    pub locked_index: Scaled,
    /// What was earned up to there and not claimed.
    pub earned: Scaled,
}

/// Rewards in nobody's account yet. Their sum is what staking holds in the pool of rewards, a whole number of avvv.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earnings {
    /// Earned by positions and operators, not claimed.
    pub owed: Scaled,
    /// Left by divisions; whole avvv of it join the next rewards.
    pub dust: Scaled,
}

/// Something that left a validator and can still be slashed for what the validator did before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose.
    pub account: Address,
    /// What.
    pub what: Leaving,
}

/// What left a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", remote = "Self", deny_unknown_fields)]
#[repr(u8)]
pub enum Leaving {
    /// Stake on its way out: pays this many avvv.
    Tranche(Amount) = 0,
    /// Stake that went to another validator.
    Moved {
        /// To whom.
        to: Address,
        /// In shares of that one.
        #[serde(with = "digits")]
        shares: u128,
    } = 1,
}

diem_core::one_field_enum!(Leaving);

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Place {
    pub(crate) validator: Address,
    pub(crate) height: u64,
}

/// A slash on its way through the entries of a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What part of each entry is slashed, in basis points.
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

/// How many of the last blocks a validator missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The length of the ring; a change of the parameter starts an empty one.
    pub window: u32,
    /// Where the next block goes.
    pub next: u32,
    /// How many in the ring were missed.
    pub missed: u32,
}

impl Validator {
    /// What `shares` are worth: `floor(shares * T / S)`.
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
    /// Shares that may be locked.
    pub fn free_to_lock(&self) -> u128 {
        self.shares.saturating_sub(self.locked)
    }

    /// Shares that may be unstaked.
    pub fn free_to_unstake(&self) -> u128 {
        self.shares.saturating_sub(self.locked.max(self.moved))
    }

    /// Shares that may go to another validator.
    pub fn free_to_move(&self) -> u128 {
        self.shares.saturating_sub(self.moved)
    }

    /// What it has earned up to now and not claimed.
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
