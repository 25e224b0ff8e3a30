//! What a client signs for without being told: bounds for every number that comes from a node without a proof.
//!
//! A node, or whoever stands between it and this client (a proxy, a tunnel, a forwarded port), can answer anything. The
//! bounds come from what the client knows by itself: a table of gas that is its own or that of the genesis whose hash
//! it signs, the chain as it first saw it, and what it has signed before ([`crate::memory`]). What cannot be bounded is
//! listed in [`Unproven`], so that a caller can look at it.

use diem_api::{Hash, Params, Status};
use diem_core::{Address, Amount};
use diem_types::{GasParams, Signed};
use serde::{Deserialize, Serialize};

use crate::{Client, build::BuildError, memory::Sender};

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
    /// The fee may be so many times what it is by the table of gas that the client knows and the lowest price at which
    /// the chain was first seen [default: [`MAX_RISE`]]. It is the price that may rise: gas above that table is paid by
    /// nobody who was not told.
    pub max_rise: u128,
}

impl Default for Guard {
    fn default() -> Self {
        Self { max_fee: MAX_FEE, max_rise: MAX_RISE }
    }
}

impl Guard {
    /// The most avvv that a transaction of the size of `signed` may pay without being told, on a chain that is known
    /// so.
    pub fn limit(&self, known: Option<&KnownChain>, signed: &Signed) -> Amount {
        let usual = known.map(|known| {
            let usual = known.min_gas_price.checked_mul(known.gas.gas(signed).into());
            // What is larger than any amount bounds nothing; the other limit does.
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
    /// What a transaction costs in gas: this program's own table, or that of the chain's genesis where it is dearer.
    #[serde(default)]
    pub gas: GasTable,
}

impl KnownChain {
    /// An account of this chain, whose nonces count here.
    pub fn sender(&self, address: Address) -> Sender {
        Sender { chain_id: self.chain_id.clone(), genesis_hash: self.genesis_hash, address }
    }
}

/// What a transaction costs in gas beside its calls, whose gas is a part of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GasTable {
    /// The gas of every transaction.
    pub per_tx: u64,
    /// The gas of every byte of a transaction.
    pub per_byte: u64,
    /// The gas of every signature.
    pub per_signature: u64,
}

impl Default for GasTable {
    /// The table of chains whose genesis names no other.
    fn default() -> Self {
        Self::of(&GasParams::default())
    }
}

impl GasTable {
    /// The table of these parameters.
    pub const fn of(params: &GasParams) -> Self {
        Self { per_tx: params.per_tx, per_byte: params.per_byte, per_signature: params.per_signature }
    }

    /// The gas of `signed`.
    pub fn gas(&self, signed: &Signed) -> u64 {
        let Self { per_tx, per_byte, per_signature } = *self;
        GasParams { per_tx, per_byte, per_signature, ..GasParams::default() }.gas(signed)
    }

    /// Whether no transaction costs more by this table than by `other`.
    const fn is_within(&self, other: &Self) -> bool {
        self.per_tx <= other.per_tx && self.per_byte <= other.per_byte && self.per_signature <= other.per_signature
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

impl Client {
    /// The chain as this client knows it: what [`Self::knowing`] was given, else what the node shows now, remembered.
    ///
    /// # Errors
    /// [`BuildError::OtherChain`] if the node shows another chain than the known one, [`BuildError::OtherGenesis`] if
    /// it shows another genesis than it names; [`BuildError::NoBlock`].
    pub async fn chain(&self) -> Result<KnownChain, BuildError> {
        let (status, params) = (self.status().await?, self.params().await?);
        status.latest.as_ref().ok_or(BuildError::NoBlock)?;
        self.know(&status, &params).await
    }

    /// Compares what the node shows with what is known; the first that is seen is what is known from then on.
    pub(crate) async fn know(&self, status: &Status, params: &Params) -> Result<KnownChain, BuildError> {
        let seen = KnownChain {
            chain_id: status.chain_id.clone(),
            genesis_hash: status.genesis_hash,
            min_gas_price: params.gas.min_price,
            gas: GasTable::default(),
        };
        let known = self.memory.known_or(seen);
        if (&known.chain_id, known.genesis_hash) != (&status.chain_id, status.genesis_hash) {
            let (url, chain_id, genesis_hash) = (self.url().into(), status.chain_id.clone(), status.genesis_hash);
            return Err(BuildError::OtherChain { url, known: Box::new(known), chain_id, genesis_hash });
        }
        if GasTable::of(&params.gas).is_within(&known.gas) {
            return Ok(known);
        }
        // A dearer table is believed only where the genesis says it, whose hash is a part of every signature.
        let genesis = self.genesis().await?;
        let shown = Hash(genesis.hash());
        if shown != known.genesis_hash {
            return Err(BuildError::OtherGenesis { url: self.url().into(), shown, named: known.genesis_hash });
        }
        Ok(self.memory.know_gas(GasTable::of(&genesis.app.gas), known))
    }
}
