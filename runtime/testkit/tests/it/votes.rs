//! The statements of validators: out of their votes into the first transaction of a block, which every application
//! judges alike.

use bytes::Bytes;
use diem_bridge::{
    BridgeVotes, Chunk, Event, EventBytes, MAX_STATEMENTS, MAX_VOTES_BYTES, Outbound, OutboundKind, Statement,
    booking::{has_quorum, signed_power},
    state::{books, issued},
};
use diem_core::{
    StateRead, encode,
    keys::{CompactSignature, EthereumKey},
};
use diem_runtime::{MAX_OWN_EXTENSION_BYTES, MAX_OWN_STATEMENTS, MAX_VOTE_EXTENSION_BYTES, Rejected};
use diem_testkit::{
    Shadows,
    bridge::{Bridged, VALIDATORS, bridge_key},
    chain::block_hash,
};
use diem_types::error_info;
use proptest::prelude::*;

const BATCH: OutboundKind = OutboundKind::Batch;

fn name(codespace: &str, code: u32) -> &'static str {
    error_info(codespace, code).unwrap().name
}

/// The name of the error for which a proposal with these transactions is rejected, or `accepted`.
fn judge(bridged: &Bridged, txs: &[Bytes]) -> String {
    let block = bridged.chain.next_block();
    match bridged.chain.app.process(&block, block_hash(&block, txs), txs) {
        Ok(()) => "accepted".into(),
        Err(Rejected::Transaction { error, .. }) => {
            format!("{} {}", error.codespace, name(error.codespace, error.code))
        }
        Err(Rejected::Block(fatal)) => panic!("{fatal}"),
    }
}

fn first(statements: Vec<Statement>) -> Bytes {
    BridgeVotes { statements, chunk: None }.encode().into()
}

fn content(statement: Statement) -> Outbound {
    let Statement::Outbound(outbound) = statement else { panic!("a statement for Base") };
    outbound
}

fn waits(bridged: &Bridged) -> usize {
    bridged.chain.app.waiting_statements().len()
}

#[test]
fn what_validators_sign_rides_on_their_votes_until_the_chain_holds_it() {
    let bridged = Bridged::with_batch();
    let app = &bridged.chain.app;
    assert!(app.extend_vote().is_empty());
    let extensions: Vec<Bytes> = (0..3).map(|validator| Bridged::extension(&bridged.owed(validator))).collect();
    app.set_extension(&bridged.owed(0));
    assert_eq!(app.extend_vote(), extensions[0]);
    assert_eq!(app.extend_vote(), extensions[0], "it is repeated with every vote");
    let block = bridged.chain.next_block();
    let txs = app.prepare(&block, Vec::new(), &extensions, 1 << 20);
    let hash = block_hash(&block, &txs);
    app.process(&block, hash, &txs).unwrap();
    let finalized = app.finalize(&block, hash, &txs).unwrap();
    app.commit(Vec::new()).unwrap();
    assert_eq!((txs.len(), finalized.results.len(), finalized.results[0].code), (1, 1, 0));
    let state = app.store().latest();
    assert!(has_quorum(&state, BATCH, 1, 0));
    assert_eq!(signed_power(&state, BATCH, 1, 0), Some((30_000, 40_000)));
    assert!(bridged.owed(0).is_empty() && !bridged.owed(3).is_empty());
    // The same votes bring nothing new.
    assert!(app.prepare(&bridged.chain.next_block(), Vec::new(), &extensions, 1 << 20).is_empty());
}

#[test]
fn a_vote_carries_at_most_what_every_validator_accepts() {
    let bridged = Bridged::with_batch();
    let app = &bridged.chain.app;
    for nonce in 1..=3 {
        bridged.send(nonce);
        bridged.block(1_000, Vec::new());
    }
    bridged.block(1_000, Vec::new());
    let many: Vec<Statement> = bridged.owed(0).into_iter().cycle().take(20).collect();
    for count in 0..=many.len() {
        app.set_extension(&many[..count]);
        let extension = app.extend_vote();
        assert!(app.verify_vote(&extension) && extension.len() <= MAX_OWN_EXTENSION_BYTES);
        let read = diem_bridge::decode_extension(&extension).unwrap();
        assert_eq!(read, many[..count.min(MAX_OWN_STATEMENTS)]);
    }
    let (longest, longer) = (vec![0; MAX_VOTE_EXTENSION_BYTES], vec![0; MAX_VOTE_EXTENSION_BYTES + 1]);
    assert!(app.verify_vote(&longest) && !app.verify_vote(&longer));
    assert!(diem_bridge::decode_extension(&longer).is_err());
}

#[test]
fn a_proposal_with_bad_statements_is_rejected_and_told_why() {
    let bridged = Bridged::with_batch();
    let votes = bridged.votes(BATCH, 1).statements;
    let transfer = bridged.chain.transfer(1, 1, 2, 5).bytes();
    let outbound = content(votes[0]);
    let mut high = outbound;
    high.signature.0[32..].copy_from_slice(&[0xff; 32]);
    high.signature.0[32] = 0x7f;
    let stranger = EthereumKey::new(&[99; 32]).unwrap();
    let foreign = Outbound { signature: stranger.sign(&outbound.digest), ..outbound };
    let other = Outbound { digest: [3; 32], signature: bridge_key(0).sign(&[3; 32]), ..outbound };
    let one = |outbound: Outbound| vec![first(vec![Statement::Outbound(outbound)])];
    let chunk = Chunk { first: 1, before: [1; 32], events: vec![EventBytes { kind: 1, payload: vec![0; 56] }] };
    let with_events = BridgeVotes { statements: votes.clone(), chunk: Some(chunk) }.encode();
    let good = first(votes.clone());
    let mut swapped = votes.clone();
    swapped.swap(0, 1);
    let mut tail = good.to_vec();
    tail.push(0);
    let mut long = good.to_vec();
    long.resize(MAX_VOTES_BYTES + 1, 0);
    let counted = u32::try_from(MAX_STATEMENTS).unwrap() + 1;
    let too_many = [&[1][..], &counted.to_le_bytes(), &encode(&votes[0]).repeat(MAX_STATEMENTS + 1), &[0]].concat();
    let cases: Vec<(&str, Vec<Bytes>)> = vec![
        ("accepted", Vec::new()),
        ("accepted", vec![good.clone()]),
        ("accepted", vec![good.clone(), transfer.clone()]),
        ("accepted", vec![transfer.clone()]),
        ("bridge votes_twice", vec![good.clone(), good.clone()]),
        ("bridge votes_twice", vec![good.clone(), transfer.clone(), good.clone()]),
        ("bridge votes_place", vec![transfer, good.clone()]),
        ("bridge votes_empty", vec![first(Vec::new())]),
        ("bridge votes_order", vec![first(swapped)]),
        ("bridge votes_duplicate", vec![first(vec![votes[0], votes[0]])]),
        ("bridge votes_statements", vec![too_many.into()]),
        ("bridge votes_size", vec![long.into()]),
        ("bridge malformed", vec![tail.into()]),
        ("bridge malformed", vec![good.slice(..good.len() - 1)]),
        ("bridge malformed", vec![Bytes::from_static(&[1])]),
        ("bridge unwanted", one(Outbound { nonce: 2, ..outbound })),
        ("bridge not_replaying", vec![with_events.into()]),
        ("bridge other_content", one(Outbound { kind: OutboundKind::Valset, ..outbound })),
        ("bridge other_content", one(Outbound { kind: OutboundKind::Pause, ..outbound })),
        ("bridge other_content", one(other)),
        ("bridge not_a_signer", one(foreign)),
        ("bridge high_s", one(high)),
        ("bridge no_signer", one(Outbound { signature: CompactSignature([0; 64]), ..outbound })),
    ];
    let root = bridged.chain.root();
    for (expected, txs) in &cases {
        assert_eq!(judge(&bridged, txs), *expected, "{txs:?}");
    }
    assert_eq!(bridged.chain.root(), root);
    // What the chain has is wanted no more.
    bridged.offer(&votes[0]);
    bridged.block(1, Vec::new());
    assert_eq!(judge(&bridged, &[good]), "bridge stated");
}

#[test]
fn a_change_of_any_byte_of_the_first_transaction_is_seen() {
    let bridged = Bridged::with_batch();
    let good = bridged.votes(BATCH, 1).encode();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert_ne!(judge(&bridged, &[changed.into()]), "accepted", "byte {at}");
    }
    assert_eq!(judge(&bridged, &[good.into()]), "accepted");
}

#[test]
fn a_bad_first_transaction_that_was_decided_is_its_result_and_changes_nothing_else() {
    let bridged = Bridged::with_batch();
    let mut shadow = bridged.votes(BATCH, 1).statements;
    shadow.swap(0, 1);
    let transfer = bridged.chain.transfer(1, 1, 2, 5).bytes();
    let outcome = bridged.chain.force(vec![first(shadow), transfer]);
    assert_eq!(name("bridge", outcome.results()[0].code), "votes_order");
    assert_eq!(outcome.results()[1].code, 0);
    assert_eq!(signed_power(&bridged.chain.app.store().latest(), BATCH, 1, 0), Some((0, 40_000)));
}

#[test]
fn nobody_but_a_proposer_brings_the_first_transaction() {
    let bridged = Bridged::with_batch();
    let votes: Bytes = bridged.votes(BATCH, 1).encode().into();
    let checked = bridged.chain.check(&votes);
    assert_eq!(name(&checked.codespace, checked.code), "reserved");
    assert!(bridged.chain.app.prepare(&bridged.chain.next_block(), vec![votes], &[], 1 << 20).is_empty());
}

#[test]
fn what_the_steps_of_the_block_made_unwanted_takes_no_other_statement_with_it() {
    let bridged = Bridged::with_batch();
    let nonce = issued(&bridged.chain.app.store().latest()).sets;
    assert_eq!(nonce, 1);
    // A new chain has its first set signed by nobody.
    let fresh = Bridged::fresh();
    fresh.block(0, Vec::new());
    fresh.activate();
    fresh.offer(&fresh.signed(&bridge_key(0), OutboundKind::Valset, 1));
    fresh.offer(&fresh.signed(&bridge_key(0), OutboundKind::Pause, 1));
    // The newest set is ten minutes old when this block begins, so that its first step makes the next one.
    let outcome = fresh.block(600_000, Vec::new());
    assert_eq!((outcome.results().len(), outcome.results()[0].code), (1, 0));
    let state = fresh.chain.app.store().latest();
    assert_eq!(issued(&state).sets, 2);
    assert_eq!(signed_power(&state, OutboundKind::Pause, 1, 0), Some((10_000, 40_000)));
    assert_eq!(waits(&fresh), 0, "what is wanted no more waits no more");
}

#[test]
fn a_node_takes_in_only_what_the_chain_wants_and_once() {
    let bridged = Bridged::with_batch();
    let good = bridged.signed(&bridge_key(0), BATCH, 1);
    bridged.offer(&good);
    let refused = |statement: &Statement| {
        let error = bridged.chain.app.offer_statement(statement).unwrap_err();
        name("bridge", diem_core::ModuleError::code(&error))
    };
    assert_eq!(refused(&good), "stated");
    let foreign = Statement::Outbound(Outbound {
        signature: EthereumKey::new(&[99; 32]).unwrap().sign(&[1; 32]),
        ..content(good)
    });
    assert_eq!(refused(&foreign), "not_a_signer");
    assert_eq!(refused(&Statement::Outbound(Outbound { nonce: 7, ..content(good) })), "unwanted");
    assert_eq!(waits(&bridged), 1);
    bridged.block(1, Vec::new());
    assert_eq!(waits(&bridged), 0);
}

#[test]
fn a_transaction_hands_in_statements_and_pays_for_them() {
    let bridged = Bridged::with_batch();
    let statements = bridged.votes(BATCH, 1).statements;
    let call = diem_types::Call::Bridge(diem_bridge::Msg::Submit { statements });
    let tx = bridged.chain.tx(&bridged.chain.people[2], vec![call]).bytes();
    let outcome = bridged.block(1, vec![tx]);
    let result = &outcome.results()[0];
    assert!(result.code == 0 && result.gas_used > 4 * 100_000 && !result.fee.is_zero(), "{result:?}");
    assert!(has_quorum(&bridged.chain.app.store().latest(), BATCH, 1, 0));
}

#[test]
fn the_quorum_that_puts_the_bridge_to_work_is_an_event_of_the_first_transaction() {
    let bridged = Bridged::fresh();
    bridged.block(0, Vec::new());
    bridged.activate();
    let outcome = bridged.state_all();
    let events = diem_types::Event::decode_all(&outcome.results()[0].events).unwrap();
    assert_eq!(events, [diem_types::Event::Bridge(Event::Ready)]);
    assert_eq!(outcome.results()[0].gas_used, 0);
}

/// What a vote may carry that nobody has verified.
fn hostile(bridged: &Bridged) -> impl Strategy<Value = Bytes> + use<> {
    let good: Vec<Statement> = (0..VALIDATORS).flat_map(|validator| bridged.owed(validator)).collect();
    let pauses = (1..=4).map(|nonce| bridged.signed(&bridge_key(1), OutboundKind::Pause, nonce));
    let good: Vec<Statement> = good.into_iter().chain(pauses).collect();
    let some = proptest::sample::subsequence(good.clone(), 0..=good.len().min(4)).prop_shuffle();
    let honest = some.clone().prop_map(|list| Bridged::extension(&list));
    let changed = (some, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(list, at, byte)| {
        let mut bytes = Bridged::extension(&list).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.into()
    });
    let garbage = proptest::collection::vec(any::<u8>(), 0..2_000).prop_map(Bytes::from);
    let too_many = Just(Bridged::extension(&good.repeat(3)));
    prop_oneof![3 => honest, 3 => changed, 1 => garbage, 1 => too_many]
}

#[test]
fn what_prepare_makes_of_hostile_votes_process_accepts_and_all_applications_agree() {
    let chain = Bridged::with_batch();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let strategy = proptest::collection::vec(proptest::collection::vec(hostile(&chain), 0..6), 1..4);
    runner
        .run(&strategy, |blocks| {
            let bridged = Bridged::fresh();
            let mut shadows = Shadows::new(&bridged.chain.doc);
            let app = &bridged.chain.app;
            let mut follow = |outcome| shadows.follow(&outcome);
            follow(bridged.block(0, Vec::new()));
            follow(bridged.activate());
            follow(bridged.state_all());
            follow(bridged.send(1));
            follow(bridged.block(1_000, Vec::new()));
            for extensions in blocks {
                let block = bridged.chain.next_block();
                let transfer = bridged.chain.transfer(2, bank_nonce(&app.store().latest(), &bridged, 2), 1, 5).bytes();
                let txs = app.prepare(&block, vec![transfer], &extensions, 1 << 20);
                let hash = block_hash(&block, &txs);
                prop_assert!(app.process(&block, hash, &txs).is_ok());
                let finalized = app.finalize(&block, hash, &txs).unwrap();
                app.commit(Vec::new()).unwrap();
                prop_assert!(finalized.results.iter().all(|result| result.code == 0));
                follow(diem_testkit::BlockOutcome { block, hash, txs, finalized });
            }
            app.check_invariants().map_err(TestCaseError::fail)?;
            prop_assert!(!books(&app.store().latest()).open.is_zero());
            shadows.replay();
            Ok(())
        })
        .unwrap();
}

fn bank_nonce(state: &dyn StateRead, bridged: &Bridged, person: usize) -> u64 {
    diem_bank::nonce(state, &bridged.chain.people[person].address)
}
