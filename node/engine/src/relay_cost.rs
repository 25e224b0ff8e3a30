//! What relaying costs on Base, as this node's relayer saw it last. The relayer, which asks Base anyway, lays it down; the
//! HTTP API, which connects to nobody, reads it.

use std::sync::{Arc, Mutex, PoisonError};

use diem_core::{Amount, Time};

const WEI_OF_ETH: u128 = 1_000_000_000_000_000_000;

/// The costs of a batch on Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayCost {
    /// The gas that the last batch took which this relayer sent.
    pub gas: u64,
    /// The transfers in it.
    pub transfers: u64,
    /// The price of a unit of gas now, in wei.
    pub gas_price: u64,
    /// What its data costs now by Base's `GasPriceOracle`, in wei; `None` on a network without that contract.
    pub l1_fee: Option<u64>,
    /// The price of one ETH, in adiem, that the operator has configured.
    pub adiem_per_eth: Option<Amount>,
    /// The time at which Base was asked, by this node's clock.
    pub at: Time,
}

impl RelayCost {
    /// The cost of one transfer in wei, rounded up: (L2 gas + L1 data fee) / items. Source: the specification of the
    /// bridge, section 7.
    pub fn wei_per_transfer(&self) -> u64 {
        let gas = u128::from(self.gas).saturating_mul(self.gas_price.into());
        let cost = gas.saturating_add(self.l1_fee.unwrap_or_default().into());
        u64::try_from(cost.div_ceil(self.transfers.max(1).into())).unwrap_or(u64::MAX)
    }

    /// The same in adiem, rounded up, by the configured price; `None` without one.
    pub fn fee(&self) -> Option<Amount> {
        let wei = Amount::new(self.wei_per_transfer().into());
        // A product that does not fit is a price that nobody pays.
        let fee = |rate: Amount| wei.mul_div_ceil(rate.get(), WEI_OF_ETH).unwrap_or(Amount::MAX);
        self.adiem_per_eth.map(fee)
    }
}

/// What is known of the costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KnownCost {
    /// This node relays nothing.
    #[default]
    NoRelayer,
    /// Its relayer has sent no batch since it started.
    NoBatch,
    /// The costs as they were seen last.
    Seen(RelayCost),
}

/// The place where the relayer lays down what is known. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct RelayCosts(Arc<Mutex<KnownCost>>);

impl RelayCosts {
    /// Lays down what is known now.
    pub fn lay(&self, cost: KnownCost) {
        // The value is whole whatever a panicking holder did.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cost;
    }

    /// What is known.
    pub fn last(&self) -> KnownCost {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: RelayCost = RelayCost {
        gas: 370_000,
        transfers: 10,
        gas_price: 10_000_001,
        l1_fee: Some(500_000_000_001),
        adiem_per_eth: None,
        at: Time(0),
    };

    #[test]
    fn a_transfer_bears_its_part_of_gas_and_data_rounded_up() {
        // (370,000 * 10,000,001 + 500,000,000,001) / 10
        assert_eq!(COST.wei_per_transfer(), 420_000_037_001);
        assert_eq!(RelayCost { l1_fee: None, ..COST }.wei_per_transfer(), 370_000_037_000);
        assert_eq!(RelayCost { gas: u64::MAX, gas_price: u64::MAX, ..COST }.wei_per_transfer(), u64::MAX);
    }

    #[test]
    fn it_is_told_in_diem_only_by_a_configured_price() {
        assert_eq!(COST.fee(), None);
        let priced = RelayCost { adiem_per_eth: Some(Amount::new(12_500_000_000_000_000_000)), ..COST };
        // 420,000,037,001 wei at 12.5 DIEM an ETH.
        assert_eq!(priced.fee(), Some(Amount::new(5_250_000_462_513)));
    }

    #[test]
    fn whoever_holds_the_place_sees_what_was_laid_down_last() {
        let costs = RelayCosts::default();
        let reader = costs.clone();
        assert_eq!(reader.last(), KnownCost::NoRelayer);
        costs.lay(KnownCost::Seen(COST));
        assert_eq!(reader.last(), KnownCost::Seen(COST));
    }
}
