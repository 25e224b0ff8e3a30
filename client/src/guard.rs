//! What a client signs for without being told: bounds for every number that comes from a node without a proof.
//!
//! A node, or whoever stands between it and this client (a proxy, a tunnel, a forwarded port), can answer anything. The
//! bounds come from what the client knows by itself: its own table of gas, the chain as it first saw it, and what it
//! has signed before. What cannot be bounded is listed in [`Unproven`], so that a caller can look at it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use diem_core::{Address, Amount};
use diem_types::{GasParams, Signed};
use serde::{Deserialize, Serialize};

use crate::{
    Client, LightClient, LightError,
    api::{Hash, Params, Status},
    build::BuildError,
    verify::{Trust, VerifyError},
};

/// The most that is paid as a fee unless the caller names a `max_fee`: 0.1 VVV.
pub const MAX_FEE: Amount = Amount::new(100_000_000_000_000_000);
/// The factor by which a fee may exceed what it was when the chain was first seen, unless the caller names a `max_fee`.
pub const MAX_RISE: u128 = 10;

/// What a client pays without being told: both bounds hold. A caller who wants to pay more for one transaction names
/// [`crate::build::Intent::max_fee`]; one who always does gives the client another guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The most VVV of a fee, in avvv [default: [`MAX_FEE`]].
    pub max_fee: Amount,
    /// The fee may be so many times what it is by this program's own table of gas and the lowest price at which the
    /// chain was first seen [default: [`MAX_RISE`]].
    pub max_rise: u128,
}

impl Default for Guard {
    fn default() -> Self {
        Self { max_fee: MAX_FEE, max_rise: MAX_RISE }
    }
}

impl Guard {
    /// The most avvv that a transaction of the size of `signed` may pay without being told, on a chain that is known so.
    pub fn limit(&self, known: Option<&KnownChain>, signed: &Signed) -> Amount {
        let usual = known.map(|known| {
            let usual = known.min_gas_price.checked_mul(GasParams::default().gas(signed).into());
            // A product that is larger than any amount bounds nothing; the other limit does.
            usual.and_then(|usual| usual.checked_mul(self.max_rise)).unwrap_or(Amount::MAX)
        });
        usual.map_or(self.max_fee, |usual| usual.min(self.max_fee))
    }
}

/// A chain as it was first seen. A caller that keeps it and gives it to the next client ([`Client::knowing`]) is not
/// led to another chain of the same name, or to another price, by any node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownChain {
    /// The name of the chain.
    pub chain_id: String,
    /// The hash of its genesis, which every signature names.
    pub genesis_hash: Hash,
    /// The lowest price of a unit of gas, in avvv.
    pub min_gas_price: Amount,
}

impl KnownChain {
    /// The chain as a node shows it.
    pub fn new(status: &Status, params: &Params) -> Self {
        Self {
            chain_id: status.chain_id.clone(),
            genesis_hash: status.genesis_hash,
            min_gas_price: params.gas.min_price,
        }
    }
}

/// A signed transaction of which nobody has shown that it cannot count any more. Whoever holds it can still put it into
/// a block: until `expiry`, or until another transaction with the same nonce is in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsettled {
    /// The hash of the transaction.
    pub hash: Hash,
    /// The nonce of the transaction.
    pub nonce: u64,
    /// The last height at which it is valid.
    pub expiry: u64,
}

impl Unsettled {
    /// The record of `signed`, which may still count.
    pub const fn of(signed: &Signed) -> Self {
        Self { hash: Hash(signed.hash), nonce: signed.tx.nonce, expiry: signed.tx.expiry }
    }
}

/// The parts of a draft that are a node's word alone. They are signed, and no bound of the client reaches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unproven {
    /// The nonce, where the caller chose none.
    pub nonce: Option<u64>,
    /// The height from which the expiry is counted, where the caller chose none.
    pub height: Option<u64>,
    /// The price of a unit of gas, where the caller chose none; the fee that comes of it is bounded.
    pub gas_price: Option<Amount>,
}

/// The memory that all clones of a client share.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    chain: OnceLock<KnownChain>,
    unsettled: Mutex<BTreeMap<Address, BTreeMap<u64, Unsettled>>>,
}

impl Memory {
    pub(crate) fn of(chain: KnownChain) -> Self {
        Self { chain: OnceLock::from(chain), unsettled: Mutex::default() }
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeMap<Address, BTreeMap<u64, Unsettled>>> {
        // Each change of the map is one step: a panic in between leaves it whole.
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// The chain as this client knows it: what [`Self::knowing`] was given, else what the node shows now, remembered.
    ///
    /// # Errors
    /// [`BuildError::OtherChain`] if the node shows another chain than the known one; [`BuildError::NoBlock`].
    pub async fn chain(&self) -> Result<KnownChain, BuildError> {
        let (status, params) = (self.status().await?, self.params().await?);
        status.latest.ok_or(BuildError::NoBlock)?;
        self.know(KnownChain::new(&status, &params)).cloned()
    }

    /// Compares what the node shows with what is known; the first that is seen is what is known from then on.
    pub(crate) fn know(&self, seen: KnownChain) -> Result<&KnownChain, BuildError> {
        let (chain_id, genesis_hash) = (seen.chain_id.clone(), seen.genesis_hash);
        let known = self.memory.chain.get_or_init(|| seen);
        if (&known.chain_id, known.genesis_hash) == (&chain_id, genesis_hash) {
            return Ok(known);
        }
        let known = Box::new(known.clone());
        Err(BuildError::OtherChain { url: self.url().into(), known, chain_id, genesis_hash })
    }

    /// The nonce of the sender's next transaction: the node's word, but never beside a signature that may still count.
    ///
    /// # Errors
    /// [`BuildError::Unsettled`] if the node names another nonce than those of the sender's signatures that may still
    /// count: two transactions of which both could be in blocks are signed only by a caller who names the nonce.
    pub async fn next_nonce(&self, sender: &Address) -> Result<u64, BuildError> {
        let next = self.account(sender, None, false).await?.nonce_to_send();
        let open = self.unsettled(sender);
        match open.first() {
            Some(first) if !open.iter().any(|open| open.nonce == next) => {
                Err(BuildError::Unsettled { url: self.url().into(), open: *first, next })
            }
            _ => Ok(next),
        }
    }

    /// Forgets those of the sender's signatures of which the chain proves that they cannot count any more, and gives
    /// them: another transaction with their nonce is in a block, or it was they; or the height has passed until which
    /// they were valid. The proof is signed by the validators that follow from the genesis whose hash every signature
    /// names, so it holds whoever the node is; without a known chain ([`Self::knowing`]) nothing is proven.
    ///
    /// # Errors
    /// [`LightError`]: the node proves nothing, or what it proves does not hold. On a chain that is not for development
    /// that is so once its genesis is older than two thirds of the unbonding time, because the validators of that time
    /// have nothing to lose any more.
    pub async fn settle(&self, sender: &Address) -> Result<Vec<Unsettled>, LightError> {
        let Some(known) = self.memory.chain.get().filter(|_| !self.unsettled(sender).is_empty()) else {
            return Ok(Vec::new());
        };
        let genesis = self.genesis().await?;
        let (got, Hash(trusted)) = (genesis.hash(), known.genesis_hash);
        if got != trusted {
            let (got, trusted) = (Hash(got).to_string(), known.genesis_hash.to_string());
            return Err(VerifyError::OtherGenesis { got, trusted }.into());
        }
        let mut light = LightClient::new(self.clone(), Trust::from_genesis(&genesis)?);
        let mut settled = self.settled_at(&mut light, sender, None).await?;
        if let Some(head) = self.status().await?.latest.filter(|_| !self.unsettled(sender).is_empty()) {
            // The header that proves the newest state may still have to come.
            settled.extend(self.settled_at(&mut light, sender, Some(head.height)).await?);
        }
        Ok(settled)
    }

    async fn settled_at(
        &self,
        light: &mut LightClient,
        sender: &Address,
        height: Option<u64>,
    ) -> Result<Vec<Unsettled>, LightError> {
        let (_, proven) = light.account(sender, height).await?;
        let cannot_count = |open: &Unsettled| open.nonce < proven.account.nonce || open.expiry <= proven.height;
        let settled: Vec<Unsettled> = self.unsettled(sender).into_iter().filter(cannot_count).collect();
        if let Some(open) = self.memory.unsettled().get_mut(sender) {
            open.retain(|_, open| !cannot_count(open));
        }
        Ok(settled)
    }

    /// The sender's signatures that may still count, by nonce.
    pub fn unsettled(&self, sender: &Address) -> Vec<Unsettled> {
        self.memory.unsettled().get(sender).map(|open| open.values().copied().collect()).unwrap_or_default()
    }

    /// Remembers a signature that may still count, such as one of an earlier run. [`Self::submit`] does so by itself
    /// with what was refused, lost, or in no block when the time to wait was over.
    pub fn remember(&self, sender: Address, open: Unsettled) {
        self.memory.unsettled().entry(sender).or_default().insert(open.nonce, open);
    }

    /// Forgets the sender's signatures with that nonce and those before it: because a transaction with it is in a
    /// block, or because the caller accepts that two may count.
    pub fn forget(&self, sender: &Address, nonce: u64) {
        let mut all = self.memory.unsettled();
        if let Some(open) = all.get_mut(sender) {
            open.retain(|number, _| *number > nonce);
            if open.is_empty() {
                all.remove(sender);
            }
        }
    }
}
