//! Finalizing a block, which writes nothing, and committing it, which writes everything at once.

use bytes::Bytes;
use diem_core::{
    Block, BlockInfo, Fatal, Time,
    chain::{IDENTITY, Identity},
    tx::{TxHash, tx_hash},
};
use diem_index::Draft;
use diem_store::IndexOp;
use diem_types::{APP_VERSION, ChainParams};
use rayon::prelude::*;

use crate::{App, Finalized, app::Info, block, hooks::Failure, pending::Pending};

/// The outcome of a commit.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The height of the block.
    pub height: u64,
    /// The state root after the block.
    pub root: [u8; 32],
    /// The time of the block's header.
    pub time: Time,
    /// The first height that CometBFT should keep; 0 keeps all. Headers that evidence may refer to it keeps by itself.
    pub retain_height: u64,
    /// The hashes of the block's transactions, in order.
    pub tx_hashes: Vec<TxHash>,
    /// The number of rows of the state.
    pub rows: u64,
    /// The most rows that the state may have: `chain.max_rows`.
    pub max_rows: u64,
}

impl App {
    /// Executes a decided block, reusing what `process` computed for the same hash. It writes nothing and is
    /// idempotent: it may be repeated, and the last one is what `commit` writes.
    ///
    /// # Errors
    /// The height is not the next one, or a Must hook failed: this node must stop.
    pub fn finalize(&self, block: &Block, hash: [u8; 32], txs: &[Bytes]) -> Result<Finalized, Fatal> {
        let mut consensus = self.consensus.lock();
        let chain = self.known_chain()?;
        self.check_height(block.info.height, &chain)?;
        let executed = match consensus.processed.take() {
            Some((processed, executed)) if processed == hash => executed,
            _ => {
                let base = self.base();
                let decoded = block::decode_block(base.state(), txs, &self.signatures);
                block::execute(base.below(), &chain, &self.signatures, block, &decoded, &self.hooks)?
            }
        };
        executed.failed.iter().for_each(Failure::log);
        let mut writes = self.genesis_writes();
        writes.merge(executed.writes);
        let hashes: Vec<TxHash> = txs.par_iter().with_min_len(256).map(|tx| tx_hash(tx)).collect();
        let (staged, index) = rayon::join(
            || self.store.stage(writes),
            || {
                Draft::new(diem_index::Executed {
                    block,
                    hash,
                    txs,
                    hashes: &hashes,
                    results: &executed.results,
                    events: &executed.events,
                    gas_used: executed.gas_used,
                })
            },
        );
        let staged = staged.map_err(|error| Fatal(format!("block {}: {error}", block.info.height)))?;
        let root = staged.root();
        let index = index.finish(root);
        consensus.pending = Some(Pending { info: block.info, staged, index, hashes });
        Ok(Finalized {
            results: executed.results,
            root,
            validator_updates: executed.validator_updates,
            events: executed.events,
            failed_hooks: executed.failed.iter().map(Failure::hook).collect(),
        })
    }

    /// Writes the finalized block: state, undo row, index, `extra` rows of the node and the meta row in one synced
    /// batch. Then new queries see it and the mempool's pending overlay is dropped.
    ///
    /// # Errors
    /// Nothing was finalized, or the disk refused: this node must stop.
    pub fn commit(&self, extra: Vec<IndexOp>) -> Result<Committed, Fatal> {
        let mut consensus = self.consensus.lock();
        let pending = consensus.pending.take().ok_or_else(|| Fatal("commit without a finalized block".into()))?;
        let BlockInfo { height, time } = pending.info;
        let root = pending.staged.root();
        let mut index = pending.index;
        index.extend(extra);
        if let Some(floor) = self.next_floor(pending.info) {
            self.store.raise_floor(floor);
        }
        let mut mempool = self.mempool.lock();
        self.store
            .commit(pending.staged, height, time.millis(), APP_VERSION, index)
            .map_err(|error| Fatal(format!("block {height} cannot be written: {error}")))?;
        *self.genesis.write() = None;
        let latest = self.store.latest();
        mempool.committed(&latest, height);
        self.votes.committed(&latest, &self.signatures);
        consensus.forget();
        let (rows, ChainParams { max_rows }) = self.state_size();
        let retain_height = self.store.floor().height;
        Ok(Committed { height, root, time, retain_height, tx_hashes: pending.hashes, rows, max_rows })
    }

    /// Writes rows of the node between two blocks, synced like a block; their keys begin with
    /// [`diem_index::NODE_PREFIX`].
    ///
    /// # Errors
    /// Nothing is committed yet, or the disk refused: this node must stop.
    pub fn write_index(&self, rows: &[IndexOp]) -> Result<(), Fatal> {
        self.store.write_index(rows).map_err(|error| Fatal(format!("rows of the node cannot be written: {error}")))
    }

    /// Undoes the last height: state and index rows, and `extra` rows of the node. A snapshot of it goes too, because the
    /// height may come again with another state.
    ///
    /// # Errors
    /// There is no height to undo, or its undo row is gone.
    pub fn rollback_with(&self, extra: Vec<IndexOp>) -> Result<Info, Fatal> {
        let mut consensus = self.consensus.lock();
        let mut mempool = self.mempool.lock();
        let height = self.info().height;
        let mut ops = diem_index::removal(&self.store, height);
        ops.extend(extra);
        self.store.rollback(ops).map_err(|error| Fatal(format!("height {height} cannot be undone: {error}")))?;
        consensus.forget();
        mempool.clear();
        self.votes.clear();
        *self.chain.write() = IDENTITY.get(&self.store.latest()).map(std::sync::Arc::new);
        self.forget_snapshots_above(self.info().height);
        Ok(self.info())
    }

    /// Undoes the last height as [`App::rollback_with`] does, without rows of the node.
    ///
    /// # Errors
    /// The errors of [`App::rollback_with`].
    pub fn rollback(&self) -> Result<Info, Fatal> {
        self.rollback_with(Vec::new())
    }

    /// Accepts the initial height when nothing is committed, else the next one, and no other.
    pub(crate) fn check_height(&self, height: u64, chain: &Identity) -> Result<(), Fatal> {
        let expected = match self.store.meta() {
            Some(meta) => meta.height.saturating_add(1),
            None => chain.initial_height,
        };
        if height == expected {
            return Ok(());
        }
        Err(Fatal(format!("consensus gives block {height}, but this store needs block {expected} next")))
    }
}
