//! A chain whose bridge is at work, and statements of its validators.

use bytes::Bytes;
use diem_bridge::{
    BridgeVotes, Msg, Outbound, OutboundKind, Statement,
    booking::{owed_by, wanted_hash},
    state::{contract, domain, issued},
};
use diem_core::{Address, Time, encode, keys::EthereumKey};
use diem_runtime::{App, Options};
use diem_types::{Call, GenesisDoc};

use crate::{
    chain::{BlockOutcome, TestChain},
    economy::{consensus, milli, whole},
    people::{Person, bridge_secret, genesis, people, with_validators},
};

/// The number of validators that a test has, all of one power.
pub const VALIDATORS: u8 = 4;

/// A chain whose bridge the first person directs.
pub struct Bridged {
    /// The chain with its application.
    pub chain: TestChain,
    /// The number of validators.
    validators: u8,
}

/// The genesis of such a chain.
fn document(people: &[Person], validators: u8) -> GenesisDoc {
    let mut doc = genesis(people);
    let params = &mut doc.app.bridge.params;
    (params.seal_wait_ms, params.batch_life_ms) = (1_000, 600_000);
    (params.set_every_ms, params.set_gap_ms) = (600_000, 5_000);
    params.authority = people[0].address;
    let validators: Vec<_> = (0..validators).map(|number| (consensus(number), 10_000)).collect();
    with_validators(doc, &validators)
}

/// The bridge key of a validator, counted from 0.
pub fn bridge_key(validator: u8) -> EthereumKey {
    EthereumKey::new(&bridge_secret(u32::from(validator) + 1)).unwrap()
}

/// The statement of a key about what the chain issued under this kind and nonce.
pub fn signed(app: &App, key: &EthereumKey, kind: OutboundKind, nonce: u64) -> Statement {
    let state = app.store().latest();
    let digest = domain(&state).unwrap().digest(&wanted_hash(&state, kind, nonce).unwrap());
    Statement::Outbound(Outbound { kind, nonce, digest, signature: key.sign(&digest) })
}

/// The call that fixes the terms of the contract.
pub fn prepare() -> Call {
    let (max_set_age, mint_capacity, guardian) = (30 * 86_400, whole(10_000), Address([7; 20]));
    Call::Bridge(Msg::Prepare { chain_id: 8453, max_set_age, mint_capacity, share_bps: 1_000, guardian })
}

/// The call that makes the contract known.
pub const fn activate() -> Call {
    Call::Bridge(Msg::Activate { init_code_hash: [9; 32], deploy_block: 1 })
}

/// The call that sends 0.1 DIEM to Base.
pub fn bridge_out() -> Call {
    Call::Bridge(Msg::BridgeOut { amount: milli(100), fee: milli(1), recipient: Address([0xb5; 20]) })
}

impl Bridged {
    /// Starts a chain on which nothing of the bridge has happened, and no block was made.
    pub fn fresh() -> Self {
        Self::of(VALIDATORS, Options::default())
    }

    /// Starts a chain with so many validators, on which no block was made.
    pub fn of(validators: u8, options: Options) -> Self {
        let people = people(4);
        let doc = document(&people, validators);
        Self { chain: TestChain::start(App::in_memory(options), people, doc), validators }
    }

    /// Starts a chain whose bridge is at work, with one open batch that nobody has signed.
    pub fn with_batch() -> Self {
        let bridged = Self::fresh();
        bridged.block(0, Vec::new());
        bridged.activate();
        bridged.state_all();
        bridged.send(1);
        bridged.block(1_000, Vec::new());
        bridged.block(1_000, Vec::new());
        assert_eq!(issued(&bridged.chain.app.store().latest()).batches, 1);
        bridged
    }

    /// The number of validators, all of one power.
    pub const fn validators(&self) -> u8 {
        self.validators
    }

    /// Fixes the terms and makes the contract known.
    pub fn activate(&self) -> BlockOutcome {
        let tx = self.chain.tx(&self.chain.people[0], vec![prepare(), activate()]).bytes();
        let outcome = self.block(1_000, vec![tx]);
        assert_eq!(outcome.results()[0].code, 0, "{}", outcome.results()[0].log);
        outcome
    }

    /// Lets every validator sign everything that it owes, in one block.
    pub fn state_all(&self) -> BlockOutcome {
        (0..self.validators).flat_map(|validator| self.owed(validator)).for_each(|statement| self.offer(&statement));
        let outcome = self.block(1_000, Vec::new());
        assert!(contract(&self.chain.app.store().latest()).unwrap().is_ready);
        outcome
    }

    /// Hands a statement to the application.
    pub fn offer(&self, statement: &Statement) {
        self.chain.app.offer_statement(statement).unwrap();
    }

    /// Sends 0.1 DIEM of a person to Base, in a block of its own.
    pub fn send(&self, person: usize) -> BlockOutcome {
        let tx = self.chain.tx(&self.chain.people[person], vec![bridge_out()]).bytes();
        let outcome = self.block(1, vec![tx]);
        let last = outcome.results().last().unwrap();
        assert_eq!(last.code, 0, "{}", last.log);
        outcome
    }

    /// Proposes and commits a block so many milliseconds after the last.
    pub fn block(&self, ms: u64, txs: Vec<Bytes>) -> BlockOutcome {
        let mut block = self.chain.next_block();
        if let Some(last) = self.chain.app.store().meta() {
            block.info.time = Time(last.time_ms + ms);
        }
        self.chain.propose_in(block, txs)
    }

    /// The statements that a validator owes now.
    pub fn owed(&self, validator: u8) -> Vec<Statement> {
        let key = bridge_key(validator);
        let owed = owed_by(&self.chain.app.store().latest(), &key.address(), 100);
        owed.into_iter().map(|(kind, nonce)| self.signed(&key, kind, nonce)).collect()
    }

    /// The statement of a key about what the chain issued under this kind and nonce.
    pub fn signed(&self, key: &EthereumKey, kind: OutboundKind, nonce: u64) -> Statement {
        signed(&self.chain.app, key, kind, nonce)
    }

    /// The statements of all validators about one thing, as a proposer orders them.
    pub fn votes(&self, kind: OutboundKind, nonce: u64) -> BridgeVotes {
        let mut signed: Vec<_> = (0..self.validators)
            .map(|validator| (bridge_key(validator).address(), self.signed(&bridge_key(validator), kind, nonce)))
            .collect();
        signed.sort_by_key(|(signer, _)| *signer);
        BridgeVotes { statements: signed.into_iter().map(|(_, statement)| statement).collect(), chunk: None }
    }

    /// A vote extension with these statements.
    pub fn extension(statements: &[Statement]) -> Bytes {
        encode(&statements.to_vec()).into()
    }
}
