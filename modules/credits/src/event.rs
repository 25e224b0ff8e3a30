//! The events of credits.

use diem_core::{Address, Amount, Time};

use crate::{
    state::{DayRecord, ProviderDay},
    vouchers::Outcome,
};

/// An event of credits. Amounts are base units of DIEM and credit, those of bonds, rent, prices and payments of VVV.
#[diem_core::events]
#[expect(missing_docs, reason = "the fields say what the variants are about")]
pub enum Event {
    /// DIEM was put into stake.
    Staked {
        staker: Address,
        beneficiary: Address,
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
    } = 0,
    /// DIEM left stake; it is paid by itself at `due`.
    Unstaked {
        staker: Address,
        beneficiary: Address,
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
        due: Time,
    } = 1,
    /// A tranche went back into stake.
    UnstakeCancelled {
        staker: Address,
        beneficiary: Address,
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
    } = 2,
    /// A tranche was paid.
    TranchePaid {
        staker: Address,
        #[serde(with = "diem_core::json::diem")]
        amount: Amount,
        #[serde(with = "diem_core::json::number")]
        tranche: u64,
    } = 3,
    /// A provider was registered.
    ProviderRegistered {
        provider: Address,
        #[serde(with = "diem_core::json::vvv")]
        bond: Amount,
    } = 4,
    /// A provider changed where it serves, is paid or is called.
    ProviderEdited { provider: Address } = 5,
    /// A provider added to its bond.
    BondAdded {
        provider: Address,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
        #[serde(with = "diem_core::json::vvv")]
        bond: Amount,
    } = 6,
    /// A provider published prices; sheets are named by their hashes.
    PricesPublished {
        provider: Address,
        #[serde(with = "hex::serde")]
        today: [u8; 32],
        #[serde(with = "hex::serde")]
        next: [u8; 32],
    } = 7,
    /// A provider leaves: `day` is its last, and its bond comes back at `due`.
    ProviderLeft { provider: Address, day: u64, due: Time } = 8,
    /// A provider earns rent from the next day on.
    ProviderListed { provider: Address } = 9,
    /// A provider earns no more rent.
    ProviderDelisted {
        provider: Address,
        #[serde(with = "diem_core::json::vvv")]
        forfeited: Amount,
    } = 10,
    /// A bond was paid back.
    BondPaid {
        provider: Address,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
    } = 11,
    /// An allocation was made or changed: for today, and for every day after.
    Allocated {
        account: Address,
        provider: Address,
        #[serde(with = "diem_core::json::credit")]
        today: Amount,
        #[serde(with = "diem_core::json::credit")]
        next: Amount,
    } = 12,
    /// A session key was granted rights.
    Granted {
        account: Address,
        key: Address,
        #[serde(with = "diem_core::json::number")]
        last_day: u64,
    } = 13,
    /// A session key loses its rights with the day.
    Revoked { account: Address, key: Address } = 14,
    /// Vouchers were judged, in the order in which they were handed in.
    VouchersSettled { provider: Address, outcomes: Vec<Outcome> } = 15,
    /// Credit was consumed directly.
    Spent {
        account: Address,
        provider: Address,
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        amount: Amount,
        reference: String,
    } = 16,
    /// Credit was given away.
    Gifted {
        from: Address,
        to: Address,
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        amount: Amount,
    } = 17,
    /// Credit is for sale.
    Offered {
        seller: Address,
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        amount: Amount,
        #[serde(with = "diem_core::json::vvv")]
        price: Amount,
    } = 18,
    /// An offer was taken back.
    OfferWithdrawn {
        seller: Address,
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        amount: Amount,
    } = 19,
    /// Credit on offer was bought.
    Bought {
        seller: Address,
        buyer: Address,
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        amount: Amount,
        #[serde(with = "diem_core::json::vvv")]
        payment: Amount,
    } = 20,
    /// A day was opened.
    DayOpened {
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        allowance: Amount,
    } = 21,
    /// A day was closed.
    DayClosed {
        day: u64,
        #[serde(with = "diem_core::json::credit")]
        allowance: Amount,
        #[serde(with = "diem_core::json::credit")]
        base: Amount,
        #[serde(with = "diem_core::json::vvv")]
        rent: Amount,
    } = 22,
    /// A day was settled; its record changes no more, except for what is paid.
    DaySettled {
        day: u64,
        #[serde(with = "shown::record")]
        record: Box<DayRecord>,
    } = 23,
    /// A provider was paid for a settled day.
    ProviderPaid {
        day: u64,
        provider: Address,
        to: Address,
        #[serde(with = "shown::Served")]
        row: ProviderDay,
        #[serde(with = "diem_core::json::vvv")]
        amount: Amount,
    } = 24,
}

/// Rows inside events, with the units of their amounts: in the state and in a genesis they are base units alone.
mod shown {
    use diem_core::{Amount, Time, json};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::state::{DayRecord, ProviderDay};

    #[derive(Serialize, Deserialize)]
    #[serde(remote = "ProviderDay")]
    pub(super) struct Served {
        #[serde(with = "json::credit")]
        consumed: Amount,
        #[serde(with = "json::credit")]
        counted: Amount,
        #[serde(with = "json::number")]
        requests: u64,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(remote = "DayRecord")]
    struct Day {
        opened_at: Time,
        closed_at: Option<Time>,
        settled_at: Option<Time>,
        #[serde(with = "json::credit")]
        allowance: Amount,
        #[serde(with = "json::diem")]
        supply: Amount,
        #[serde(with = "json::credit")]
        base: Amount,
        #[serde(with = "json::vvv")]
        rent: Amount,
        #[serde(with = "json::credit")]
        consumed: Amount,
        #[serde(with = "json::credit")]
        counted: Amount,
        #[serde(with = "json::number")]
        requests: u64,
        #[serde(with = "json::vvv")]
        pot: Amount,
        #[serde(with = "json::vvv")]
        treasury: Amount,
        #[serde(with = "json::vvv")]
        stakers: Amount,
        #[serde(with = "json::vvv")]
        paid: Amount,
    }

    pub(super) mod record {
        use super::{Day, DayRecord, Deserializer, Serializer};

        #[expect(clippy::borrowed_box, reason = "serde hands over the field as it is")]
        pub(in super::super) fn serialize<S: Serializer>(record: &Box<DayRecord>, to: S) -> Result<S::Ok, S::Error> {
            Day::serialize(record, to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Box<DayRecord>, D::Error> {
            Day::deserialize(from).map(Box::new)
        }
    }
}
