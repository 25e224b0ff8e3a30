//! The events of staking.

use diem_core::{Address, Amount, Time};

use crate::{scaled::digits, slashing::Offence};

/// An event of staking. Amounts are in avvv.
#[diem_core::events]
#[expect(missing_docs, reason = "the fields of an event say what they are: who, with whom, how much, which entry")]
pub enum Event {
    /// An account became a validator.
    ValidatorCreated {
        validator: Address,
        #[serde(with = "hex::serde")]
        consensus_key: [u8; 32],
    } = 0,
    /// A validator changed what people are told of it, or its commission from the next day on.
    ValidatorEdited { validator: Address, commission: Option<u16> } = 1,
    /// A validator came back.
    Unjailed { validator: Address } = 2,
    /// A validator has another bridge key.
    BridgeKeyRotated { validator: Address, bridge_address: Address } = 3,
    /// Stake came in, and shares were given for it.
    Staked {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
        #[serde(with = "digits")]
        shares: u128,
    } = 4,
    /// Stake went into a tranche that pays itself out later.
    Unstaked {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
        #[serde(with = "digits")]
        shares: u128,
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
    } = 5,
    /// A tranche was staked again.
    UnstakeCancelled {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
        #[serde(with = "digits")]
        shares: u128,
    } = 6,
    /// Stake went to another validator; `shares` and `locked` are shares of that one.
    Restaked {
        account: Address,
        from: Address,
        to: Address,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
        #[serde(with = "digits")]
        shares: u128,
        #[serde(with = "digits")]
        locked: u128,
        #[serde(with = "diem_core::json::number")]
        id: u64,
    } = 7,
    /// Rewards were paid out to an account.
    Claimed {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
    } = 8,
    /// A tranche was paid.
    TranchePaid {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
    } = 9,
    /// Moved stake may leave its new validator.
    MoveSettled {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::number")]
        id: u64,
        #[serde(with = "digits")]
        shares: u128,
    } = 10,
    /// A validator was slashed.
    Slashed {
        validator: Address,
        offence: Offence,
        bps: u16,
        #[serde(with = "diem_core::json::vvv")]
        burned: Amount,
    } = 11,
    /// A slash reached something that had left the validator.
    EntrySlashed {
        account: Address,
        validator: Address,
        #[serde(with = "diem_core::json::number")]
        id: u64,
        #[serde(with = "diem_core::json::vvv")]
        burned: Amount,
    } = 12,
    /// A validator missed too many blocks.
    Jailed { validator: Address, until: Time } = 13,
    /// A validator is out for ever.
    Tombstoned { validator: Address } = 14,
}
