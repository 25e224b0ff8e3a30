//! A provider's row: what stands behind it, and what of it counts on which day.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Time};
use serde::{Deserialize, Serialize};

/// A provider's row. It stays for ever, so that an allocation made to it can never become one to its successor.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The account that is paid for settled days.
    pub payout: Address,
    /// The URL at which it serves.
    pub endpoint: String,
    /// The name of the provider.
    pub moniker: String,
    /// The bond that it has put up, in avvv.
    pub bond: Amount,
    /// Its last day and the date of its bond, if it leaves.
    pub left: Option<Left>,
    /// The day that `today` is of.
    pub day: u64,
    /// The standing that counted on the day before.
    pub previous: Standing,
    /// The standing that counts today.
    pub today: Standing,
    /// The standing that counts from the next day on.
    pub next: Standing,
}

/// A provider that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// The last day on which it serves.
    pub day: u64,
    /// The moment at which its bond is paid back by itself.
    pub due: Time,
}

/// The standing of a provider on a day, which decides what it can earn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Whether it earns rent.
    pub listed: bool,
    /// The bond that bounds what it earns, in avvv: one credit for one VVV.
    pub bond: Amount,
}

impl Standing {
    /// The part of `consumed` that earns rent.
    pub(crate) fn counted(&self, consumed: Amount) -> Amount {
        if self.listed { consumed.min(self.bond) } else { Amount::ZERO }
    }
}

impl Provider {
    pub(crate) fn new(payout: Address, endpoint: &str, moniker: &str, bond: Amount, day: u64) -> Self {
        let (none, next) = (Standing::default(), Standing { listed: false, bond });
        Self {
            payout,
            endpoint: endpoint.into(),
            moniker: moniker.into(),
            bond,
            left: None,
            day,
            previous: none,
            today: none,
            next,
        }
    }

    /// The standing that counts on `day`, which is today or the day before.
    pub(crate) const fn standing(&self, day: u64) -> &Standing {
        if day == self.day { &self.today } else { &self.previous }
    }
}
