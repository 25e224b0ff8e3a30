//! Making a proposal and judging one.

use std::collections::{BTreeMap, BinaryHeap, btree_map::Entry};

use bytes::Bytes;
use diem_bridge as bridge;
use diem_core::{Address, Amount, Block, CallError, Fatal};
use diem_types::Signed;

use crate::{
    App,
    block::{self, DecodedBlock, Execution},
    signatures::{Decoded, Signatures},
    votes,
};

/// Why a proposal is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// A transaction does not decode, is badly signed, or is not valid where it stands.
    #[error("transaction {place}: {error}")]
    Transaction {
        /// The place of the transaction in the block, from 0.
        place: usize,
        /// What is wrong with it.
        error: CallError,
    },
    /// The block itself cannot be executed: if it were decided, this node would have to stop.
    #[error(transparent)]
    Block(#[from] Fatal),
}

/// Each sender's transactions of a proposal by nonce, each with its place in what the engine offered.
type Queues = BTreeMap<Address, BTreeMap<u64, usize>>;

impl App {
    /// Chooses and orders the transactions of a block out of what the engine offers: the highest gas price first among
    /// each sender's next nonce, as long as they are valid where they stand and fit bytes and gas. Before them stand the
    /// statements of validators that `extensions` carry, those of the votes for the block before, and those that wait
    /// here. It never fails.
    pub fn prepare(&self, block: &Block, txs: Vec<Bytes>, extensions: &[Bytes], max_tx_bytes: u64) -> Vec<Bytes> {
        let decoded = self.signatures.decode_all(&txs);
        let Ok(chain) = self.known_chain() else { return Vec::new() };
        let base = self.base();
        let mut execution = match Execution::begin(base.below(), &chain, &self.signatures, block, &self.hooks) {
            Ok(execution) => execution,
            Err(fatal) => {
                // The same failure stops the node in FinalizeBlock, with its own words.
                tracing::error!(%fatal, "proposing an empty block");
                return Vec::new();
            }
        };
        let mut left = max_tx_bytes;
        let first = self.propose_votes(base.state(), extensions, max_tx_bytes).map(|(votes, bytes)| {
            execution.votes(&votes);
            left = left.saturating_sub(proposal_bytes(bytes.len()));
            bytes
        });
        let chosen = choose(execution, &decoded, &self.signatures, left);
        first.into_iter().chain(chosen.into_iter().filter_map(|index| txs.get(index).cloned())).collect()
    }

    /// Judges a proposal: every transaction must decode, have good signatures and be valid where it stands, and all
    /// must fit the block. A call that fails is no reason to reject.
    ///
    /// # Errors
    /// Why the block is rejected.
    pub fn process(&self, block: &Block, hash: [u8; 32], txs: &[Bytes]) -> Result<(), Rejected> {
        let mut consensus = self.consensus.lock();
        let chain = self.known_chain()?;
        self.check_height(block.info.height, &chain)?;
        let base = self.base();
        let DecodedBlock { votes, txs: decoded } = block::decode_block(base.state(), txs, &self.signatures);
        check_places(txs)?;
        let votes = votes.transpose().map_err(|error| Rejected::Transaction { place: 0, error: error.into() })?;
        let mut execution = Execution::begin(base.below(), &chain, &self.signatures, block, &self.hooks)?;
        let mut results = Vec::with_capacity(txs.len());
        results.extend(votes.map(|votes| execution.votes(&votes)));
        for tx in &decoded {
            let place = results.len();
            let result = tx.as_ref().map_err(Clone::clone).and_then(|tx| execution.transaction(tx));
            results.push(result.map_err(|error| Rejected::Transaction { place, error: error.into() })?);
        }
        let executed = execution.end(results, block, &self.hooks)?;
        consensus.processed = Some((hash, executed));
        Ok(())
    }
}

/// Refuses statements of validators anywhere but first.
fn check_places(txs: &[Bytes]) -> Result<(), Rejected> {
    let mut places = txs.iter().enumerate().filter(|(_, bytes)| votes::is_votes(bytes)).map(|(place, _)| place);
    let (place, error) = match (places.next(), places.next()) {
        (Some(0), Some(second)) => (second, bridge::Error::VotesTwice),
        (None, _) | (Some(0), None) => return Ok(()),
        (Some(place), _) => (place, bridge::Error::VotesPlace),
    };
    Err(Rejected::Transaction { place, error: error.into() })
}

/// A sender's next transaction as it competes for its place: by price, then by arrival.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    gas_price: Amount,
    arrival: std::cmp::Reverse<usize>,
    sender: Address,
}

/// Returns the places of the chosen transactions. An invalid one takes no room, and nothing inside it is verified.
fn choose(mut execution: Execution<'_>, txs: &[Decoded], signatures: &Signatures, max_tx_bytes: u64) -> Vec<usize> {
    let mut queues = queues(txs);
    let mut heads: BinaryHeap<Candidate> =
        queues.iter().filter_map(|(sender, queue)| candidate(*sender, queue, txs)).collect();
    let mut left = max_tx_bytes;
    let mut chosen = Vec::new();
    while let Some(Candidate { arrival: std::cmp::Reverse(index), sender, .. }) = heads.pop() {
        let Some(Ok(tx)) = txs.get(index) else { continue };
        // What does not fit or is not valid here ends the sender's queue: whatever follows has a later nonce.
        let Some(rest) = left.checked_sub(proposal_bytes(tx.size)) else { continue };
        let Ok(cost) = execution.admit(tx) else { continue };
        // Most of them were verified while they waited.
        signatures.learn_statements([&**tx]);
        execution.calls(tx, cost);
        left = rest;
        chosen.push(index);
        if let Some(queue) = queues.get_mut(&sender) {
            queue.pop_first();
            heads.extend(candidate(sender, queue, txs));
        }
    }
    chosen
}

/// The first transaction of each sender and nonce wins; a second one with the same nonce could not be valid.
fn queues(txs: &[Decoded]) -> Queues {
    let mut queues = Queues::new();
    for (index, tx) in txs.iter().enumerate() {
        if let Ok(Signed { tx, .. }) = tx.as_deref()
            && let Entry::Vacant(place) = queues.entry(tx.sender).or_default().entry(tx.nonce)
        {
            place.insert(index);
        }
    }
    queues
}

fn candidate(sender: Address, queue: &BTreeMap<u64, usize>, txs: &[Decoded]) -> Option<Candidate> {
    let (_, index) = queue.first_key_value()?;
    let tx = txs.get(*index)?.as_ref().ok()?;
    Some(Candidate { gas_price: tx.tx.gas_price, arrival: std::cmp::Reverse(*index), sender })
}

/// The bytes that CometBFT counts for a transaction in a proposal: its own, their length as a varint, and a tag. A
/// larger sum than allowed silently costs the proposer its turn.
pub(crate) fn proposal_bytes(size: usize) -> u64 {
    let size = size as u64;
    let bits = u64::from(64u32.saturating_sub(size.leading_zeros())).max(1);
    size.saturating_add(1).saturating_add(bits.div_ceil(7))
}
