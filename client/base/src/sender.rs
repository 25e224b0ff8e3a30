//! An account of Base that sends transactions and sees them through.

use std::{fmt, time::Duration};

use diem_bridge::{CREATE2_DEPLOYER, bridge_address};
use diem_core::{Address, keccak256, keys::EthereumKey};

use crate::{Base, BaseError, Bridge, Call, Receipt, flight::Flight, price::Price};

/// The most gas that a transaction of Base may have. Source: EIP-7825.
pub const MAX_GAS: u64 = 16_777_216;

/// How long a sender waits for its transactions, and what it pays at most.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The time in no block after which a transaction is replaced by one with a higher price.
    pub replace_after: Duration,
    /// The time after which it is given up.
    pub give_up_after: Duration,
    /// The highest price of a unit of gas, in wei. It also bounds what a lying endpoint can make the sender pay.
    pub max_price: u128,
}

impl Default for Terms {
    /// Base makes a block every 200 ms and asks a hundredth of a gwei on most days.
    fn default() -> Self {
        Self {
            replace_after: Duration::from_secs(15),
            give_up_after: Duration::from_secs(120),
            max_price: 20_000_000_000,
        }
    }
}

/// A contract that [`Sender::deploy`] was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// The address of the contract.
    pub address: Address,
    /// The transaction that created it; `None` if it was there already.
    pub receipt: Option<Receipt>,
}

/// An account that sends transactions, one after the other: each has the nonce of the newest block, so that what an
/// earlier run left behind is replaced and never followed.
pub struct Sender {
    pub(crate) base: Base,
    pub(crate) key: EthereumKey,
    pub(crate) address: Address,
    pub(crate) terms: Terms,
    turn: tokio::sync::Mutex<()>,
}

/// The key is not shown.
impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("base", &self.base).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Sender {
    /// The account of this key, on the usual terms.
    pub fn new(base: Base, key: EthereumKey) -> Self {
        let address = key.address();
        Self { base, key, address, terms: Terms::default(), turn: tokio::sync::Mutex::new(()) }
    }

    /// The sender on other terms.
    #[must_use]
    pub const fn with_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// The address of the account.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The network on which it sends.
    pub const fn base(&self) -> &Base {
        &self.base
    }

    /// Calls the bridge, and waits until the transaction is in a block. The call is tried first: what the contract
    /// would refuse is not sent.
    ///
    /// # Errors
    /// Nothing was sent: [`BaseError::Reverted`], [`BaseError::TooMuchGas`], [`BaseError::TooDear`],
    /// [`BaseError::Underfunded`], or the endpoint did not answer. Something was sent: [`BaseError::Failed`],
    /// [`BaseError::NonceTaken`] or [`BaseError::Stuck`].
    pub async fn send(&self, bridge: &Bridge, call: &Call) -> Result<Receipt, BaseError> {
        self.transact(bridge.address(), call.bytes()).await
    }

    /// Creates a contract through [`CREATE2_DEPLOYER`]. Its address follows from code and salt, so that whoever asks
    /// twice finds it there.
    ///
    /// # Errors
    /// [`BaseError::NotTheContract`] on a network without that deployer; otherwise as [`Self::send`].
    pub async fn deploy(&self, init_code: &[u8], salt: &[u8; 32]) -> Result<Deployed, BaseError> {
        let address = bridge_address(salt, &keccak256(init_code));
        if self.base.code_hash(&address).await?.is_some() {
            return Ok(Deployed { address, receipt: None });
        }
        if self.base.code_hash(&CREATE2_DEPLOYER).await?.is_none() {
            return Err(BaseError::NotTheContract { address: CREATE2_DEPLOYER, function: "CREATE2" });
        }
        let answer = self.transact(&CREATE2_DEPLOYER, &[salt, init_code].concat()).await;
        // Whoever was faster made the same contract.
        let exists = self.base.code_hash(&address).await?.is_some();
        match answer {
            Ok(receipt) if exists => Ok(Deployed { address, receipt: Some(receipt) }),
            Ok(_) => Err(BaseError::NotTheContract { address, function: "constructor" }),
            Err(_) if exists => Ok(Deployed { address, receipt: None }),
            // The deployer swallows the constructor's reason.
            Err(BaseError::Reverted(silent)) => {
                Err(BaseError::Reverted(self.base.refusal(&self.address, None, init_code).await.unwrap_or(silent)))
            }
            Err(error) => Err(error),
        }
    }

    async fn transact(&self, to: &Address, data: &[u8]) -> Result<Receipt, BaseError> {
        let _turn = self.turn.lock().await;
        let estimate = self.base.estimate(&self.address, to, data).await?;
        if estimate > MAX_GAS {
            return Err(BaseError::TooMuchGas { gas: estimate, max: MAX_GAS });
        }
        // What other transactions change until this one is in a block may make it dearer.
        let gas = estimate.saturating_add(estimate / 4).min(MAX_GAS);
        let price = Price::now(&self.base, self.terms.max_price).await?;
        self.check_funds(price.cost(gas)).await?;
        let nonce = self.base.nonce(&self.address).await?;
        Flight::new(self, to, data, gas, nonce).land(price).await
    }

    /// Checks that the account can pay so many wei.
    pub(crate) async fn check_funds(&self, needed: u128) -> Result<(), BaseError> {
        let balance = self.base.balance(&self.address).await?;
        let poor = BaseError::Underfunded { sender: self.address, balance, needed };
        if balance < needed { Err(poor) } else { Ok(()) }
    }
}
