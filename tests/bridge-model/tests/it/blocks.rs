//! The blocks of this chain: what validators state, the first transaction that a proposer makes of it, and the steps
//! around the transactions.

use std::{cell::RefCell, collections::BTreeMap};

use diem_bridge::{
    Bridge, BridgeVotes, Checkpoint, Chunk, EventBytes, MAX_EVENTS, Outbound, Statement,
    applying::apply_due,
    booking::{self, Wanted, wanted_hash},
    closing::drop_old,
    credits::pay_due,
    refunds::refund_due,
    replay::missing,
    sealing::seal,
    sets::make_due,
};
use diem_core::{
    Address, Block, BlockContext, CallError, Events, Module as _, Verifier,
    keys::{CompactSignature, SignatureError},
};
use diem_overlay::Overlay;

use crate::{
    base::Base,
    chain::{BridgeKey, Chain},
    ledger::{Checked, Violation, must},
};

/// A step of a block, as the chain's list of hooks has it.
type Hook = fn(&mut BlockContext<'_>) -> Result<(), CallError>;

/// The steps of the bridge after the transactions of a block, in the order of the chain's list.
const AFTER: [(&str, Hook); 5] =
    [("apply", apply_due), ("pay", pay_due), ("refund", refund_due), ("seal", seal), ("drop", drop_old)];

/// Who signed a digest, by the signature and the digest.
type Signers = BTreeMap<([u8; 64], [u8; 32]), Result<Address, SignatureError>>;

/// Remembers signers, as a node does between the check of a block and its execution.
#[derive(Default)]
pub(crate) struct Memory(RefCell<Signers>);

impl Verifier for Memory {
    fn verify(&self, statement: &dyn diem_core::Statement) -> Result<(), SignatureError> {
        statement.verify()
    }

    fn recover(&self, signature: &CompactSignature, digest: &[u8; 32]) -> Result<Address, SignatureError> {
        *self.0.borrow_mut().entry((signature.0, *digest)).or_insert_with(|| signature.recover(digest))
    }
}

impl Chain<'_> {
    /// Runs the steps at the end of the open block.
    pub(crate) fn end(&mut self) -> Checked {
        for (name, hook) in AFTER {
            self.step(name, hook)?;
        }
        Ok(())
    }

    /// Begins a block that is `ms` later, whose first transaction is `votes`.
    pub(crate) fn begin(&mut self, ms: u64, memory: &Memory, votes: Option<BridgeVotes>) -> Checked {
        self.world.block(ms, vec![], vec![]);
        self.step("set", make_due)?;
        let (Some(votes), mut events) = (votes, Events::default()) else { return Ok(()) };
        booking::apply_votes(&mut self.world.state, &mut events, memory, self.world.now, &votes);
        self.report(events);
        Ok(())
    }

    /// Runs a step in rows of its own, which are dropped if it fails.
    fn step(&mut self, name: &'static str, hook: Hook) -> Checked {
        let block = Block { info: self.world.now, ..Block::default() };
        let mut events = Events::default();
        let (outcome, writes) = {
            let mut state = Overlay::new(&self.world.state);
            let mut ctx = BlockContext { state: &mut state, events: &mut events, block: &block };
            let outcome = match self.defect {
                Some(defect) => defect.around(name, hook, &mut ctx),
                None => hook(&mut ctx),
            };
            (outcome, state.into_writes())
        };
        must(outcome.is_ok(), "no step of a block fails", || format!("{name}: {outcome:?}"))?;
        self.world.state.apply(writes);
        self.report(events);
        Ok(())
    }

    /// Checks the module's own invariants.
    pub(crate) fn check(&self) -> Checked {
        let broken = |text| Violation { rule: "the module's own invariants", text };
        Bridge::check_invariants(&self.world.state).map_err(broken)
    }

    /// What the keys of these validators state for Base now, and of Base if they see this block of it; some of them lie
    /// about it.
    pub(crate) fn statements(&self, awake: u8, seen: Option<Checkpoint>, liars: u8) -> Vec<Statement> {
        const EACH: usize = 8;
        let (state, domain) = (&self.world.state, self.domain());
        let separator = domain.separator();
        let digest = |hash: &[u8; 32]| diem_core::eip712::digest(&separator, hash);
        let mut statements = Vec::new();
        for key in self.keys_of(awake) {
            for (kind, nonce) in booking::owed_by(state, &key.address, EACH) {
                let digest = digest(&wanted_hash(state, kind, nonce).unwrap());
                statements.push(Statement::Outbound(Outbound { kind, nonce, digest, signature: key.sign(&digest) }));
            }
        }
        if let Some(checkpoint) = seen {
            let lie = Checkpoint { timestamp: checkpoint.timestamp + 3_600, ..checkpoint };
            for (checkpoint, mask) in [(checkpoint, awake & !liars), (lie, awake & liars)] {
                let digest = digest(&checkpoint.struct_hash());
                let stated = |key: &BridgeKey| Statement::Inbound { checkpoint, signature: key.sign(&digest) };
                statements.extend(self.current_keys_of(mask).map(stated));
            }
        }
        statements
    }

    /// The first transaction of the next block: of these statements those that are wanted, in their order, and the next
    /// chunk of at most `size` events.
    pub(crate) fn propose(
        &self,
        memory: &Memory,
        statements: &[Statement],
        chunk: Option<Chunk>,
    ) -> Result<Option<BridgeVotes>, Violation> {
        let state = &self.world.state;
        let mut wanted = Wanted::by(state).unwrap();
        let mut signed = BTreeMap::new();
        for statement in statements {
            let digest = wanted.check(state, statement);
            let signer = digest.and_then(|digest| wanted.check_signer(state, memory, statement, &digest));
            if let Ok(signer) = signer {
                signed.insert((signer, statement.place()), *statement);
            }
        }
        let votes = BridgeVotes { statements: signed.into_values().collect(), chunk };
        if votes.statements.is_empty() && votes.chunk.is_none() {
            return Ok(None);
        }
        let read = booking::read_votes(state, &votes.encode());
        let judged = read.and_then(|read| booking::check_signers(state, memory, &read));
        must(judged.is_ok(), "a block takes what its proposer was asked for", || format!("{judged:?}"))?;
        Ok(Some(votes))
    }

    /// The next chunk of events, with at most `size` of them; `None` if none is missing.
    pub(crate) fn next_chunk(&self, base: &Base, size: u64) -> Option<Chunk> {
        let missing = missing(&self.world.state).filter(|_| size > 0)?;
        let first = missing.first.max((missing.last + 1).saturating_sub(size.min(MAX_EVENTS as u64)));
        Some(chunk(base, first, missing.last))
    }
}

/// The events of Base from one nonce to another.
pub(crate) fn chunk(base: &Base, first: u64, last: u64) -> Chunk {
    let (before, after) = (usize::try_from(first - 1).unwrap(), usize::try_from(last).unwrap());
    let events: Vec<EventBytes> = base.events[before..after].to_vec();
    Chunk { first, before: base.hashes[before], events }
}
