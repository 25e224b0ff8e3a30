//! Values of this project as alloy's, and back: alloy's types stay inside this room.

use std::fmt;

use alloy_primitives::U256;
use diem_core::Address;

pub(crate) const fn to_alloy(address: &Address) -> alloy_primitives::Address {
    alloy_primitives::Address::new(address.0)
}

/// A number that fits in 128 bits; a larger one counts as the largest, which no balance comes near.
pub(crate) fn narrow(number: U256) -> u128 {
    number.try_into().unwrap_or(u128::MAX)
}

/// An amount of wei as a person reads it: in ETH, without zeros at its end.
pub(crate) struct Eth(pub(crate) u128);

impl fmt::Display for Eth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WEI: u128 = 1_000_000_000_000_000_000;
        let (whole, rest) = (self.0 / WEI, self.0 % WEI);
        match rest {
            0 => write!(f, "{whole} ETH"),
            rest => {
                let digits = format!("{rest:018}");
                write!(f, "{whole}.{} ETH", digits.trim_end_matches('0'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wei_are_shown_in_eth() {
        for (wei, text) in [
            (0, "0 ETH"),
            (1, "0.000000000000000001 ETH"),
            (1_500_000_000_000_000_000, "1.5 ETH"),
            (20_000_000_000_000_000_000, "20 ETH"),
        ] {
            assert_eq!(Eth(wei).to_string(), text);
        }
    }
}
