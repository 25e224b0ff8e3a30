//! Blocks on a state that the caller keeps: the same steps, fees, calls and bookkeeping as in [`crate::App`], without
//! store, index and signatures. For simulations, which live many long histories and throw them away.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use diem_core::{Block, Fatal, Forgetful, Key, StateRead, Time, Value};
use diem_overlay::WriteSet;
use diem_types::{GenesisDoc, Signed};

use crate::{
    TxResult, ValidatorUpdate,
    app::Below,
    block,
    chain::ChainInfo,
    genesis::{build, document},
    hooks::Hooks,
    modules,
};

/// The rows of a state, in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<Key, Value>);

impl Rows {
    /// Carries out what was written on top of these rows.
    pub fn apply(&mut self, writes: &WriteSet) {
        for (key, value) in writes.iter() {
            match value {
                Some(value) => self.0.insert(Key::from_slice(key), Value::from_slice(value)),
                None => self.0.remove(key),
            };
        }
    }

    /// All of them in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

impl FromIterator<(Key, Value)> for Rows {
    fn from_iter<T: IntoIterator<Item = (Key, Value)>>(rows: T) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl StateRead for Rows {
    fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.get(key).map(|value| Value::from_slice(value))
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        let rows = self.0.range::<[u8], _>((Bound::Included(start), Bound::Unbounded));
        let inside = rows.take_while(|(key, _)| end.is_none_or(|end| key.as_slice() < end));
        inside.take(limit).map(|(key, value)| (Key::from_slice(key), Value::from_slice(value))).collect()
    }
}

/// A chain without its state.
pub struct Simulation {
    chain: Arc<ChainInfo>,
    hooks: Hooks,
}

/// A block that was executed: what is to be written, and what an application would have answered.
pub struct Simulated {
    /// One for each transaction, in order.
    pub results: Vec<TxResult>,
    /// What to write to the state before the next block.
    pub writes: WriteSet,
    /// Sorted by key.
    pub validator_updates: Vec<ValidatorUpdate>,
    /// Events of the hooks.
    pub events: Vec<u8>,
}

impl Simulation {
    /// A chain with these steps in its blocks, and the rows with which its state starts.
    ///
    /// # Errors
    /// The genesis cannot start a chain.
    pub fn start(doc: &GenesisDoc, hooks: Hooks) -> Result<(Self, Rows), Fatal> {
        let genesis = build(doc)?;
        let mut rows = Rows::default();
        rows.apply(genesis.state.writes());
        Ok((Self { chain: genesis.chain, hooks }, rows))
    }

    /// Executes a block on `state`. Signatures are not looked at: who calls this says who signed.
    ///
    /// # Errors
    /// A step that must not fail has failed; an application would stop.
    pub fn block(&self, state: &Rows, block: &Block, txs: Vec<Signed>) -> Result<Simulated, Fatal> {
        let txs: Vec<block::Decoded> = txs.into_iter().map(Ok).collect();
        let below = Below { state, rows: state.0.len() as u64 };
        let executed = block::execute(below, &self.chain, &Forgetful, block, &txs, &self.hooks)?;
        let block::Executed { results, writes, validator_updates, events, .. } = executed;
        Ok(Simulated { results, writes, validator_updates, events })
    }

    /// The hash of this chain's genesis, which transactions and vouchers name.
    pub fn genesis_hash(&self) -> [u8; 32] {
        self.chain.genesis_hash
    }
}

/// Checks what must be true of every committed state, over all modules. Walks all of it.
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
