//! What only a local chain for development does: anvil's own requests.

use alloy_primitives::{Bytes, U256};
use diem_core::Address;
use serde_json::json;

use crate::{Base, BaseError, convert::to_alloy};

/// The controls of a local chain. Every other endpoint refuses them.
#[derive(Debug, Clone)]
pub struct Dev(Base);

impl Dev {
    /// The controls of this chain.
    pub const fn new(base: Base) -> Self {
        Self(base)
    }

    /// Gives an account so much ETH, in wei, whatever it had.
    ///
    /// # Errors
    /// [`BaseError::Refused`] by an endpoint that is none of a local chain.
    pub async fn set_balance(&self, account: &Address, wei: u128) -> Result<(), BaseError> {
        self.tell("anvil_setBalance", json!([to_alloy(account), U256::from(wei)])).await
    }

    /// Puts this code at an address, whatever was there.
    ///
    /// # Errors
    /// As [`Self::set_balance`].
    pub async fn set_code(&self, address: &Address, code: &[u8]) -> Result<(), BaseError> {
        self.tell("anvil_setCode", json!([to_alloy(address), Bytes::copy_from_slice(code)])).await
    }

    /// Makes the next block so many seconds later.
    ///
    /// # Errors
    /// As [`Self::set_balance`].
    pub async fn warp(&self, seconds: u64) -> Result<(), BaseError> {
        self.tell("evm_increaseTime", json!([U256::from(seconds)])).await
    }

    /// Makes blocks of what waits, or empty ones.
    ///
    /// # Errors
    /// As [`Self::set_balance`].
    pub async fn mine(&self, blocks: u64) -> Result<(), BaseError> {
        self.tell("anvil_mine", json!([U256::from(blocks)])).await
    }

    /// Marks the present state; the number names it in [`Self::revert`].
    ///
    /// # Errors
    /// As [`Self::set_balance`].
    pub async fn snapshot(&self) -> Result<u64, BaseError> {
        let id: U256 = self.0.endpoint().tell("evm_snapshot", json!([])).await?;
        Ok(id.saturating_to())
    }

    /// Goes back to a state that was marked; its mark and all later ones are gone.
    ///
    /// # Errors
    /// As [`Self::set_balance`]; [`BaseError::NotAnEndpoint`] if there is no such mark.
    pub async fn revert(&self, snapshot: u64) -> Result<(), BaseError> {
        const METHOD: &str = "evm_revert";
        let done: bool = self.0.endpoint().tell(METHOD, json!([U256::from(snapshot)])).await?;
        let unknown = || self.0.endpoint().fault(METHOD, format!("it has no snapshot {snapshot}"));
        done.then_some(()).ok_or_else(unknown)
    }

    async fn tell(&self, method: &'static str, params: serde_json::Value) -> Result<(), BaseError> {
        let _: serde_json::Value = self.0.endpoint().tell(method, params).await?;
        Ok(())
    }
}
