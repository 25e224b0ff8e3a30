//! Statements of validators about the bridge: what this node's votes carry, what it knows beside the chain, and the
//! transaction that stands first in a block.
//!
//! A statement proves itself, so it does not matter who brings it. Nothing here decides whether a proposal is valid but
//! the state before its block.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_bridge::{
    self as bridge, BridgeVotes, Chunk, Error, MAX_STATEMENTS, MAX_VOTES_BYTES, OutboundKind, Place, Statement,
    booking::{Wanted, check_signers, check_wanted, read_votes},
    replay,
};
use diem_core::{Address, StateRead, encode, keys::CompactSignature, tx::BRIDGE_VOTES};
use parking_lot::Mutex;

use crate::{App, proposal::proposal_bytes, signatures::Signatures};

/// The most statements in a vote extension that a node makes.
pub const MAX_OWN_STATEMENTS: usize = 4;
/// The longest vote extension that a node makes, in bytes; longer ones, up to [`crate::MAX_VOTE_EXTENSION_BYTES`], are
/// read.
pub const MAX_OWN_EXTENSION_BYTES: usize = 768;
/// The most statements that wait for a block. A validator of the largest set so has room for dozens.
const MAX_WAITING: usize = 8_192;
/// The most statements of one signer that wait for a block. It bounds what one key can say about blocks of Base, whose
/// numbers it chooses.
const MAX_WAITING_OF_SIGNER: usize = 1_024;
/// The most chunks of Base's events that wait for a block. Each block takes one.
const MAX_CHUNKS: usize = 16;

/// What a node knows of statements beside the chain. It is neither written nor read by execution.
#[derive(Default)]
pub(crate) struct Votes {
    /// The vote extension, prepared ahead so that a vote waits for nothing.
    extension: Mutex<Vec<u8>>,
    /// Statements that the committed state wants, by what they are about and by signer: one for each, as on the chain.
    waiting: Mutex<BTreeMap<Order, Statement>>,
    /// Chunks of Base's events that this node has, by the nonce of their last event.
    chunks: Mutex<BTreeMap<u64, Chunk>>,
}

/// The order in which statements get their place in a block: batches come last and the oldest of them first, because
/// without the newest set no batch finds its way.
type Order = (bool, Place, Address);

impl Votes {
    fn order(signer: Address, statement: &Statement) -> Order {
        let place = statement.place();
        (place.kind == OutboundKind::Batch as u8, place, signer)
    }

    pub(crate) fn clear(&self) {
        self.extension.lock().clear();
        self.waiting.lock().clear();
        self.chunks.lock().clear();
    }

    /// Forgets what the new state holds, or wants no longer.
    pub(crate) fn committed(&self, state: &dyn StateRead, signatures: &Signatures) {
        let missing = replay::missing(state);
        self.chunks
            .lock()
            .retain(|last, _| missing.is_some_and(|missing| (missing.first..=missing.last).contains(last)));
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        match Wanted::by(state) {
            Ok(mut wanted) => waiting.retain(|_, statement| {
                let digest = wanted.check(state, statement);
                digest.and_then(|digest| wanted.check_signer(state, signatures, statement, &digest)).is_ok()
            }),
            Err(_) => waiting.clear(),
        }
    }
}

impl App {
    /// The vote extension of this validator, as [`App::set_extension`] prepared it. It waits for nothing.
    pub fn extend_vote(&self) -> Vec<u8> {
        self.votes.extension.lock().clone()
    }

    /// Prepares the vote extension: of these statements the first ones that fit. Whatever stands there is repeated with
    /// every vote until this is called again.
    pub fn set_extension(&self, statements: &[Statement]) {
        let mut count = statements.len().min(MAX_OWN_STATEMENTS);
        let mut bytes = Vec::new();
        while let Some(fitting) = statements.get(..count).filter(|fitting| !fitting.is_empty()) {
            bytes = encode(&fitting.to_vec());
            if bytes.len() <= MAX_OWN_EXTENSION_BYTES {
                break;
            }
            bytes.clear();
            count = count.saturating_sub(1);
        }
        *self.votes.extension.lock() = bytes;
    }

    /// Checks only the length, so that a validator with a newer kind of statement is not silenced.
    pub const fn verify_vote(&self, extension: &[u8]) -> bool {
        extension.len() <= crate::MAX_VOTE_EXTENSION_BYTES
    }

    /// Takes in a statement for the next block that this node proposes; it stays until a block has it or the chain does
    /// not want it any more.
    ///
    /// # Errors
    /// The committed state does not want it, another one of the same signer about the same waits already, or too many
    /// wait, of this signer or of all.
    pub fn offer_statement(&self, statement: &Statement) -> Result<(), Error> {
        let base = self.base();
        let signer = check_wanted(base.state(), &self.signatures, statement)?;
        let mut waiting = self.votes.waiting.lock();
        let order = Votes::order(signer, statement);
        if waiting.contains_key(&order) {
            return Err(Error::Stated);
        }
        let of_signer = waiting.keys().filter(|(_, _, other)| *other == signer).count();
        if waiting.len() >= MAX_WAITING || of_signer >= MAX_WAITING_OF_SIGNER {
            return Err(Error::TooManyWait);
        }
        waiting.insert(order, *statement);
        Ok(())
    }

    /// Takes in a chunk of Base's events for the blocks that this node proposes. It may be one behind the next: a block
    /// proves it, when the frontier has come down to it.
    ///
    /// # Errors
    /// The chunk lies outside of what the committed state misses, or as many as may wait lie before it.
    pub fn offer_chunk(&self, chunk: Chunk) -> Result<(), Error> {
        chunk.validate()?;
        let missing = replay::missing(self.base().state()).ok_or(Error::NotReplaying)?;
        if chunk.last() > missing.last || chunk.first < missing.first {
            return Err(Error::ChunkPlace { first: missing.first, last: missing.last });
        }
        let mut chunks = self.votes.chunks.lock();
        chunks.insert(chunk.last(), chunk);
        // The frontier comes down, so that the lowest is needed last.
        if chunks.len() > MAX_CHUNKS && chunks.pop_first().is_some() { Err(Error::TooManyWait) } else { Ok(()) }
    }

    /// Whether statements or events of Base wait for a block.
    pub fn has_waiting_statements(&self) -> bool {
        let has_chunk = replay::missing(self.base().state())
            .is_some_and(|missing| self.votes.chunks.lock().contains_key(&missing.last));
        has_chunk || !self.votes.waiting.lock().is_empty()
    }

    /// The statements that wait for a block.
    pub fn waiting_statements(&self) -> Vec<Statement> {
        self.votes.waiting.lock().values().copied().collect()
    }

    /// Makes the first transaction of a proposal out of what votes carry and what waits, if there is anything that
    /// `state`, which is that before the block, wants. Precommits that came late reach a proposer unverified, so
    /// extensions can be anything.
    pub(crate) fn propose_votes(
        &self,
        state: &dyn StateRead,
        extensions: &[Bytes],
        max_tx_bytes: u64,
    ) -> Option<(BridgeVotes, Bytes)> {
        let mut wanted = Wanted::by(state).ok()?;
        let carried = extensions.iter().filter_map(|extension| bridge::decode_extension(extension).ok()).flatten();
        let offered: Vec<(Statement, [u8; 32])> = carried
            .chain(self.waiting_statements())
            .filter_map(|statement| Some((statement, wanted.check(state, &statement).ok()?)))
            .collect();
        self.signatures.learn_signers(&signed(offered.iter().map(|(statement, digest)| (statement, digest))));
        let mut chosen: BTreeMap<Order, Statement> = BTreeMap::new();
        for (statement, digest) in offered {
            if let Ok(signer) = wanted.check_signer(state, &self.signatures, &statement, &digest) {
                chosen.entry(Votes::order(signer, &statement)).or_insert(statement);
            }
        }
        let mut chosen: Vec<(Order, Statement)> = chosen.into_iter().take(MAX_STATEMENTS).collect();
        let mut chunk = self.next_chunk(state);
        loop {
            let mut sorted = chosen.clone();
            sorted.sort_by_key(|((_, place, signer), _)| (*signer, *place));
            let statements = sorted.into_iter().map(|(_, one)| one).collect();
            let votes = BridgeVotes { statements, chunk: chunk.clone() };
            if votes.statements.is_empty() && votes.chunk.is_none() {
                return None;
            }
            let bytes = votes.encode();
            if bytes.len() <= MAX_VOTES_BYTES && proposal_bytes(bytes.len()) <= max_tx_bytes {
                return Some((votes, bytes.into()));
            }
            // Blocks have at least 1 MiB, so this is for a block that evidence fills.
            if chunk.take().is_none() {
                chosen.truncate(chosen.len() / 2);
            }
        }
    }

    /// The chunk that the state misses next, if this node has it.
    fn next_chunk(&self, state: &dyn StateRead) -> Option<Chunk> {
        let missing = replay::missing(state)?;
        let chunk = self.votes.chunks.lock().get(&missing.last).cloned()?;
        replay::check(state, &chunk).ok().map(|()| chunk)
    }
}

/// The digests of statements with the signatures over them, of which the signers are recovered.
fn signed<'a>(statements: impl Iterator<Item = (&'a Statement, &'a [u8; 32])>) -> Vec<([u8; 32], CompactSignature)> {
    statements.map(|(statement, digest)| (*digest, *statement.signature())).collect()
}

/// Whether these bytes are the transaction with the statements of validators, wherever they stand.
pub(crate) fn is_votes(bytes: &[u8]) -> bool {
    bytes.first() == Some(&BRIDGE_VOTES)
}

/// Judges the transaction with the statements of validators by the state before its block: one function for whoever
/// proposes, judges or executes it. Signers are recovered in parallel, after everything that is cheap.
///
/// # Errors
/// The first fault that is found.
pub(crate) fn check(state: &dyn StateRead, signatures: &Signatures, bytes: &[u8]) -> Result<BridgeVotes, Error> {
    let read = read_votes(state, bytes)?;
    signatures.learn_signers(&signed(read.votes.statements.iter().zip(&read.digests)));
    check_signers(state, signatures, &read)?;
    Ok(read.votes)
}
