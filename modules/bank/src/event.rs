//! The events of bank.

use diem_core::{Address, Amount, Denom};

/// An event of bank.
#[diem_core::events]
pub enum Event {
    /// An account paid another.
    #[serde(with = "transferred")]
    Transferred {
        /// The account that paid.
        from: Address,
        /// The account that was paid.
        to: Address,
        /// The denomination of the amount.
        denom: Denom,
        /// The amount, in base units.
        amount: Amount,
    } = 0,
}

/// The form of [`Event::Transferred`]: the unit stands with the amount.
mod transferred {
    use diem_core::{Address, Amount, Denom};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Shown {
        from: Address,
        to: Address,
        amount: Coin,
    }

    #[derive(Serialize, Deserialize)]
    struct Coin {
        amount: Amount,
        denom: Denom,
        display: String,
    }

    pub(super) fn serialize<S: Serializer>(
        from: &Address,
        to: &Address,
        denom: &Denom,
        amount: &Amount,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let coin = Coin { amount: *amount, denom: *denom, display: amount.display(*denom) };
        Shown { from: *from, to: *to, amount: coin }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<(Address, Address, Denom, Amount), D::Error> {
        let Shown { from, to, amount } = Shown::deserialize(deserializer)?;
        Ok((from, to, amount.denom, amount.amount))
    }
}
