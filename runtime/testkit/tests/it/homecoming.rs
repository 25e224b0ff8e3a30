//! DIEM comes home: what validators state of Base, and its events, through the blocks of a chain.

use bytes::Bytes;
use diem_bridge::{BridgeVotes, Msg, inbound, sealing::batch, state::books};
use diem_core::{Amount, Denom};
use diem_runtime::Rejected;
use diem_testkit::{
    Shadows,
    bridge::{Bridged, VALIDATORS},
    chain::block_hash,
    far_side::FarSide,
};
use diem_types::{Call, error_info};

/// A chain that sent 0.1 DIEM to Base, where it was minted.
fn minted() -> (Bridged, FarSide) {
    let bridged = Bridged::with_batch();
    let mut far = FarSide::of(&bridged.chain.app);
    far.execute(&batch(&bridged.chain.app.store().latest(), 1).unwrap());
    far.follow(&bridged);
    assert_eq!(books(&bridged.chain.app.store().latest()).open, Amount::ZERO);
    (bridged, far)
}

fn diem(bridged: &Bridged, person: usize) -> Amount {
    diem_bank::balance(&bridged.chain.app.store().latest(), &bridged.chain.people[person].address, Denom::Diem)
}

/// The name of the error for which a proposal with this first transaction is rejected, or `accepted`.
fn judge(bridged: &Bridged, votes: &BridgeVotes) -> String {
    let (block, txs) = (bridged.chain.next_block(), vec![Bytes::from(votes.encode())]);
    match bridged.chain.app.process(&block, block_hash(&block, &txs), &txs) {
        Ok(()) => "accepted".into(),
        Err(Rejected::Transaction { error, .. }) => error_info(error.codespace, error.code).unwrap().name.to_owned(),
        Err(Rejected::Block(fatal)) => panic!("{fatal}"),
    }
}

#[test]
fn a_burn_is_paid_two_blocks_after_its_block_was_stated() {
    let (bridged, mut far) = minted();
    let before = diem(&bridged, 2);
    far.burn(bridged.chain.people[2].address, Amount::new(77));
    let height = bridged.chain.app.store().meta().unwrap().height;
    far.attest(&bridged);
    assert!(far.offer_chunk(&bridged.chain.app));
    assert!(bridged.chain.app.has_waiting_statements());
    bridged.block(1, Vec::new());
    assert_eq!(diem(&bridged, 2), before.checked_add(Amount::new(77)).unwrap());
    assert_eq!(bridged.chain.app.store().meta().unwrap().height, height + 2);
    assert!(!bridged.chain.app.has_waiting_statements());
}

#[test]
fn a_proposal_with_a_bad_chunk_or_statement_of_base_is_rejected_and_told_why() {
    let (bridged, mut far) = minted();
    for _ in 0..5 {
        far.burn(bridged.chain.people[2].address, Amount::new(3));
    }
    let app = &bridged.chain.app;
    let checkpoint = far.checkpoint();
    let good = FarSide::votes(app, VALIDATORS, checkpoint);
    assert_eq!(judge(&bridged, &good), "accepted");
    let mut relabelled = good.clone();
    if let diem_bridge::Statement::Inbound { checkpoint, .. } = &mut relabelled.statements[0] {
        checkpoint.timestamp += 1;
    }
    assert_eq!(judge(&bridged, &relabelled), "not_a_signer");
    let odd = diem_bridge::Checkpoint { number: checkpoint.number + 1, ..checkpoint };
    assert_eq!(judge(&bridged, &FarSide::votes(app, VALIDATORS, odd)), "unwanted");
    for statement in &good.statements {
        bridged.offer(statement);
    }
    bridged.block(1, Vec::new());
    assert_eq!(judge(&bridged, &good), "stated");
    let chunk = |chunk| BridgeVotes { statements: Vec::new(), chunk: Some(chunk) };
    // The batch was event 1, the burns are 2 to 6.
    let right = far.journal.chunk(2, 6).unwrap();
    assert_eq!(judge(&bridged, &chunk(right.clone())), "accepted");
    let mut wrong = right.clone();
    wrong.events[2].payload[55] ^= 1;
    assert_eq!(judge(&bridged, &chunk(wrong)), "chunk_hash");
    assert_eq!(judge(&bridged, &chunk(far.journal.chunk(2, 5).unwrap())), "chunk_place");
    let hand_in = bridged.chain.tx(&bridged.chain.people[1], vec![Call::Bridge(Msg::Replay { chunk: right.clone() })]);
    let outcome = bridged.block(1, vec![hand_in.bytes()]);
    assert_eq!(outcome.results().last().unwrap().code, 0);
    assert_eq!(judge(&bridged, &chunk(right)), "not_replaying");
}

#[test]
fn one_key_cannot_fill_the_place_where_statements_wait() {
    let (bridged, mut far) = minted();
    let app = &bridged.chain.app;
    let key = diem_testkit::bridge::bridge_key(0);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..1_100 {
        let checkpoint = far.checkpoint();
        match app.offer_statement(&FarSide::stated(app, &key, checkpoint)) {
            Ok(()) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    assert_eq!((taken, refused), (1_024, 76));
    // The chain keeps sixteen of them.
    for _ in 0..5 {
        bridged.block(1, Vec::new());
    }
    let operator = diem_staking::bridge_key(&app.store().latest(), &key.address()).unwrap().operator;
    assert!(diem_bridge::attesting::stated_by(&app.store().latest(), &operator).len() <= 16);
    let other = FarSide::stated(app, &diem_testkit::bridge::bridge_key(1), far.checkpoint());
    app.offer_statement(&other).unwrap();
}

/// So many burns in one block of Base; `make soak ARGS=burns` has 100,000.
fn burns() -> u64 {
    std::env::var("DIEM_BRIDGE_BURNS").map_or(2_000, |burns| burns.parse().unwrap())
}

#[test]
fn all_burns_of_one_checkpoint_are_paid_while_transfers_go_on() {
    let (bridged, mut far) = minted();
    let people: Vec<_> = bridged.chain.people.iter().map(|person| person.address).collect();
    let owed = |bridged: &Bridged| (0..4).map(|person| diem(bridged, person).get()).sum::<u128>();
    let before = owed(&bridged);
    let burns = burns();
    for number in 0..burns {
        far.burn(people[usize::try_from(number % 4).unwrap()], Amount::new(1_000));
    }
    far.attest(&bridged);
    let checkpoint = inbound::attested(&bridged.chain.app.store().latest()).last;
    let mut blocks = 0;
    let mut nonces = 0;
    while inbound::attested(&bridged.chain.app.store().latest()).handled < burns {
        far.offer_chunk(&bridged.chain.app);
        let nonce = diem_bank::nonce(&bridged.chain.app.store().latest(), &people[3]);
        let txs = (0..20).map(|more| bridged.chain.transfer(3, nonce + more, 2, 1).bytes()).collect();
        let outcome = bridged.block(400, txs);
        nonces += outcome.results().iter().rev().take(20).filter(|result| result.code == 0).count();
        blocks += 1;
        assert!(blocks <= 3 * burns / 200 + 3, "200 a block are proven, applied and paid");
    }
    assert_eq!(nonces as u64, 20 * blocks, "transfers go on");
    assert_eq!(inbound::attested(&bridged.chain.app.store().latest()).completed, checkpoint);
    assert_eq!(owed(&bridged), before + u128::from(burns) * 1_000);
    assert_eq!(books(&bridged.chain.app.store().latest()).owed, Amount::ZERO);
    bridged.chain.app.check_invariants().unwrap();
}

#[test]
fn applications_that_miss_a_step_or_restart_compute_the_same() {
    let bridged = Bridged::fresh();
    let mut shadows = Shadows::new(&bridged.chain.doc);
    let app = &bridged.chain.app;
    let mut follow = |outcome| shadows.follow(&outcome);
    follow(bridged.block(0, Vec::new()));
    follow(bridged.activate());
    follow(bridged.state_all());
    follow(bridged.send(1));
    follow(bridged.block(1_000, Vec::new()));
    follow(bridged.block(1_000, Vec::new()));
    let mut far = FarSide::of(app);
    far.execute(&batch(&app.store().latest(), 1).unwrap());
    for _ in 0..300 {
        far.burn(bridged.chain.people[2].address, Amount::new(5));
    }
    far.follow(&bridged).into_iter().for_each(&mut follow);
    follow(bridged.send(1));
    follow(bridged.block(1_000, Vec::new()));
    // The second batch is never executed: a late block of Base pays it back.
    far.now = diem_bridge::state::open_batch(&app.store().latest(), 2).unwrap().deadline + 1;
    far.follow(&bridged).into_iter().for_each(&mut follow);
    follow(bridged.block(1, Vec::new()));
    assert!(diem_bridge::state::open_batches(&app.store().latest()).is_empty());
    assert_eq!(books(&app.store().latest()).owed, Amount::ZERO);
    app.check_invariants().unwrap();
    shadows.replay();
}
