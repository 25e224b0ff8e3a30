//! Base as the module sees it: blocks with a number of events, the hash over them, and a supply.

use diem_bridge::{
    BaseEvent, Batch, BridgeVotes, Checkpoint, Chunk, EventBytes, Journal, MAX_EVENTS, Statement, attesting, inbound,
    replay, sealing, state,
};
use diem_core::{Address, Amount};

use crate::{chain::Chain, staking_chain::bridge};

/// The distance of checkpoints of the tests' chain.
pub(crate) const EVERY: u64 = 300;

/// The contract on Base, as far as blocks prove it.
#[derive(Clone)]
pub(crate) struct FarSide {
    /// The number of the last checkpoint.
    pub(crate) number: u64,
    /// The time of the next checkpoint, in seconds.
    pub(crate) now: u64,
    /// The supply of the token.
    pub(crate) supply: Amount,
    /// Every event.
    journal: Journal,
}

impl FarSide {
    /// The contract that this chain was told of, on which nothing has happened.
    pub(crate) fn of(chain: &Chain<'_>) -> Self {
        let separator = state::domain(&chain.world.state).unwrap().separator();
        let deploy_block = state::contract(&chain.world.state).unwrap().deployed.unwrap().deploy_block;
        let now = chain.world.now.time.millis() / 1_000;
        Self { number: deploy_block / EVERY * EVERY, now, supply: Amount::ZERO, journal: Journal::after(0, separator) }
    }

    /// Reports an event as it is.
    pub(crate) fn report_bytes(&mut self, kind: u8, payload: Vec<u8>) {
        self.journal.push(EventBytes { kind, payload });
    }

    /// Reports an event; what it does to the supply is up to whoever calls.
    pub(crate) fn report(&mut self, event: BaseEvent) {
        self.report_bytes(event.kind(), event.payload());
    }

    /// Executes a batch of which every item finds room.
    pub(crate) fn execute(&mut self, batch: &Batch) {
        self.execute_with_queue(batch, &[]);
    }

    /// Executes a batch of which the items with these indices are queued, under ids from `first` on; the fee's is 65,535.
    pub(crate) fn execute_with_queue(&mut self, batch: &Batch, queued: &[(u64, u16)]) {
        let amount =
            |index: u16| if index == u16::MAX { batch.fee } else { batch.transfers[usize::from(index)].amount };
        let sum = queued.iter().fold(Amount::ZERO, |sum, (_, index)| sum.saturating_add(amount(*index)));
        let fee_waits = queued.iter().any(|(_, index)| *index == u16::MAX);
        let fee = if fee_waits { Amount::ZERO } else { batch.fee };
        let minted = batch.total().saturating_sub(sum).saturating_sub(fee);
        self.supply = self.supply.saturating_add(minted).saturating_add(fee);
        let (batch_nonce, struct_hash) = (batch.nonce, batch.struct_hash());
        self.report(BaseEvent::BatchExecuted {
            batch_nonce,
            struct_hash,
            relayer: Address([0xee; 20]),
            minted,
            fee,
            queued: sum,
        });
        for (queue_id, index) in queued {
            let (queue_id, index, ready_at) = (*queue_id, *index, self.now + 86_400);
            self.report(BaseEvent::Queued { queue_id, batch_nonce, index, amount: amount(index), ready_at });
        }
    }

    /// Burns for an account of this chain.
    pub(crate) fn burn(&mut self, recipient: Address, amount: Amount) {
        self.supply = self.supply.checked_sub(amount).unwrap();
        self.report(BaseEvent::Burn { sender: Address([0xb5; 20]), recipient, amount });
    }

    /// Reports a burn that leaves the supply as it is: an account of Base that contradicts another one.
    pub(crate) fn burn_without_supply(&mut self, recipient: Address, amount: Amount) {
        self.report(BaseEvent::Burn { sender: Address([0xb5; 20]), recipient, amount });
    }

    /// Mints an item of the queue.
    pub(crate) fn release(&mut self, queue_id: u64, amount: Amount) {
        self.supply = self.supply.saturating_add(amount);
        self.report(BaseEvent::Released { queue_id, amount });
    }

    /// The next checkpoint, which is of now.
    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        self.number += EVERY;
        Checkpoint {
            number: self.number,
            block_hash: [self.number.to_be_bytes()[7]; 32],
            timestamp: self.now,
            event_nonce: self.journal.last(),
            rolling_hash: self.journal.hash(),
            supply: self.supply,
        }
    }

    /// The events from `first` to `last`.
    pub(crate) fn chunk(&self, first: u64, last: u64) -> Chunk {
        self.journal.chunk(first, last).unwrap()
    }
}

/// What validator `number` states of a block.
pub(crate) fn stated(chain: &Chain<'_>, number: u8, checkpoint: Checkpoint) -> Statement {
    let digest = state::domain(&chain.world.state).unwrap().digest(&checkpoint.struct_hash());
    let key = diem_core::keys::EthereumKey::new(&[number; 32]).unwrap();
    assert_eq!(key.address(), bridge(number).address());
    Statement::Inbound { checkpoint, signature: key.sign(&digest) }
}

impl Chain<'_> {
    /// Books the statements of these validators about a block; returns how many were taken.
    pub(crate) fn attest_by(&mut self, validators: &[u8], checkpoint: Checkpoint) -> usize {
        let statements = validators.iter().map(|number| stated(self, *number, checkpoint)).collect();
        self.apply(statements)
    }

    /// Has a block attested by three of four validators.
    pub(crate) fn attest(&mut self, checkpoint: Checkpoint) {
        assert_eq!(self.attest_by(&[1, 2, 3], checkpoint), 3);
        assert_eq!(inbound::attested(&self.world.state).last, Some(checkpoint));
    }

    /// Takes in the chunk that is missing next, with at most so many events; `false` if none is missing.
    pub(crate) fn replay(&mut self, far: &FarSide, events: u64) -> bool {
        let Some(missing) = replay::missing(&self.world.state) else { return false };
        let first = missing.first.max((missing.last + 1).saturating_sub(events));
        let chunk = far.chunk(first, missing.last);
        replay::check(&self.world.state, &chunk).unwrap();
        self.votes(&BridgeVotes { statements: Vec::new(), chunk: Some(chunk) });
        true
    }

    /// Follows Base up to now: attests the next checkpoint, replays its events and applies them. The clocks of both go
    /// together.
    pub(crate) fn follow(&mut self, far: &mut FarSide) -> Checkpoint {
        far.now = far.now.max(self.world.now.time.millis() / 1_000);
        let checkpoint = far.checkpoint();
        self.attest(checkpoint);
        while self.replay(far, MAX_EVENTS as u64) {}
        while inbound::replay(&self.world.state).is_some() {
            self.block(1);
        }
        checkpoint
    }

    /// The number of the last completed block.
    pub(crate) fn completed(&self) -> Option<u64> {
        inbound::attested(&self.world.state).completed.map(|completed| completed.number)
    }

    /// Sends one transfer and seals it, and returns its batch.
    pub(crate) fn sealed(&mut self, sender: u8, amount: Amount, fee: Amount) -> Batch {
        self.send(sender, amount, fee).unwrap();
        self.block(2_000);
        self.block(1);
        sealing::batch(&self.world.state, self.issued().batches).unwrap()
    }

    /// The numbers above the last attested one that validator `number` has stated.
    pub(crate) fn numbers(&self, number: u8) -> Vec<u64> {
        attesting::stated_by(&self.world.state, &crate::staking_chain::who(number))
    }
}
