//! What credits reports.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Time};
use serde::{Deserialize, Serialize};

use crate::{
    state::{DayRecord, ProviderDay},
    vouchers::Outcome,
};

/// An event of credits. Amounts are base units of DIEM and credit, those of bonds, rent, prices and payments of VVV.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type")]
#[expect(missing_docs, reason = "the fields say what the variants are about")]
#[repr(u8)]
pub enum Event {
    /// DIEM was staked.
    Staked { staker: Address, beneficiary: Address, amount: Amount } = 0,
    /// DIEM left stake; it is paid by itself at `due`.
    Unstaked { staker: Address, beneficiary: Address, amount: Amount, tranche: u64, due: Time } = 1,
    /// A tranche went back into stake.
    UnstakeCancelled { staker: Address, beneficiary: Address, amount: Amount, tranche: u64 } = 2,
    /// A tranche was paid.
    TranchePaid { staker: Address, amount: Amount, tranche: u64 } = 3,
    /// A provider registered.
    ProviderRegistered { provider: Address, bond: Amount } = 4,
    /// A provider changed where it serves, is paid or is called.
    ProviderEdited { provider: Address } = 5,
    /// A provider added to its bond.
    BondAdded { provider: Address, amount: Amount, bond: Amount } = 6,
    /// A provider published prices; sheets are named by their hashes.
    PricesPublished {
        provider: Address,
        #[serde(with = "hex::serde")]
        today: [u8; 32],
        #[serde(with = "hex::serde")]
        next: [u8; 32],
    } = 7,
    /// A provider leaves: `day` is its last, its bond comes back at `due`.
    ProviderLeft { provider: Address, day: u64, due: Time } = 8,
    /// A provider earns rent from the next day on.
    ProviderListed { provider: Address } = 9,
    /// A provider earns no more rent.
    ProviderDelisted { provider: Address, forfeited: Amount } = 10,
    /// A bond was paid back.
    BondPaid { provider: Address, amount: Amount } = 11,
    /// A promise was made or changed: for today, and for every day after.
    Allocated { account: Address, provider: Address, today: Amount, next: Amount } = 12,
    /// A session key was granted rights.
    Granted { account: Address, key: Address, last_day: u64 } = 13,
    /// A session key loses its rights with the day.
    Revoked { account: Address, key: Address } = 14,
    /// Vouchers were judged, in the order in which they were handed in.
    VouchersSettled { provider: Address, outcomes: Vec<Outcome> } = 15,
    /// Credit was consumed directly.
    Spent { account: Address, provider: Address, day: u64, amount: Amount, reference: String } = 16,
    /// Credit was given away.
    Gifted { from: Address, to: Address, day: u64, amount: Amount } = 17,
    /// Credit is for sale.
    Offered { seller: Address, day: u64, amount: Amount, price: Amount } = 18,
    /// It is not any more.
    OfferWithdrawn { seller: Address, day: u64, amount: Amount } = 19,
    /// Credit was bought.
    Bought { seller: Address, buyer: Address, day: u64, amount: Amount, payment: Amount } = 20,
    /// A day opened.
    DayOpened { day: u64, allowance: Amount } = 21,
    /// A day closed.
    DayClosed { day: u64, allowance: Amount, base: Amount, rent: Amount } = 22,
    /// A day was settled; its record changes no more, except for what is paid.
    DaySettled { day: u64, record: Box<DayRecord> } = 23,
    /// A provider was paid for a settled day.
    ProviderPaid { day: u64, provider: Address, to: Address, row: ProviderDay, amount: Amount } = 24,
}
