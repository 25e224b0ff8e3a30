//! What a transaction costs on Base: gas, and the fee for its data on Ethereum.

use alloy_consensus::{SignableTransaction as _, TxEip1559};
use alloy_primitives::{Address as EthAddress, Bytes, TxKind, address};
use alloy_sol_types::{SolCall as _, sol};
use diem_core::Address;

use crate::{Base, BaseError, convert::to_alloy, price::Price};

/// The contract by which Base says what data costs. Source: the predeploys of the OP Stack.
const ORACLE: EthAddress = address!("420000000000000000000000000000000000000F");

sol! {
    /// The fee for the data of an unsigned transaction, in wei.
    function getL1Fee(bytes data) external view returns (uint256 fee);
}

impl Base {
    /// The price of a unit of gas now, in wei: the base fee of the newest block and the usual tip.
    ///
    /// # Errors
    /// The endpoint did not answer.
    pub async fn gas_price(&self) -> Result<u128, BaseError> {
        Price::asked(self).await.map(|(fee, tip)| fee.saturating_add(tip))
    }

    /// The fee for the data of a transaction that calls `to` with these bytes, in wei, as the `GasPriceOracle` of Base says;
    /// `None` on a network that has no such contract.
    ///
    /// # Errors
    /// The endpoint did not answer, or the contract did not as the oracle does.
    pub async fn l1_fee(&self, to: &Address, data: &[u8]) -> Result<Option<u128>, BaseError> {
        let tx = TxEip1559 {
            chain_id: self.chain_id(),
            // The numbers of a real transaction take as many bytes, and only their count matters.
            nonce: u64::from(u16::MAX),
            gas_limit: crate::MAX_GAS,
            max_fee_per_gas: u128::from(u32::MAX),
            max_priority_fee_per_gas: u128::from(u32::MAX),
            to: TxKind::Call(to_alloy(to)),
            input: Bytes::copy_from_slice(data),
            ..TxEip1559::default()
        };
        let call = getL1FeeCall { data: tx.encoded_for_signing().into() };
        let oracle = Address(ORACLE.into_array());
        let answer = self.call(None, Some(&oracle), &call.abi_encode()).await?;
        if answer.is_empty() {
            return Ok(None);
        }
        let stranger = BaseError::NotTheContract { address: oracle, function: "getL1Fee" };
        let fee = getL1FeeCall::abi_decode_returns_validate(&answer).map_err(|_| stranger)?;
        Ok(Some(fee.try_into().unwrap_or(u128::MAX)))
    }
}
