//! Blocks on a state that the caller keeps: the same steps, fees, calls and bookkeeping as in [`crate::App`], without
//! store, index and signatures. It serves simulations, which live many long histories and throw them away.

use std::sync::Arc;

use diem_core::{Block, Fatal, Forgetful, StateRead, Time, chain::Identity};
use diem_overlay::{MemoryRows, WriteSet};
use diem_types::{GenesisDoc, Signed, TxResult};

use crate::{
    ValidatorUpdate,
    app::Below,
    block::{self, DecodedBlock},
    genesis::{build, document},
    hooks::Hooks,
    modules,
};

/// A chain without its state.
pub struct Simulation {
    chain: Arc<Identity>,
    hooks: Hooks,
}

/// A block that was executed: what is to be written, and what an application would have answered.
pub struct Simulated {
    /// The results of the transactions, one for each, in order.
    pub results: Vec<TxResult>,
    /// The writes that must reach the state before the next block.
    pub writes: WriteSet,
    /// The changes of the validators, sorted by key.
    pub validator_updates: Vec<ValidatorUpdate>,
    /// The events of the hooks, as borsh.
    pub events: Vec<u8>,
}

impl Simulation {
    /// A chain with these steps in its blocks, and the rows with which its state starts.
    ///
    /// # Errors
    /// The genesis cannot start a chain.
    pub fn start(doc: &GenesisDoc, hooks: Hooks) -> Result<(Self, MemoryRows), Fatal> {
        let genesis = build(doc)?;
        let mut rows = MemoryRows::default();
        rows.apply(genesis.state.writes());
        Ok((Self { chain: genesis.chain, hooks }, rows))
    }

    /// Executes a block on `state`. Signatures are not looked at: the caller answers for who signed.
    ///
    /// # Errors
    /// A step that must not fail has failed; an application would stop.
    pub fn block(&self, state: &MemoryRows, block: &Block, txs: Vec<Signed>) -> Result<Simulated, Fatal> {
        let txs = txs.into_iter().map(|tx| Ok(Arc::new(tx))).collect();
        let decoded = DecodedBlock { votes: None, txs };
        let below = Below { state, rows: state.len() as u64 };
        let executed = block::execute(below, &self.chain, &Forgetful, block, &decoded, &self.hooks)?;
        let block::Executed { results, writes, validator_updates, events, .. } = executed;
        Ok(Simulated { results, writes, validator_updates, events })
    }

    /// The hash of this chain's genesis, which transactions and vouchers name.
    pub fn genesis_hash(&self) -> [u8; 32] {
        self.chain.genesis_hash
    }
}

/// Checks what must be true of every committed state, over all modules. It walks all of it.
///
/// # Errors
/// Names the invariant that does not hold.
pub fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
    modules::check_invariants(state)
}

/// The genesis that would start a chain from `state` at `time`, after a block of `height`.
///
/// # Errors
/// There is no chain in it.
pub fn export(state: &dyn StateRead, height: u64, time: Time) -> Result<GenesisDoc, Fatal> {
    document(state, height, time)
}
