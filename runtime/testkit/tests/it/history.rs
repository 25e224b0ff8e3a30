//! Histories of blocks: shadow applications agree, restarts and rollbacks change nothing, and heights follow each other.

use bytes::Bytes;
use diem_bank::Pool;
use diem_core::{Denom, ModuleError};
use diem_runtime::{App, Options, Rejected};
use diem_testkit::{Shadows, TestChain, chain::block_hash, economy::validator, story};
use diem_types::ChainError;
use proptest::prelude::*;

/// A step of a random history.
#[derive(Debug, Clone)]
struct Step {
    transfers: Vec<(usize, usize, u128, bool)>,
    checked: bool,
    garbage: Vec<u8>,
}

fn step() -> impl Strategy<Value = Step> {
    let amount = amounts();
    let transfer = (0..10usize, 0..10usize, amount, prop::bool::weighted(0.1));
    (prop::collection::vec(transfer, 0..25), any::<bool>(), prop::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(transfers, checked, garbage)| Step { transfers, checked, garbage })
}

/// Slashes, days, payouts and evidence among them.
#[test]
fn shadow_applications_agree_on_every_root_of_an_economy() {
    let economy = story::history(Options::default());
    let mut shadows = Shadows::new(&economy.chain.doc);
    economy.blocks.iter().for_each(|block| shadows.follow(block));
    assert_eq!(shadows.replay().info(), economy.chain.app.info());
}

fn amounts() -> impl Strategy<Value = u128> {
    prop_oneof![4 => 1..10_000u128, 1 => Just(900_000_000_000_000_000_000), 1 => Just(u128::MAX)]
}

/// The transactions of a step: mostly valid; some with a nonce used before, and one that is garbage.
fn txs_of(chain: &TestChain, step: &Step) -> Vec<Bytes> {
    let state = chain.app.store().latest();
    let mut nonces: Vec<u64> = chain.people.iter().map(|person| diem_bank::nonce(&state, &person.address)).collect();
    let mut txs = Vec::new();
    for (from, to, amount, replayed) in &step.transfers {
        let nonce = if *replayed { 0 } else { nonces[*from] };
        txs.push(chain.transfer(*from, nonce, *to, *amount).bytes());
        nonces[*from] += u64::from(nonce == nonces[*from]);
    }
    txs.push(step.garbage.clone().into());
    txs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn shadow_applications_agree_on_every_root(steps in prop::collection::vec(step(), 1..12)) {
        let chain = TestChain::fresh();
        let mut shadows = Shadows::new(&chain.doc);
        for step in &steps {
            let txs = txs_of(&chain, step);
            if step.checked {
                txs.iter().for_each(|tx| drop(chain.check(tx)));
            }
            let outcome = if step.checked { chain.propose(txs) } else { chain.force(txs) };
            shadows.follow(&outcome);
            prop_assert_eq!(chain.app.check_invariants(), Ok(()));
        }
        let replayed = shadows.replay();
        prop_assert_eq!(replayed.info(), chain.app.info());
    }

    #[test]
    fn rollback_gives_the_state_and_the_index_of_the_height_before(steps in prop::collection::vec(step(), 2..6)) {
        let home = tempfile::TempDir::new().unwrap();
        let chain = TestChain::on(App::open(home.path(), Options::default()).unwrap(), 10);
        let outcomes: Vec<_> = steps.iter().map(|step| chain.force(txs_of(&chain, step))).collect();
        for (undone, before) in outcomes.iter().rev().zip(outcomes.iter().rev().skip(1)) {
            let info = chain.app.rollback().unwrap();
            prop_assert_eq!((info.height, info.root), (before.block.info.height, before.finalized.root));
            prop_assert!(chain.app.index().block(undone.block.info.height).is_none());
            prop_assert!(chain.app.index().height_of_block(&undone.hash).is_none());
            let kept = |tx: &&Bytes| !before.txs.contains(tx) && chain.app.index().transaction(&diem_core::tx::tx_hash(tx))
                .is_some_and(|stored| stored.height >= undone.block.info.height);
            prop_assert_eq!(undone.txs.iter().filter(kept).count(), 0);
            prop_assert_eq!(chain.app.check_invariants(), Ok(()));
        }
    }
}

#[test]
fn init_chain_twice_gives_the_same_root_and_a_committed_chain_refuses_it() {
    let chain = TestChain::fresh();
    let first = chain.app.init_chain(&chain.doc).unwrap();
    assert_eq!(chain.app.init_chain(&chain.doc).unwrap(), first);
    assert_eq!(chain.app.info().height, 0);
    chain.force(vec![]);
    assert_ne!(chain.root(), [0; 32]);
    let error = chain.app.init_chain(&chain.doc).unwrap_err();
    assert!(error.0.contains("holds a chain at height 1"), "{error}");
}

#[test]
fn the_order_of_validators_does_not_matter_to_the_genesis_hash() {
    let mut doc = TestChain::fresh().doc;
    doc.validators.push(diem_types::GenesisValidator { public_key: [3; 32], power: 5 });
    let hash = doc.hash();
    doc.validators.reverse();
    assert_eq!(doc.hash(), hash);
    doc.validators[0].power += 1;
    assert_ne!(doc.hash(), hash);
}

#[test]
fn finalize_writes_nothing_and_can_be_repeated_with_another_block() {
    let chain = TestChain::fresh();
    let block = chain.next_block();
    let (one, two) = (vec![chain.transfer(0, 0, 1, 1).bytes()], vec![chain.transfer(1, 0, 0, 2).bytes()]);
    let first = chain.app.finalize(&block, [1; 32], &one).unwrap();
    assert_eq!(chain.app.finalize(&block, [1; 32], &one).unwrap(), first);
    assert_eq!(chain.app.info().height, 0);
    let second = chain.app.finalize(&block, [2; 32], &two).unwrap();
    assert_ne!(first.root, second.root);
    chain.app.commit(vec![]).unwrap();
    assert_eq!(chain.root(), second.root, "the last one counts");
    assert!(chain.app.commit(vec![]).is_err(), "and only once");
}

#[test]
fn a_proposal_for_one_hash_is_not_used_for_another() {
    let chain = TestChain::fresh();
    let other = TestChain::fresh();
    let block = chain.next_block();
    let (one, two) = (vec![chain.transfer(0, 0, 1, 1).bytes()], vec![chain.transfer(1, 0, 0, 2).bytes()]);
    chain.app.process(&block, block_hash(&block, &one), &one).unwrap();
    let finalized = chain.app.finalize(&block, block_hash(&block, &two), &two).unwrap();
    assert_eq!(finalized, other.app.finalize(&block, block_hash(&block, &two), &two).unwrap());
}

#[test]
fn only_the_next_height_is_accepted() {
    let chain = TestChain::fresh();
    chain.force(vec![]);
    for height in [0, 1, 3, u64::MAX] {
        let mut block = chain.next_block();
        block.info.height = height;
        let error = chain.app.finalize(&block, [0; 32], &[]).unwrap_err();
        assert!(error.0.contains("needs block 2 next"), "{error}");
        assert_eq!(chain.app.process(&block, [0; 32], &[]), Err(Rejected::Block(error)));
    }
}

#[test]
fn at_once_can_be_proven_what_stood_before_the_latest_block_where_that_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let open = || App::open(folder.path(), Options::default()).unwrap();
    let heights = |app: &App| (app.provable().height(), app.oldest_height());
    let chain = TestChain::on(open(), 2);
    assert_eq!(heights(&chain.app), (0, None));
    chain.force(vec![]);
    assert_eq!(heights(&chain.app), (1, Some(1)), "its header is still to come");
    chain.force(vec![]);
    chain.force(vec![]);
    assert_eq!(heights(&chain.app), (2, Some(1)));
    drop(chain);
    assert_eq!(heights(&open()), (3, Some(3)), "a restart forgets past heights");
}

#[test]
fn a_block_back_in_time_stops_the_node() {
    let chain = TestChain::fresh();
    chain.force(vec![]);
    let mut block = chain.next_block();
    block.info.time = diem_core::Time(1);
    assert!(chain.app.finalize(&block, [0; 32], &[]).unwrap_err().0.contains("step `last_block` failed"));
}

/// All VVV of accounts and pools.
fn vvv_of(chain: &TestChain, state: &dyn diem_core::StateRead) -> u128 {
    let accounts = chain.people.iter().map(|person| person.address).chain([validator(0)]);
    let held: u128 = accounts.map(|address| diem_bank::balance(state, &address, Denom::Vvv).get()).sum();
    held + Pool::ALL.iter().map(|pool| diem_bank::pool(state, *pool, Denom::Vvv).get()).sum::<u128>()
}

#[test]
fn checks_and_queries_go_on_while_blocks_are_made() {
    let chain = TestChain::fresh();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let info = chain.app.info();
                assert!(info.height >= seen, "heights never go back");
                seen = info.height;
                let snapshot = chain.app.snapshot(None).unwrap();
                if snapshot.height() > 0 {
                    // The supply grows with every block.
                    let supply = diem_bank::supply(&snapshot, Denom::Vvv).get();
                    assert_eq!(vvv_of(&chain, &snapshot), supply, "a snapshot is of one height");
                }
                let _ = chain.app.check_tx(&chain.transfer(5, 0, 6, 1).bytes());
            }
            seen
        });
        for nonce in 0..200 {
            chain.force(vec![
                chain.transfer(0, 2 * nonce, 1, 5).bytes(),
                chain.transfer(0, 2 * nonce + 1, 2, 5).bytes(),
            ]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(chain.app.info().height, 200);
}

#[test]
fn error_codes_are_unique_and_named() {
    for (codespace, table) in diem_types::ERRORS {
        let mut codes: Vec<u32> = table.iter().map(|info| info.code).collect();
        codes.dedup();
        assert_eq!(codes.len(), table.len(), "{codespace}");
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]) && codes.first() == Some(&1), "{codespace}");
        assert!(table.iter().all(|info| !info.name.is_empty()));
    }
    assert_eq!(diem_types::error_info("chain", ChainError::NotStarted.code()).unwrap().name, "not_started");
}
