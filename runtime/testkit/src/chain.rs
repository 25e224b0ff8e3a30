//! A test driver of an application: it makes block after block, as an engine would.

use std::sync::Arc;

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{Address, Amount, Block, BlockInfo, Denom, Time, sha256};
use diem_runtime::{App, Finalized, Options};
use diem_types::TxResult;
use diem_types::{Call, GenesisDoc};

use crate::people::{Person, TxBuilder, genesis, people};

/// The time between two blocks of a test, in milliseconds.
const BLOCK_MS: u64 = 1_000;

/// An application with its genesis and the people that have balances in it.
pub struct TestChain {
    /// The application under test.
    pub app: Arc<App>,
    /// The genesis of the chain.
    pub doc: GenesisDoc,
    /// The people that have balances.
    pub people: Vec<Person>,
}

/// A committed block of a test.
#[derive(Debug, Clone)]
pub struct BlockOutcome {
    /// The block as it was finalized.
    pub block: Block,
    /// The hash of the block.
    pub hash: [u8; 32],
    /// The transactions of the block.
    pub txs: Vec<Bytes>,
    /// The answer of `finalize`.
    pub finalized: Finalized,
}

impl BlockOutcome {
    /// The results of the block's transactions, in order.
    pub fn results(&self) -> &[TxResult] {
        &self.finalized.results
    }
}

/// Describes the next block on top of `app`.
pub fn next_block(app: &App, doc: &GenesisDoc) -> Block {
    let committed = app.store().meta();
    let info = match committed {
        Some(meta) => BlockInfo { height: meta.height + 1, time: Time(meta.time_ms + BLOCK_MS) },
        None => BlockInfo { height: doc.initial_height, time: doc.genesis_time },
    };
    Block { info, proposer: [1; 20], ..Block::default() }
}

/// Computes a hash that is different for every block.
pub fn block_hash(block: &Block, txs: &[Bytes]) -> [u8; 32] {
    let head = borsh::to_vec(&block.info).unwrap();
    let parts: Vec<&[u8]> = std::iter::once(&head[..]).chain(txs.iter().map(|tx| &tx[..])).collect();
    sha256(&parts)
}

/// Signs a transaction for each call on top of `app`, with the next nonce of its sender.
pub fn sign(app: &App, doc: &GenesisDoc, calls: &[(&Person, Call)]) -> Vec<Bytes> {
    let state = app.store().latest();
    let tx = |(place, (sender, call)): (usize, &(&Person, Call))| {
        let before = calls.iter().take(place).filter(|(other, _)| other.address == sender.address).count() as u64;
        let nonce = bank::nonce(&state, &sender.address) + before;
        TxBuilder::new(doc, sender, nonce, vec![call.clone()]).bytes()
    };
    calls.iter().enumerate().map(tx).collect()
}

impl TestChain {
    /// Makes a chain in memory with ten people and one empty block.
    pub fn new() -> Self {
        let chain = Self::fresh();
        chain.force(Vec::new());
        chain
    }

    /// Makes a chain in memory with ten people and no block yet.
    pub fn fresh() -> Self {
        Self::with(Options::default(), 10)
    }

    /// Makes a chain in memory with `count` people and no block yet.
    pub fn with(options: Options, count: u32) -> Self {
        Self::on(App::in_memory(options), count)
    }

    /// Starts a chain with `count` people on an empty application.
    pub fn on(app: App, count: u32) -> Self {
        let people = people(count);
        let doc = genesis(&people);
        Self::start(app, people, doc)
    }

    /// Starts the chain of `doc` on an empty application.
    pub fn start(app: App, people: Vec<Person>, doc: GenesisDoc) -> Self {
        app.init_chain(&doc).expect("a valid genesis");
        Self { app: Arc::new(app), doc, people }
    }

    /// Builds a transaction with the sender's next nonce.
    pub fn tx(&self, sender: &Person, calls: Vec<Call>) -> TxBuilder {
        let nonce = bank::nonce(&self.app.store().latest(), &sender.address);
        TxBuilder::new(&self.doc, sender, nonce, calls)
    }

    /// Builds a transfer of VVV between two of the people.
    pub fn transfer(&self, from: usize, nonce: u64, to: usize, amount: u128) -> TxBuilder {
        TxBuilder::transfer(&self.doc, &self.people[from], nonce, self.people[to].address, Amount::new(amount))
    }

    /// Checks a transaction as CheckTx of the pool does.
    pub fn check(&self, tx: &Bytes) -> TxResult {
        self.app.check_tx(tx)
    }

    /// Describes the next block.
    pub fn next_block(&self) -> Block {
        next_block(&self.app, &self.doc)
    }

    /// Finalizes and commits the next block with exactly these transactions, valid or not.
    pub fn force(&self, txs: Vec<Bytes>) -> BlockOutcome {
        self.run(self.next_block(), txs)
    }

    /// Finalizes and commits a block of the caller's making: with another time, votes or evidence.
    pub fn run(&self, block: Block, txs: Vec<Bytes>) -> BlockOutcome {
        let hash = block_hash(&block, &txs);
        let finalized = self.app.finalize(&block, hash, &txs).expect("the next block");
        self.app.commit(Vec::new()).expect("a finalized block");
        BlockOutcome { block, hash, txs, finalized }
    }

    /// Makes a block as a proposer does from what the pool offers: prepare, process, finalize, commit.
    pub fn propose(&self, offered: Vec<Bytes>) -> BlockOutcome {
        self.propose_in(self.next_block(), offered)
    }

    /// Makes a block as [`Self::propose`] does, with a header of the caller's making.
    pub fn propose_in(&self, block: Block, offered: Vec<Bytes>) -> BlockOutcome {
        let txs = self.app.prepare(&block, offered, &[], self.doc.consensus.block_max_bytes);
        let hash = block_hash(&block, &txs);
        self.app.process(&block, hash, &txs).expect("what prepare makes, process accepts");
        let finalized = self.app.finalize(&block, hash, &txs).expect("an accepted block");
        self.app.commit(Vec::new()).expect("a finalized block");
        BlockOutcome { block, hash, txs, finalized }
    }

    /// Reads a committed balance.
    pub fn balance(&self, address: &Address, denom: Denom) -> Amount {
        bank::balance(&self.app.store().latest(), address, denom)
    }

    /// Reads the committed root of the state.
    pub fn root(&self) -> [u8; 32] {
        self.app.info().root
    }
}

impl Default for TestChain {
    fn default() -> Self {
        Self::new()
    }
}
