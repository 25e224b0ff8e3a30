//! The chain that the targets work on, and the transactions that plans mean there.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use diem_bank::{Msg, Output};
use diem_core::{Address, Amount, Denom, tx::MAX_CALLS};
use diem_runtime::{App, Options, TxResult};
use diem_testkit::{Person, TestChain, TxBuilder, genesis, people};
use diem_types::{Call, GenesisDoc, Signed, error_info};

use crate::plan::{Plan, Step};

/// People with balances. Two of them have Ethereum keys.
const PEOPLE: u32 = 6;

/// The same people on every chain: making their keys would cost more than the rest of a short input.
fn start() -> &'static (Vec<Person>, GenesisDoc) {
    static START: OnceLock<(Vec<Person>, GenesisDoc)> = OnceLock::new();
    START.get_or_init(|| {
        let people = people(PEOPLE);
        let doc = genesis(&people);
        (people, doc)
    })
}

/// A chain and what was sent to it.
pub(crate) struct World {
    pub(crate) chain: TestChain,
    /// Each person's next nonce, if everything sent so far lands.
    nonces: Vec<u64>,
    made: Vec<Bytes>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (people, doc) = start();
        let app = App::in_memory(Options::default());
        app.init_chain(doc).unwrap();
        let chain = TestChain { app: Arc::new(app), doc: doc.clone(), people: people.clone() };
        Self { nonces: vec![0; people.len()], made: Vec::new(), chain }
    }

    /// An application that starts the same chain beside this one.
    pub(crate) fn twin(&self) -> App {
        let app = App::in_memory(Options::default());
        app.init_chain(&self.chain.doc).unwrap();
        app
    }

    /// The bytes that a step means; `None` where a block ends.
    pub(crate) fn tx(&mut self, step: &Step) -> Option<Bytes> {
        let tx = match step {
            Step::Signed(plan) => self.signed(plan),
            Step::Spoilt(plan, place, mask) => {
                let mut bytes = self.signed(plan).to_vec();
                let place = usize::from(*place) % bytes.len();
                bytes[place] ^= mask;
                bytes.into()
            }
            Step::Cut(plan, place) => {
                let bytes = self.signed(plan);
                bytes.slice(..usize::from(*place) % bytes.len())
            }
            Step::Raw(bytes) => bytes.clone().into(),
            Step::Again(which) => match self.made.len() {
                0 => Bytes::new(),
                made => self.made[usize::from(*which) % made].clone(),
            },
            Step::Block => return None,
        };
        self.made.push(tx.clone());
        Some(tx)
    }

    fn person(&self, number: u8) -> &Person {
        &self.chain.people[usize::from(number) % self.chain.people.len()]
    }

    fn signed(&mut self, plan: &Plan) -> Bytes {
        let next = &mut self.nonces[usize::from(plan.sender) % PEOPLE as usize];
        let nonce = next.saturating_add_signed(plan.nonce.into());
        *next += u64::from(nonce == *next);
        let calls = calls(plan, self.person(plan.to).address);
        let builder = TxBuilder::new(&self.chain.doc, self.person(plan.sender), nonce, calls);
        let builder = if plan.payer == 0 { builder } else { builder.paid_by(self.person(plan.payer)) };
        odd(builder, plan.oddity).bytes()
    }
}

fn amount(choice: u8) -> Amount {
    match choice {
        0..=250 => Amount::new(choice.into()),
        251 => Amount::ONE,
        // What everybody starts with: it can no longer be paid beside a fee.
        252 => Amount::ONE.checked_mul(1_000).unwrap(),
        253 => Amount::ONE.checked_mul(5_000).unwrap(),
        254 => Amount::new(u128::MAX / 2 + 1),
        255 => Amount::MAX,
    }
}

fn calls(plan: &Plan, to: Address) -> Vec<Call> {
    let amount = amount(plan.amount);
    let transfer = |denom| Call::Bank(Msg::Transfer { to, denom, amount });
    let outputs =
        |count| Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs: vec![Output { to, amount }; count] });
    match plan.calls % 16 {
        0..=7 => vec![transfer(Denom::Vvv)],
        8 => vec![transfer(Denom::Diem)],
        9 => vec![outputs(1), transfer(Denom::Diem)],
        10 => vec![outputs(100)],
        11 => vec![outputs(0)],
        12 => vec![Call::Bank(Msg::Transfer { to: Address::ZERO, denom: Denom::Vvv, amount })],
        13 => Vec::new(),
        14 => vec![transfer(Denom::Vvv); MAX_CALLS],
        _ => vec![transfer(Denom::Vvv); MAX_CALLS + 1],
    }
}

fn odd(builder: TxBuilder, oddity: u8) -> TxBuilder {
    builder.with(|tx| match oddity {
        1 => tx.chain_id.push('x'),
        2 => tx.genesis_hash[0] ^= 1,
        3 => tx.expiry = 0,
        4 => tx.expiry = 2,
        5 => tx.gas_price = Amount::ZERO,
        6 => tx.gas_price = Amount::MAX,
        7 => tx.max_fee = Amount::ZERO,
        8 => tx.max_fee = Amount::MAX,
        9 => tx.memo = "m".repeat(256),
        10 => tx.memo = "m".repeat(257),
        11 => tx.nonce = u64::MAX,
        12 => tx.chain_id = "c".repeat(51),
        // More than the least, so that prices differ.
        13..=63 => tx.gas_price = tx.gas_price.checked_mul(oddity.into()).unwrap(),
        _ => {}
    })
}

/// Every result either succeeded or names an error of the table, with a sentence for people.
pub(crate) fn check_result(tx: &Bytes, result: &TxResult) {
    if result.code == 0 {
        assert!(Signed::decode(tx).is_ok(), "what does not decode cannot succeed");
        assert!(result.codespace.is_empty() && result.log.is_empty(), "{result:?}");
        return;
    }
    assert!(error_info(&result.codespace, result.code).is_some(), "no such error: {result:?}");
    assert!(!result.log.is_empty() && result.events.is_empty(), "{result:?}");
}

/// A chain with a few blocks that nobody changes any more.
pub fn shared_chain() -> &'static TestChain {
    static CHAIN: OnceLock<TestChain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let chain = TestChain::with(Options::default(), PEOPLE);
        for nonce in 0..4 {
            let txs = (0..4).map(|from| chain.transfer(from, nonce, from + 1, 1_000).bytes()).collect();
            chain.propose(txs);
        }
        chain
    })
}
