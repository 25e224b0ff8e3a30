//! What is paid for a unit of gas. Source: EIP-1559.

use alloy_primitives::U256;
use serde_json::json;

use crate::{Base, BaseError, convert::narrow};

/// The tip where an endpoint names none, in wei.
const USUAL_TIP: u128 = 1_000_000;

/// The two prices of a transaction, in wei for a unit of gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price {
    /// The most that is paid.
    pub(crate) most: u128,
    /// The part of it that goes to whoever makes the block.
    pub(crate) tip: u128,
}

impl Price {
    /// The base fee of the newest block, and the tip that the endpoint proposes.
    pub(crate) async fn asked(base: &Base) -> Result<(u128, u128), BaseError> {
        let fee = base.latest().await?.base_fee;
        let tip = match base.endpoint().ask::<U256>("eth_maxPriorityFeePerGas", json!([])).await {
            Ok(tip) => narrow(tip),
            Err(BaseError::Refused { .. }) => USUAL_TIP,
            Err(error) => return Err(error),
        };
        Ok((fee, tip))
    }

    /// The price of now, with room for a base fee that doubles.
    pub(crate) async fn now(base: &Base, max: u128) -> Result<Self, BaseError> {
        let (fee, tip) = Self::asked(base).await?;
        let price = fee.saturating_add(tip);
        if price > max {
            return Err(BaseError::TooDear { price, max });
        }
        Ok(Self { most: price.saturating_add(fee).min(max), tip })
    }

    /// The price of a replacement: at least a quarter more, because pools want a tenth more of both, and no less than
    /// the price of now. `None` if that is above `max`.
    pub(crate) fn raised(self, now: Option<Self>, max: u128) -> Option<Self> {
        let more = |price: u128| price.saturating_add(price / 4).saturating_add(1);
        let now = now.unwrap_or(self);
        let tip = more(self.tip).max(now.tip);
        let most = more(self.most).max(now.most).max(tip);
        (most <= max).then_some(Self { most, tip })
    }

    /// The most that so much gas costs, in wei.
    pub(crate) fn cost(self, gas: u64) -> u128 {
        self.most.saturating_mul(gas.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_raises_both_prices_until_the_limit() {
        let first = Price { most: 300, tip: 0 };
        assert_eq!(first.raised(None, 1_000), Some(Price { most: 376, tip: 1 }));
        assert_eq!(first.raised(Some(Price { most: 500, tip: 40 }), 1_000), Some(Price { most: 500, tip: 40 }));
        assert_eq!(first.raised(None, 375), None);
    }
}
