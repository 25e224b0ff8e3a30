//! Seeds that are made from real transactions, blocks and proofs.

mod base;
mod snapshot;
mod stages;

use borsh::to_vec;
use diem_bank::{Msg, Output};
use diem_core::{Address, Amount, Denom, ModuleId};
use diem_fuzz::shared_chain;
use diem_testkit::{TestChain, TxBuilder, bridge::Bridged};
use diem_types::{Call, Event, Query};
use prost_ics23::Message as _;

/// The target, the name and the bytes of a seed.
type Seed = (&'static str, String, Vec<u8>);

/// Makes every seed of every target.
pub(crate) fn all() -> Vec<Seed> {
    let of_consensus = [transactions(), stages::all(), genesis(), bridge_votes(), snapshot::all()];
    let others = [queries(), proofs(), events(), vouchers(), base::all()];
    [of_consensus, others].concat().concat()
}

/// Seeds from what a proposer makes of the votes of all validators, and from what no validator may vote.
fn bridge_votes() -> Vec<Seed> {
    let bridged = diem_fuzz::shared_bridge();
    let votes = bridged.votes(diem_bridge::OutboundKind::Batch, 1);
    let pauses = bridged.votes(diem_bridge::OutboundKind::Pause, 2);
    let both = [&votes.statements[..2], &pauses.statements[2..]].concat();
    let swapped: Vec<_> = votes.statements.iter().rev().copied().collect();
    let first = |statements| diem_bridge::BridgeVotes { statements, chunk: None }.encode();
    let extension = Bridged::extension(&votes.statements).to_vec();
    let events = vec![diem_bridge::EventBytes { kind: 1, payload: vec![7; 56] }; 2];
    let chunk = diem_bridge::Chunk { first: 1, before: [9; 32], events };
    let with_chunk = |statements| diem_bridge::BridgeVotes { statements, chunk: Some(chunk.clone()) }.encode();
    named(
        "bridge_votes",
        vec![
            ("votes", votes.encode()),
            ("two-kinds", first(both)),
            ("unsorted", first(swapped)),
            ("twice", first(vec![votes.statements[0]; 2])),
            ("empty", first(Vec::new())),
            ("chunk", with_chunk(Vec::new())),
            ("chunk-and-votes", with_chunk(votes.statements.clone())),
            ("extension", extension.clone()),
            ("extension-cut", extension[..extension.len() - 1].to_vec()),
        ],
    )
}

fn named(target: &'static str, seeds: Vec<(&str, Vec<u8>)>) -> Vec<Seed> {
    seeds.into_iter().map(|(name, bytes)| (target, name.to_owned(), bytes)).collect()
}

/// Seeds from everything that was sent to the shared chain, which has every call in it, and from unusual transactions.
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
    let mut seeds = named(
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
    );
    for height in 1..=chain.app.info().height {
        let sent = chain.app.index().block_txs(height, 0, u32::MAX).into_iter();
        seeds.extend(sent.map(|tx| ("transaction", format!("story-{height}-{}", tx.index), tx.bytes.to_vec())));
    }
    seeds
}

fn genesis() -> Vec<Seed> {
    let chain = shared_chain();
    let json = |doc: &diem_types::GenesisDoc| diem_genesis::to_json(doc).into_bytes();
    let now = diem_core::Time(chain.app.store().meta().unwrap().time_ms);
    let exported = chain.app.export(now).unwrap();
    let early = diem_types::GenesisDoc { genesis_time: chain.doc.genesis_time, ..exported.clone() };
    let changed = |change: fn(&mut diem_types::GenesisDoc)| {
        let mut doc = chain.doc.clone();
        change(&mut doc);
        json(&doc)
    };
    let mut late = exported.clone();
    late.genesis_time = diem_core::Time(exported.genesis_time.millis() + 86_400_000);
    named(
        "init_chain",
        vec![
            ("fresh", json(&TestChain::fresh().doc)),
            ("economy", json(&chain.doc)),
            ("exported", json(&exported)),
            ("exported-later", json(&late)),
            ("exported-too-early", json(&early)),
            ("validator-twice", changed(|doc| doc.validators.push(doc.validators[0]))),
            ("highest-height", changed(|doc| doc.initial_height = u64::MAX)),
            ("more-than-fits", changed(|doc| doc.app.bank.accounts.values_mut().for_each(|row| row.vvv = Amount::MAX))),
            ("unlocked", changed(|doc| doc.app.svvv.locks.clear())),
            ("no-curve", changed(|doc| doc.app.diem.curve = diem_diem::Curve::Table(Vec::new()))),
            ("no-schedule", changed(|doc| doc.app.emissions.schedule.clear())),
            ("provider-twice", changed(|doc| doc.app.credits.providers.extend_from_within(..))),
            ("stake-of-nobody", changed(|doc| doc.app.credits.stakes[0].staker = Address([7; 20]))),
            ("days-too-short", changed(|doc| doc.app.epoch_ms = 1_000.try_into().unwrap())),
            ("cut", json(&chain.doc)[..300].to_vec()),
            ("nothing", b"{}".to_vec()),
        ],
    )
}

/// One query of each kind, found by trying what may follow the numbers of module and question.
fn questions() -> Vec<([u8; 2], Query)> {
    let chain = shared_chain();
    let (one, provider) = (chain.people[0].address.0, chain.people[3].address.0);
    let day = diem_credits::state::open_day(&chain.app.store().latest()).day.to_le_bytes();
    let amount = to_vec(&Amount::ONE).unwrap();
    let endings: [&[&[u8]]; 9] = [
        &[],
        &[&one],
        &[&one, &provider],
        &[&one, &one, &provider],
        &[&one, &[0], &[10, 0]],
        &[&[0], &[10, 0]],
        &[&day],
        &[&day, &[0], &[10, 0]],
        &[&amount],
    ];
    let kinds = (1..=6u8).flat_map(|module| (0..=20u8).map(move |number| [module, number]));
    let question = |kind: [u8; 2]| {
        let mut tried = endings.iter().map(|ending| [&kind, &ending.concat()[..]].concat());
        Some((kind, tried.find_map(|bytes| borsh::from_slice::<Query>(&bytes).ok())?))
    };
    kinds.filter_map(question).collect()
}

fn queries() -> Vec<Seed> {
    let chain = shared_chain();
    let person = chain.people[0].address;
    let ask = |choice: u8, query| [&[choice][..], &to_vec(&query).unwrap()].concat();
    let prove = |choice: u8, key: &[u8]| [&[choice], key].concat();
    let mut seeds = named(
        "query",
        vec![
            ("past", ask(1, Query::Bank(diem_bank::Query::Account(Address::ZERO)))),
            ("not-there-yet", ask(7, Query::Bank(diem_bank::Query::Supply))),
            ("proof-of-presence", prove(0x80, &diem_bank::account_key(&person))),
            ("proof-of-absence", prove(0x81, &diem_bank::account_key(&Address([0xee; 20])))),
            ("proof-of-nothing", prove(0x80, b"")),
            ("proof-of-the-chain", prove(0x82, &[0, 0])),
            ("proof-of-a-day", prove(0x80, &[6, 2])),
        ],
    );
    let questions = questions().into_iter();
    seeds.extend(questions.map(|([module, number], query)| ("query", format!("{module}-{number}"), ask(0, query))));
    seeds
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
    let stored = chain.app.index().block_txs(2, 0, 3);
    let mut failed = diem_core::Events::default();
    let event = diem_types::chain::ChainEvent::HookFailed { hook: "a_hook".into(), failures: 3 };
    failed.emit(ModuleId(0), &event);
    let rows: Vec<(&[u8], &diem_types::TxResult)> = stored.iter().map(|tx| (&tx.bytes[..], &tx.result)).collect();
    let mut seeds = named(
        "events",
        vec![
            ("hook", failed.into_bytes()),
            ("block", to_vec(&chain.app.index().block(2).unwrap()).unwrap()),
            ("transactions", to_vec(&rows).unwrap()),
        ],
    );
    for height in 1..=chain.app.info().height {
        let txs = chain.app.index().block_txs(height, 0, u32::MAX);
        let events = [
            chain.app.index().block(height).unwrap().events,
            txs.into_iter().flat_map(|tx| tx.result.events).collect(),
        ];
        let events = events.concat();
        assert!(Event::decode_all(&events).is_ok());
        seeds.push(("events", format!("story-{height}"), events));
    }
    for ([module, number], query) in questions() {
        let answer = chain.app.query(query, None).map(|answered| to_vec(&answered.answer).unwrap());
        seeds.extend(answer.ok().map(|bytes| ("events", format!("answer-{module}-{number}"), bytes)));
    }
    seeds
}

/// Seeds from vouchers of both kinds of keys, as providers write them down and hand them in.
fn vouchers() -> Vec<Seed> {
    let chain = shared_chain();
    let by = |person: usize| {
        diem_credits::Voucher {
            chain_id: chain.doc.chain_id.clone(),
            genesis_hash: chain.doc.hash(),
            account: chain.people[0].address,
            signer: chain.people[person].address,
            provider: chain.people[3].address,
            day: 89_500_001,
            amount: Amount::ONE,
            requests: 7,
            price_sheet: [1; 32],
            usage_root: [2; 32],
        }
        .sign(&chain.people[person].key)
    };
    let (own, key) = (by(0), by(2));
    let mut forged = own.clone();
    forged.voucher.amount = Amount::MAX;
    named(
        "vouchers",
        vec![
            ("ed25519", to_vec(&own).unwrap()),
            ("ethereum", to_vec(&key).unwrap()),
            ("ed25519-json", serde_json::to_vec(&own).unwrap()),
            ("ethereum-json", serde_json::to_vec(&key).unwrap()),
            ("forged", to_vec(&vec![forged.clone()]).unwrap()),
            ("batch", to_vec(&vec![own, key, forged]).unwrap()),
            ("nothing", Vec::new()),
        ],
    )
}
