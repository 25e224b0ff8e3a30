//! The chain that the targets work on.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use diem_core::{
    Block, Time,
    context::{Misbehaviour, MisbehaviourKind, Vote},
};
use diem_runtime::{
    App, Options,
    hooks::{Hooks, Run},
};
use diem_testkit::{
    Person, TestChain,
    economy::{consensus, economy_genesis, public},
    operator, people, story,
};
use diem_types::TxResult;
use diem_types::{GenesisDoc, Signed, error_info};

use crate::plan::Step;

/// The number of people with balances; the fourth is a listed provider. Two of them have Ethereum keys.
const PEOPLE: u32 = 6;
/// The number of validators of the genesis, whose operators send transactions as well.
const VALIDATORS: u32 = 3;

/// The genesis and its people, the same for every chain: making their keys would cost more than the rest of a short
/// input.
struct Start {
    people: Vec<Person>,
    doc: GenesisDoc,
    genesis_hash: [u8; 32],
}

fn start() -> &'static Start {
    static START: OnceLock<Start> = OnceLock::new();
    START.get_or_init(|| {
        let mut people = people(PEOPLE);
        let mut doc = economy_genesis(&people);
        doc.app.credits.params.authority = people[0].address;
        people.extend((0..VALIDATORS).map(operator));
        Start { genesis_hash: doc.hash(), people, doc }
    })
}

/// The options of an application whose unstaking queues serve one entry a block: with the chain's own limits nothing
/// would be left for its owner to collect.
fn options() -> Options {
    let mut hooks = Hooks::default();
    for hook in &mut hooks.begin {
        match hook.name {
            "unbonded" => hook.run = Run::Retry(|ctx| diem_staking::pay_matured(ctx, 1)),
            "cooled_down" => hook.run = Run::Retry(|ctx| diem_credits::stake::pay_matured(ctx, 1)),
            _ => {}
        }
    }
    Options { hooks, ..Options::default() }
}

/// A chain, with what was sent to it.
pub(crate) struct World {
    pub(crate) chain: TestChain,
    /// The next nonce of each person, if everything sent so far lands.
    pub(crate) nonces: Vec<u64>,
    pub(crate) made: Vec<Bytes>,
    /// Whether the second validator has stopped signing.
    silent: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let Start { people, doc, .. } = start();
        let chain = TestChain::start(App::in_memory(options()), people.clone(), doc.clone());
        chain.force(Vec::new());
        Self { nonces: vec![0; people.len()], made: Vec::new(), silent: false, chain }
    }

    /// Starts the same chain in another application.
    pub(crate) fn twin(&self) -> App {
        let chain = TestChain::start(App::in_memory(options()), Vec::new(), self.chain.doc.clone());
        chain.force(Vec::new());
        Arc::into_inner(chain.app).unwrap()
    }

    /// The hash of the genesis, which every voucher names.
    pub(crate) fn genesis_hash(&self) -> [u8; 32] {
        start().genesis_hash
    }

    /// The number of the open day.
    pub(crate) fn today(&self) -> u64 {
        diem_credits::state::open_day(&self.chain.app.store().latest()).day
    }

    /// Describes the next block, as the step that ends the one before says.
    pub(crate) fn block_after(&mut self, end: Option<&Step>) -> Block {
        let mut block = self.chain.next_block();
        if let Some(Step::Later(how)) = end {
            self.silent = how & 0x40 != 0;
            block.info.time = Time(block.info.time.millis() + u64::from(how & 0x3f) * 1_000);
            if how & 0x80 != 0 {
                block.misbehaviour.push(Misbehaviour {
                    kind: MisbehaviourKind::DuplicateVote,
                    validator: consensus_name(how % 3),
                    power: 1,
                    height: block.info.height.saturating_sub(1),
                    time: block.info.time,
                });
            }
        }
        let vote = |number| Vote { validator: consensus_name(number), power: 1, signed: number != 1 || !self.silent };
        block.votes = (0..3).map(vote).collect();
        block
    }

    pub(crate) fn person(&self, number: u8) -> &Person {
        &self.chain.people[usize::from(number) % self.chain.people.len()]
    }
}

/// The consensus address of a validator of the genesis.
fn consensus_name(number: u8) -> [u8; 20] {
    diem_staking::consensus_address(&public(&consensus(number)))
}

/// Checks that the result is a success or names an error of the table, with a sentence for people.
pub(crate) fn check_result(tx: &Bytes, result: &TxResult) {
    if result.code == 0 {
        assert!(Signed::decode(tx).is_ok(), "what does not decode cannot succeed");
        assert!(result.codespace.is_empty() && result.log.is_empty(), "{result:?}");
        return;
    }
    assert!(error_info(&result.codespace, result.code).is_some(), "no such error: {result:?}");
    assert!(!result.log.is_empty() && result.events.is_empty(), "{result:?}");
}

/// A chain with a history of two days that nobody changes any more.
pub fn shared_chain() -> &'static TestChain {
    static CHAIN: OnceLock<TestChain> = OnceLock::new();
    CHAIN.get_or_init(|| story::history(Options::default()).chain)
}
