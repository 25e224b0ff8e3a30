//! Base as a chain with a bridge sees it: blocks with a number of events, the hash over them, and a supply.

use diem_bridge::{
    BaseEvent, Batch, BridgeVotes, Checkpoint, EventBytes, Journal, Statement, inbound, replay,
    state::{contract, domain},
};
use diem_core::{Address, Amount, keys::EthereumKey};
use diem_runtime::App;

use crate::{
    bridge::{Bridged, bridge_key},
    chain::BlockOutcome,
};

/// The contract on Base, as far as blocks prove it.
pub struct FarSide {
    /// The distance of checkpoints.
    every: u64,
    /// The number of the last checkpoint.
    number: u64,
    /// The time of the next checkpoint, in seconds.
    pub now: u64,
    /// The supply of the token.
    pub supply: Amount,
    /// Every event.
    pub journal: Journal,
}

impl FarSide {
    /// The contract that this chain was told of, on which nothing has happened.
    pub fn of(app: &App) -> Self {
        let state = app.store().latest();
        let every = diem_bridge::state::params(&state).checkpoint_blocks;
        let deploy_block = contract(&state).unwrap().deployed.unwrap().deploy_block;
        let separator = domain(&state).unwrap().separator();
        let now = app.store().meta().unwrap().time_ms / 1_000;
        let number = deploy_block / every * every;
        Self { every, number, now, supply: Amount::ZERO, journal: Journal::after(0, separator) }
    }

    /// Reports an event; what it does to the supply is up to whoever calls.
    pub fn report(&mut self, event: BaseEvent) {
        self.journal.push(EventBytes { kind: event.kind(), payload: event.payload() });
    }

    /// Executes a batch of which every item finds room.
    pub fn execute(&mut self, batch: &Batch) {
        self.execute_with_queue(batch, &[]);
    }

    /// Executes a batch of which the items with these indices are queued, under the ids beside them; the fee's index is
    /// 65,535.
    pub fn execute_with_queue(&mut self, batch: &Batch, queued: &[(u64, u16)]) {
        let amount =
            |index: u16| if index == u16::MAX { batch.fee } else { batch.transfers[usize::from(index)].amount };
        let sum = queued.iter().fold(Amount::ZERO, |sum, (_, index)| sum.saturating_add(amount(*index)));
        let fee = if queued.iter().any(|(_, index)| *index == u16::MAX) { Amount::ZERO } else { batch.fee };
        let minted = batch.total().checked_sub(sum).unwrap().checked_sub(fee).unwrap();
        let (batch_nonce, struct_hash, relayer) = (batch.nonce, batch.struct_hash(), Address([0xee; 20]));
        self.supply = self.supply.checked_add(minted).unwrap().checked_add(fee).unwrap();
        self.report(BaseEvent::BatchExecuted { batch_nonce, struct_hash, relayer, minted, fee, queued: sum });
        for (queue_id, index) in queued {
            let (queue_id, index, ready_at) = (*queue_id, *index, self.now + 86_400);
            self.report(BaseEvent::Queued { queue_id, batch_nonce, index, amount: amount(index), ready_at });
        }
    }

    /// Burns for an account of the chain.
    pub fn burn(&mut self, recipient: Address, amount: Amount) {
        self.supply = self.supply.checked_sub(amount).unwrap();
        self.report(BaseEvent::Burn { sender: Address([0xb5; 20]), recipient, amount });
    }

    /// The next checkpoint, which is of now.
    pub fn checkpoint(&mut self) -> Checkpoint {
        self.number += self.every;
        Checkpoint {
            number: self.number,
            block_hash: diem_core::keccak256(&self.number.to_be_bytes()),
            timestamp: self.now,
            event_nonce: self.journal.last(),
            rolling_hash: self.journal.hash(),
            supply: self.supply,
        }
    }

    /// What the key states of a block.
    pub fn stated(app: &App, key: &EthereumKey, checkpoint: Checkpoint) -> Statement {
        let digest = domain(&app.store().latest()).unwrap().digest(&checkpoint.struct_hash());
        Statement::Inbound { checkpoint, signature: key.sign(&digest) }
    }

    /// The transaction of all validators that state a block, as a proposer orders it.
    pub fn votes(app: &App, validators: u8, checkpoint: Checkpoint) -> BridgeVotes {
        let mut signed: Vec<_> =
            (0..validators).map(bridge_key).map(|key| (key.address(), Self::stated(app, &key, checkpoint))).collect();
        signed.sort_by_key(|(signer, _)| *signer);
        BridgeVotes { statements: signed.into_iter().map(|(_, statement)| statement).collect(), chunk: None }
    }

    /// Offers the chunk that the chain misses next; `false` if it misses none.
    pub fn offer_chunk(&self, app: &App) -> bool {
        let Some(missing) = replay::missing(&app.store().latest()) else { return false };
        app.offer_chunk(self.journal.chunk_up_to(missing.first, missing.last).unwrap()).unwrap();
        true
    }

    /// Lets just enough validators state the next checkpoint, in one block, which is returned.
    pub fn attest(&mut self, chain: &Bridged) -> BlockOutcome {
        let checkpoint = self.checkpoint();
        for validator in 0..chain.validators() * 2 / 3 + 1 {
            chain.offer(&Self::stated(&chain.chain.app, &bridge_key(validator), checkpoint));
        }
        let outcome = chain.block(1, Vec::new());
        assert_eq!(inbound::attested(&chain.chain.app.store().latest()).last, Some(checkpoint));
        outcome
    }

    /// Follows Base up to now: attests the next checkpoint and replays its events, in as few blocks as it takes. The blocks
    /// are returned.
    pub fn follow(&mut self, chain: &Bridged) -> Vec<BlockOutcome> {
        let mut blocks = vec![self.attest(chain)];
        while inbound::replay(&chain.chain.app.store().latest()).is_some() {
            self.offer_chunk(&chain.chain.app);
            blocks.push(chain.block(1, Vec::new()));
        }
        blocks
    }
}
