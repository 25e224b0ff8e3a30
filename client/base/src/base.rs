//! The network: which chain it is, its newest block, balances and code.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{B256, Bytes, U64, U256};
use diem_core::{Address, keccak256};
use serde::Deserialize;
use serde_json::json;

use crate::{
    BaseError,
    contract::ContractError,
    convert::{narrow, to_alloy},
    endpoint::Endpoint,
};

/// A block of Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseBlock {
    /// The number of the block.
    pub number: u64,
    /// The hash of the block.
    pub hash: [u8; 32],
    /// The block's time, in seconds. Several blocks may have the same.
    pub timestamp: u64,
    /// The price that each unit of gas costs at least, in wei.
    pub base_fee: u128,
}

/// The fields of a block that are read. An endpoint gives many more, and a fork of Base adds others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockFields {
    number: U64,
    hash: B256,
    timestamp: U64,
    base_fee_per_gas: Option<U256>,
}

/// Base, by one endpoint. It is cheap to clone, and its clones share connections.
///
/// Whoever holds it can believe the endpoint as far as the endpoint's owner: nothing that it answers is proven.
#[derive(Debug, Clone)]
pub struct Base {
    endpoint: Arc<Endpoint>,
    chain_id: u64,
}

impl Base {
    /// Connects to the endpoint at `url`, such as `http://127.0.0.1:8545`, and checks that it is one of this chain.
    ///
    /// # Errors
    /// [`BaseError::WrongChain`] names both chains; [`BaseError::Url`] and [`BaseError::Certificates`]; otherwise what
    /// kept the endpoint from answering.
    pub async fn connect(url: &str, chain_id: u64) -> Result<Self, BaseError> {
        Self::over(Endpoint::new(url)?, chain_id).await
    }

    /// As [`Self::connect`], with so much time for each answer instead of ten seconds: for an endpoint that is believed to
    /// be there, however slow its machine is.
    ///
    /// # Errors
    /// Those of [`Self::connect`].
    pub async fn connect_patiently(url: &str, chain_id: u64, patience: Duration) -> Result<Self, BaseError> {
        Self::over(Endpoint::patient(url, patience)?, chain_id).await
    }

    async fn over(endpoint: Endpoint, chain_id: u64) -> Result<Self, BaseError> {
        let found: U64 = endpoint.ask("eth_chainId", json!([])).await?;
        let found: u64 = found.to();
        if found != chain_id {
            return Err(BaseError::WrongChain { url: endpoint.shown(), found, expected: chain_id });
        }
        Ok(Self { endpoint: Arc::new(endpoint), chain_id })
    }

    /// The chain id of the network.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The URL of the endpoint.
    pub fn url(&self) -> &str {
        self.endpoint.url()
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The newest block that the endpoint has; it may still be replaced.
    ///
    /// # Errors
    /// The endpoint did not answer, or not with a block.
    pub async fn latest(&self) -> Result<BaseBlock, BaseError> {
        self.block("latest").await
    }

    /// The newest block that cannot be taken back any more, as the endpoint says.
    ///
    /// # Errors
    /// The endpoint did not answer, or not with a block.
    pub async fn finalized(&self) -> Result<BaseBlock, BaseError> {
        self.block("finalized").await
    }

    /// The hash of the block with this number, which may still be replaced; `None` while there is none.
    ///
    /// # Errors
    /// The endpoint did not answer, or not with a block.
    pub async fn hash_of(&self, number: u64) -> Result<Option<[u8; 32]>, BaseError> {
        let ask = json!([U64::from(number), false]);
        let block: Option<BlockFields> = self.endpoint.ask("eth_getBlockByNumber", ask).await?;
        Ok(block.map(|block| block.hash.0))
    }

    async fn block(&self, tag: &'static str) -> Result<BaseBlock, BaseError> {
        let block: BlockFields = self.endpoint.ask("eth_getBlockByNumber", json!([tag, false])).await?;
        Ok(BaseBlock {
            number: block.number.to(),
            hash: block.hash.0,
            timestamp: block.timestamp.to(),
            base_fee: narrow(block.base_fee_per_gas.unwrap_or_default()),
        })
    }

    /// The ETH that an account has, in wei.
    ///
    /// # Errors
    /// The endpoint did not answer.
    pub async fn balance(&self, account: &Address) -> Result<u128, BaseError> {
        let balance: U256 = self.endpoint.ask("eth_getBalance", json!([to_alloy(account), "latest"])).await?;
        Ok(narrow(balance))
    }

    /// The keccak of the code at an address; `None` if there is none.
    ///
    /// # Errors
    /// The endpoint did not answer.
    pub async fn code_hash(&self, address: &Address) -> Result<Option<[u8; 32]>, BaseError> {
        let code: Bytes = self.endpoint.ask("eth_getCode", json!([to_alloy(address), "latest"])).await?;
        Ok((!code.is_empty()).then(|| keccak256(&code)))
    }

    /// A word of a contract's storage; zero where nothing was written.
    ///
    /// # Errors
    /// The endpoint did not answer.
    pub async fn slot(&self, contract: &Address, slot: u64) -> Result<[u8; 32], BaseError> {
        let parameters = json!([to_alloy(contract), U256::from(slot), "latest"]);
        let word: B256 = self.endpoint.ask("eth_getStorageAt", parameters).await?;
        Ok(word.0)
    }

    /// The number of transactions of an account that are in blocks.
    pub(crate) async fn nonce(&self, account: &Address) -> Result<u64, BaseError> {
        let nonce: U64 = self.endpoint.ask("eth_getTransactionCount", json!([to_alloy(account), "latest"])).await?;
        Ok(nonce.to())
    }

    /// The answer of a contract to a call that changes nothing. `from` is the account that seems to call.
    pub(crate) async fn call(
        &self,
        from: Option<&Address>,
        to: Option<&Address>,
        data: &[u8],
    ) -> Result<Bytes, BaseError> {
        self.endpoint.ask("eth_call", json!([request(from, to, data), "latest"])).await
    }

    /// The gas that a call would take after the newest block. What waits in the pool does not count: it may be what an
    /// earlier run left behind, and is replaced.
    pub(crate) async fn estimate(&self, from: &Address, to: &Address, data: &[u8]) -> Result<u64, BaseError> {
        let ask = json!([request(Some(from), Some(to), data), "latest"]);
        let is_panic = |error: &BaseError| matches!(error, BaseError::Reverted(error) if error.name == "Panic");
        // An endpoint that takes up a block meanwhile may run the call on the new state with the old time, and the
        // contracts reckon with times that never go back. They panic for no other reason.
        let gas: U64 = match self.endpoint.ask("eth_estimateGas", ask.clone()).await {
            Err(error) if is_panic(&error) => self.endpoint.ask("eth_estimateGas", ask).await?,
            answer => answer?,
        };
        Ok(gas.to())
    }

    /// The error with which a contract refuses this call now; `None` if it does not, or if nobody knows.
    pub(crate) async fn refusal(&self, from: &Address, to: Option<&Address>, data: &[u8]) -> Option<ContractError> {
        match self.call(Some(from), to, data).await {
            Err(BaseError::Reverted(error)) => Some(error),
            _ => None,
        }
    }
}

/// The call of a contract, or the creation of one where `to` is nobody.
fn request(from: Option<&Address>, to: Option<&Address>, data: &[u8]) -> serde_json::Value {
    let mut request = json!({"input": Bytes::copy_from_slice(data)});
    for (name, account) in [("from", from), ("to", to)] {
        if let Some(account) = account {
            request[name] = json!(to_alloy(account));
        }
    }
    request
}
