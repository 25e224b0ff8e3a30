//! What relaying costs on Base.

use diem_core::Time;
use serde::{Deserialize, Serialize};

use crate::Coin;

/// `GET /v1/bridge/fee`: what relaying a transfer costs on Base, as this node's relayer saw it last. It is no state of the
/// chain, and no fee that anybody has to pay: the chain asks for `min_fee` alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeFee {
    /// The cost of one transfer in DIEM, by the price that the node's operator has configured; `null` without one.
    pub fee: Option<Coin>,
    /// The cost of one transfer in wei: (`l2_gas` * `gas_price` + `l1_fee`) / `transfers`, rounded up.
    #[serde(with = "diem_core::json::number")]
    pub wei: u64,
    /// The gas that the last batch took which the relayer sent.
    #[serde(with = "diem_core::json::number")]
    pub l2_gas: u64,
    /// The price of a unit of gas, in wei.
    #[serde(with = "diem_core::json::number")]
    pub gas_price: u64,
    /// What the data of that batch costs, in wei.
    #[serde(with = "diem_core::json::number")]
    pub l1_fee: u64,
    /// Whether the `GasPriceOracle` of Base has told `l1_fee`. A network without one, as a local Base is, has none, and the
    /// part is zero.
    pub l1_oracle: bool,
    /// The transfers of that batch.
    #[serde(with = "diem_core::json::number")]
    pub transfers: u64,
    /// The time at which Base was asked, by the node's clock.
    pub seen_at: Time,
}
