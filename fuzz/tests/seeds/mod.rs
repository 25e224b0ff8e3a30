//! Inputs made from real transactions, blocks and proofs.

use borsh::to_vec;
use diem_bank::{Msg, Output};
use diem_core::{Address, Amount, Denom, ModuleId};
use diem_fuzz::{
    plan::{Plan, Step},
    shared_chain,
};
use diem_testkit::TxBuilder;
use diem_types::{Call, Query};
use prost_ics23::Message as _;

/// Target, name, bytes.
type Seed = (&'static str, String, Vec<u8>);

/// Every seed of every target.
pub(crate) fn all() -> Vec<Seed> {
    [transactions(), stages(), genesis(), queries(), proofs(), events()].concat()
}

fn named(target: &'static str, seeds: Vec<(&str, Vec<u8>)>) -> Vec<Seed> {
    seeds.into_iter().map(|(name, bytes)| (target, name.to_owned(), bytes)).collect()
}

/// One transaction of each kind, signed.
fn transactions() -> Vec<Seed> {
    let chain = shared_chain();
    let [ada, bob, eve] = [&chain.people[0], &chain.people[1], &chain.people[2]];
    let outputs =
        vec![Output { to: ada.address, amount: Amount::ONE }, Output { to: eve.address, amount: Amount::MAX }];
    let multi = Call::Bank(Msg::MultiTransfer { denom: Denom::Diem, outputs });
    let transfer = TxBuilder::transfer(&chain.doc, ada, 4, bob.address, Amount::new(5));
    let many = TxBuilder::new(&chain.doc, bob, 4, vec![multi.clone(); 3]).with(|tx| tx.memo = "fürs Brot".into());
    let wallet = TxBuilder::new(&chain.doc, eve, 4, vec![multi]);
    let mut left_over = transfer.bytes().to_vec();
    left_over.push(0);
    let reserved = [&[1], &transfer.bytes()[1..]].concat();
    named(
        "transaction",
        vec![
            ("transfer", transfer.bytes().to_vec()),
            ("multi-transfers", many.bytes().to_vec()),
            ("ethereum", wallet.bytes().to_vec()),
            ("fee-payer", transfer.clone().paid_by(eve).bytes().to_vec()),
            ("fee-payer-is-sender", transfer.clone().paid_by(ada).bytes().to_vec()),
            ("truncated", transfer.bytes()[..transfer.bytes().len() - 1].to_vec()),
            ("left-over", left_over),
            ("reserved", reserved),
            ("empty", Vec::new()),
        ],
    )
}

/// A step of each kind, and blocks of them.
fn stages() -> Vec<Seed> {
    let chain = shared_chain();
    let plan = |sender, to, amount| Plan { sender, to, amount, ..Plan::default() };
    let send = |sender, to| Step::Signed(plan(sender, to, 7));
    let of = |change: fn(&mut Plan)| {
        let mut changed = plan(1, 0, 9);
        change(&mut changed);
        Step::Signed(changed)
    };
    let raw = TxBuilder::transfer(&chain.doc, &chain.people[4], 0, chain.people[0].address, Amount::ONE).bytes();
    let disorder = [2, 1, -1, 5, 0].map(|nonce| Step::Signed(Plan { nonce, ..plan(0, 1, 3) }));
    let odd: Vec<Step> = (1..=14).map(|oddity| Step::Signed(Plan { oddity, ..plan(3, 0, 2) })).collect();
    let calls: Vec<Step> = (8..=15).map(|calls| Step::Signed(Plan { calls, ..plan(0, 4, 1) })).collect();
    let prices: Vec<Step> = (0..6).map(|who| Step::Signed(Plan { oddity: 60 - who * 5, ..plan(who, 0, 2) })).collect();
    let inputs: Vec<(&str, Vec<Step>)> = vec![
        ("transfers", vec![send(0, 1), send(1, 2), send(2, 3), Step::Block, send(0, 5), send(2, 0)]),
        ("disorder", [&disorder[..], &[Step::Block], &disorder[..]].concat()),
        ("odd", odd),
        ("calls", calls),
        ("prices", prices),
        ("payers", vec![of(|plan| plan.payer = 2), of(|plan| plan.payer = 1), of(|plan| plan.payer = 5), Step::Block]),
        ("poor", vec![of(|plan| plan.amount = 252), of(|plan| plan.amount = 255), send(1, 0)]),
        ("raw", vec![Step::Raw(raw.to_vec()), Step::Raw(Vec::new()), Step::Raw(b"\0garbage".to_vec()), send(4, 0)]),
        ("spoilt", vec![Step::Spoilt(plan(0, 1, 1), 220, 1), Step::Cut(plan(2, 1, 1), 100), send(0, 2)]),
        ("replayed", vec![send(0, 1), Step::Again(0), Step::Block, Step::Again(0), send(0, 1), Step::Block]),
        ("empty-blocks", vec![Step::Block; 5]),
    ];
    let encode = |steps: &[Step], out: Vec<u8>| {
        steps.iter().fold(out, |mut out, step| {
            step.write(&mut out);
            out
        })
    };
    let mut seeds = Vec::new();
    for (name, steps) in &inputs {
        for target in ["check_tx", "process_proposal", "finalize_block"] {
            seeds.push((target, (*name).to_owned(), encode(steps, Vec::new())));
        }
        // The first two bytes are the most bytes of a block.
        for (size, limit) in [("", u16::MAX), ("-tight", 700)] {
            seeds.push(("prepare_proposal", format!("{name}{size}"), encode(steps, limit.to_le_bytes().to_vec())));
        }
    }
    seeds
}

fn genesis() -> Vec<Seed> {
    let chain = shared_chain();
    let json = |doc| diem_genesis::to_json(doc).into_bytes();
    let exported = chain.app.export(chain.doc.genesis_time).unwrap();
    let mut bad = chain.doc.clone();
    bad.validators.push(bad.validators[0]);
    let mut huge = chain.doc.clone();
    huge.initial_height = u64::MAX;
    let mut rich = chain.doc.clone();
    rich.app.bank.accounts.values_mut().for_each(|row| row.vvv = Amount::MAX);
    named(
        "init_chain",
        vec![
            ("fresh", json(&chain.doc)),
            ("exported", json(&exported)),
            ("validator-twice", json(&bad)),
            ("highest-height", json(&huge)),
            ("more-than-fits", json(&rich)),
            ("cut", json(&chain.doc)[..300].to_vec()),
            ("nothing", b"{}".to_vec()),
        ],
    )
}

fn queries() -> Vec<Seed> {
    let chain = shared_chain();
    let person = chain.people[0].address;
    let ask = |choice: u8, query| [&[choice][..], &to_vec(&query).unwrap()].concat();
    let prove = |choice: u8, key: &[u8]| [&[choice], key].concat();
    named(
        "query",
        vec![
            ("account", ask(0, Query::Bank(diem_bank::Query::Account(person)))),
            ("past", ask(1, Query::Bank(diem_bank::Query::Account(Address::ZERO)))),
            ("not-there-yet", ask(7, Query::Bank(diem_bank::Query::Supply))),
            ("supply", ask(2, Query::Bank(diem_bank::Query::Supply))),
            ("proof-of-presence", prove(0x80, &diem_bank::account_key(&person))),
            ("proof-of-absence", prove(0x81, &diem_bank::account_key(&Address([0xee; 20])))),
            ("proof-of-nothing", prove(0x80, b"")),
            ("proof-of-the-chain", prove(0x82, &[0, 0])),
        ],
    )
}

fn proofs() -> Vec<Seed> {
    let chain = shared_chain();
    let latest = chain.app.store().latest();
    let past = chain.app.snapshot(Some(1)).unwrap();
    let person = diem_bank::account_key(&chain.people[0].address);
    let nobody = diem_bank::account_key(&Address([0xee; 20]));
    named(
        "proof",
        vec![
            ("present", latest.prove(&person).1.encode_to_vec()),
            ("absent", latest.prove(&nobody).1.encode_to_vec()),
            ("short-absent", latest.prove(&[0xff]).1.encode_to_vec()),
            ("of-the-past", past.prove(&person).1.encode_to_vec()),
            ("absent-in-the-past", past.prove(&nobody).1.encode_to_vec()),
            ("nothing", Vec::new()),
        ],
    )
}

fn events() -> Vec<Seed> {
    let chain = shared_chain();
    let stored = chain.app.block_txs(2, 0, 3);
    let transferred = stored.iter().flat_map(|tx| tx.result.events.clone()).collect();
    let mut failed = diem_core::Events::default();
    let event = diem_types::chain::ChainEvent::HookFailed { hook: "a_hook".into(), failures: 3 };
    failed.emit(ModuleId(0), &event);
    let rows: Vec<(&[u8], &diem_runtime::TxResult)> = stored.iter().map(|tx| (&tx.bytes[..], &tx.result)).collect();
    let answer = chain.app.query(Query::Bank(diem_bank::Query::Supply), None).unwrap().answer;
    named(
        "events",
        vec![
            ("transfers", transferred),
            ("hook", failed.into_bytes()),
            ("block", to_vec(&chain.app.block(2).unwrap()).unwrap()),
            ("transactions", to_vec(&rows).unwrap()),
            ("answer", to_vec(&answer).unwrap()),
        ],
    )
}
