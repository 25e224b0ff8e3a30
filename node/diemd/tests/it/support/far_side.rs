//! Base as validators attest it: the events of a contract that nobody runs, and blocks that hold them.

use diem_bridge::{
    BaseEvent, Checkpoint, Chunk, EventBytes, Statement, UNTIL_UNPAUSE, attesting, fold, inbound, replay, sealing,
    state,
};
use diem_core::{Address, Amount, keys::EthereumKey};
use diem_runtime::App;

/// The index of the fee among the items of a batch.
pub const FEE: u16 = u16::MAX;

/// The contract on Base, as far as blocks prove it.
pub struct FarSide {
    /// The time of the next checkpoint, in seconds.
    pub now: u64,
    /// The supply of the token.
    pub supply: Amount,
    number: u64,
    events: Vec<EventBytes>,
    /// The rolling hash before each event, and the one after the last.
    hashes: Vec<[u8; 32]>,
}

impl FarSide {
    /// The contract that the chain of this application was told of, on which nothing has happened.
    pub fn of(app: &App) -> Self {
        let snapshot = app.store().latest();
        let separator = state::domain(&snapshot).unwrap().separator();
        let number = attesting::bounds(&snapshot).unwrap().above;
        let now = snapshot.time_ms() / 1_000;
        Self { now, supply: Amount::ZERO, number, events: Vec::new(), hashes: vec![separator] }
    }

    /// Reports an event; what it does to the supply is up to whoever calls. Returns its nonce.
    pub fn report(&mut self, event: BaseEvent) -> u64 {
        let (kind, payload, nonce) = (event.kind(), event.payload(), self.events.len() as u64 + 1);
        self.hashes.push(fold(self.hashes.last().unwrap(), nonce, kind, &payload));
        self.events.push(EventBytes { kind, payload });
        nonce
    }

    /// Executes an open batch. The items with these indices are queued, under ids from `first` on.
    pub fn execute(&mut self, app: &App, nonce: u64, queued: &[(u64, u16)]) {
        let batch = sealing::batch(&app.store().latest(), nonce).unwrap();
        let amount = |index: u16| if index == FEE { batch.fee } else { batch.transfers[usize::from(index)].amount };
        let sum = queued.iter().fold(Amount::ZERO, |sum, (_, index)| sum.saturating_add(amount(*index)));
        let fee = if queued.iter().any(|(_, index)| *index == FEE) { Amount::ZERO } else { batch.fee };
        let minted = batch.total().saturating_sub(sum).saturating_sub(fee);
        self.supply = self.supply.saturating_add(minted).saturating_add(fee);
        let (batch_nonce, struct_hash, relayer) = (nonce, batch.struct_hash(), Address([0xee; 20]));
        self.report(BaseEvent::BatchExecuted { batch_nonce, struct_hash, relayer, minted, fee, queued: sum });
        for (queue_id, index) in queued {
            let (queue_id, index, ready_at) = (*queue_id, *index, self.now + 86_400);
            self.report(BaseEvent::Queued { queue_id, batch_nonce, index, amount: amount(index), ready_at });
        }
    }

    /// Executes a batch that this chain never issued, which mints so much.
    pub fn forge(&mut self, minted: Amount) {
        self.supply = self.supply.saturating_add(minted);
        let (fee, queued, relayer) = (Amount::ZERO, Amount::ZERO, Address([0xee; 20]));
        let (batch_nonce, struct_hash) = (1_000_000, [6; 32]);
        self.report(BaseEvent::BatchExecuted { batch_nonce, struct_hash, relayer, minted, fee, queued });
    }

    /// Burns for an account of this chain; returns the nonce of the event.
    pub fn burn(&mut self, recipient: Address, amount: Amount) -> u64 {
        self.supply = self.supply.checked_sub(amount).unwrap();
        self.report(BaseEvent::Burn { sender: Address([0xb5; 20]), recipient, amount })
    }

    /// Mints an item of the queue.
    pub fn release(&mut self, queue_id: u64, amount: Amount) {
        self.supply = self.supply.saturating_add(amount);
        self.report(BaseEvent::Released { queue_id, amount });
    }

    /// Pauses minting until the validators end it.
    pub fn pause(&mut self, pause_nonce: u64) {
        self.report(BaseEvent::StatusChanged { paused_until: UNTIL_UNPAUSE, pause_nonce });
    }

    /// The next block that validators state, which is of now.
    pub fn checkpoint(&mut self, app: &App) -> Checkpoint {
        let every = attesting::bounds(&app.store().latest()).unwrap().every;
        self.number = self.number / every * every + every;
        Checkpoint {
            number: self.number,
            block_hash: [self.number.to_be_bytes()[7]; 32],
            timestamp: self.now,
            event_nonce: self.events.len() as u64,
            rolling_hash: *self.hashes.last().unwrap(),
            supply: self.supply,
        }
    }

    /// The chunk that is missing next, with at most so many events; `None` if nothing is missing.
    pub fn missing(&self, app: &App, events: u64) -> Option<Chunk> {
        let missing = replay::missing(&app.store().latest())?;
        let first = missing.first.max((missing.last + 1).saturating_sub(events));
        let (from, to) = (usize::try_from(first).unwrap() - 1, usize::try_from(missing.last).unwrap());
        Some(Chunk { first, before: self.hashes[from], events: self.events[from..to].to_vec() })
    }
}

/// What a key states of a block of Base.
pub fn stated(app: &App, key: &[u8; 32], checkpoint: Checkpoint) -> Statement {
    let digest = state::domain(&app.store().latest()).unwrap().digest(&checkpoint.struct_hash());
    Statement::Inbound { checkpoint, signature: EthereumKey::new(key).unwrap().sign(&digest) }
}

/// Has each of these keys state a block; the next block of this chain holds the statements.
pub fn state_block(app: &App, keys: &[[u8; 32]], checkpoint: Checkpoint) {
    for key in keys {
        app.offer_statement(&stated(app, key, checkpoint)).unwrap();
    }
}

/// Whether every event of what is attested is applied.
pub fn is_level(app: &App) -> bool {
    inbound::replay(&app.store().latest()).is_none()
}
