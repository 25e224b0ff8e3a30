//! Statements of validators about the bridge: what this node's votes carry, what it knows beside the chain, and the
//! transaction that stands first in a block.
//!
//! A statement proves itself, so it does not matter who brings it. Nothing here decides whether a proposal is valid but
//! the state before its block.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_bridge::{
    self as bridge, BridgeVotes, Error, MAX_STATEMENTS, MAX_VOTES_BYTES, Outbound, OutboundKind, Place, Statement,
    booking::{Wanted, check_signer, check_signers, check_wanted, read_votes},
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

/// What a node knows of statements beside the chain. It is neither written nor read by execution.
#[derive(Default)]
pub(crate) struct Votes {
    /// The vote extension, prepared ahead so that a vote waits for nothing.
    extension: Mutex<Vec<u8>>,
    /// Statements that the committed state wants, by what they are about and by signer: one for each, as on the chain.
    waiting: Mutex<BTreeMap<Order, Statement>>,
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
    }

    /// Forgets what the new state holds, or wants no longer.
    pub(crate) fn committed(&self, state: &dyn StateRead, signatures: &Signatures) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        match Wanted::by(state) {
            Ok(mut wanted) => waiting.retain(|_, statement| {
                let outbound = wanted.check(state, statement);
                outbound.and_then(|outbound| check_signer(state, signatures, outbound)).is_ok()
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
    /// wait.
    pub fn offer_statement(&self, statement: &Statement) -> Result<(), Error> {
        let base = self.base();
        let signer = check_wanted(base.state(), &self.signatures, statement)?;
        let mut waiting = self.votes.waiting.lock();
        let order = Votes::order(signer, statement);
        if waiting.contains_key(&order) {
            return Err(Error::Stated);
        }
        if waiting.len() >= MAX_WAITING {
            return Err(Error::TooManyWait);
        }
        waiting.insert(order, *statement);
        Ok(())
    }

    /// Whether statements wait for a block.
    pub fn has_waiting_statements(&self) -> bool {
        !self.votes.waiting.lock().is_empty()
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
        let offered: Vec<Statement> = carried
            .chain(self.waiting_statements())
            .filter(|statement| wanted.check(state, statement).is_ok())
            .collect();
        self.signatures.learn_signers(&signed(&offered));
        let mut chosen: BTreeMap<Order, Statement> = BTreeMap::new();
        for statement in offered {
            let Statement::Outbound(outbound) = &statement else { continue };
            if let Ok(signer) = check_signer(state, &self.signatures, outbound) {
                chosen.entry(Votes::order(signer, &statement)).or_insert(statement);
            }
        }
        let mut chosen: Vec<(Order, Statement)> = chosen.into_iter().take(MAX_STATEMENTS).collect();
        loop {
            let mut sorted = chosen.clone();
            sorted.sort_by_key(|((_, place, signer), _)| (*signer, *place));
            let votes = BridgeVotes { statements: sorted.into_iter().map(|(_, one)| one).collect(), chunk: None };
            let bytes = votes.encode();
            let fits = bytes.len() <= MAX_VOTES_BYTES && proposal_bytes(bytes.len()) <= max_tx_bytes;
            if votes.statements.is_empty() {
                return None;
            }
            if fits {
                return Some((votes, bytes.into()));
            }
            // Blocks have at least 1 MiB, so this is for a block that evidence fills.
            chosen.truncate(chosen.len() / 2);
        }
    }
}

/// The digests of these statements with the signatures over them, of which the signers are recovered.
fn signed(statements: &[Statement]) -> Vec<([u8; 32], CompactSignature)> {
    let of = |statement: &Statement| match statement {
        Statement::Outbound(Outbound { digest, signature, .. }) => Some((*digest, *signature)),
        // Nothing of Base is wanted yet, so none of these comes here.
        Statement::Inbound { .. } => None,
    };
    statements.iter().filter_map(of).collect()
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
    let votes = read_votes(state, bytes)?;
    signatures.learn_signers(&signed(&votes.statements));
    check_signers(state, signatures, &votes)?;
    Ok(votes)
}
