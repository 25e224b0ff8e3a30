//! What a node removes of its index: by height and by time, never what somebody needs, and without any result changing.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Arc, mpsc};

use diem_core::{Time, tx::tx_hash};
use diem_runtime::{
    App, Keep, Options,
    snapshots::{Settings, TakeSnapshot, Taker},
};
use diem_store::Store;
use diem_testkit::TestChain;

/// The heights that can be rolled back.
const RING: usize = 4;

fn options(keep: Keep) -> Options {
    let store = diem_store::Options { ring: RING, cache_bytes: 1 << 20, sync: false, ..diem_store::Options::default() };
    Options { store, keep, ..Options::default() }
}

fn blocks(blocks: u64) -> Keep {
    Keep { blocks, time_ms: 0 }
}

/// Commits a block with a transfer; returns its height and the hash of the transfer.
fn step(chain: &TestChain) -> (u64, [u8; 32]) {
    let tx = chain.transfer(0, chain.app.next_nonce(&chain.people[0].address), 1, 1).bytes();
    let outcome = chain.force(vec![tx.clone()]);
    (outcome.block.info.height, tx_hash(&tx))
}

fn chain_in(folder: &Path, keep: Keep) -> TestChain {
    TestChain::on(App::open(folder, options(keep)).unwrap(), 10)
}

/// Checks that block, transaction and its place are found from `first` on and nowhere below.
fn found_from(app: &App, first: u64, steps: &[(u64, [u8; 32])]) {
    assert_eq!(app.first_block(), first);
    for (height, hash) in steps {
        let is_kept = *height >= first;
        assert_eq!(app.index().block(*height).is_some(), is_kept, "block {height}, first is {first}");
        assert_eq!(app.index().transaction(hash).is_some(), is_kept, "transaction of {height}");
        assert_eq!(app.index().block_txs(*height, 0, 9).len(), usize::from(is_kept));
        assert_eq!(app.is_pruned(*height), !is_kept);
    }
}

#[test]
fn a_node_keeps_the_number_of_blocks_that_it_was_told_and_computes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (pruned, whole) = (chain_in(folder.path(), blocks(20)), TestChain::with(options(Keep::default()), 10));
    let mut steps = Vec::new();
    for _ in 0..100 {
        steps.push(step(&pruned));
        assert_eq!(step(&whole), *steps.last().unwrap());
        assert_eq!(pruned.root(), whole.root());
    }
    found_from(&whole.app, 1, &steps);
    found_from(&pruned.app, 80, &steps);
    // What is gone stays so when the node starts again, whatever it is told to keep then.
    let TestChain { app, .. } = pruned;
    drop(Arc::try_unwrap(app).ok().unwrap());
    let app = App::open(folder.path(), options(blocks(90))).unwrap();
    found_from(&app, 80, &steps);
}

#[test]
fn of_the_two_cuts_the_lower_height_counts() {
    let second = 1_000;
    // Blocks of these chains are a second apart.
    for (keep, first) in [
        (Keep { blocks: 0, time_ms: 30 * second }, 70),
        (Keep { blocks: 20, time_ms: 30 * second }, 70),
        (Keep { blocks: 50, time_ms: 30 * second }, 50),
        (Keep { blocks: 50, time_ms: 0 }, 50),
        (Keep { blocks: 0, time_ms: 0 }, 1),
        (Keep { blocks: 0, time_ms: 1_000_000 * second }, 1),
    ] {
        let chain = TestChain::with(options(keep), 10);
        let mut steps = Vec::new();
        while chain.app.info().height < 100 {
            let mut block = chain.next_block();
            block.info.time = Time(chain.doc.genesis_time.millis() + block.info.height * second);
            let tx = chain.transfer(0, chain.app.next_nonce(&chain.people[0].address), 1, 1).bytes();
            steps.push((block.info.height, tx_hash(&tx)));
            chain.run(block, vec![tx]);
        }
        found_from(&chain.app, first, &steps);
    }
}

#[test]
fn a_long_chain_is_pruned_a_little_with_each_block() {
    let folder = tempfile::tempdir().unwrap();
    let whole = chain_in(folder.path(), Keep::default());
    let mut steps: Vec<_> = (0..300).map(|_| step(&whole)).collect();
    let TestChain { app, doc, people } = whole;
    drop(Arc::try_unwrap(app).ok().unwrap());
    let app = Arc::new(App::open(folder.path(), options(blocks(20))).unwrap());
    let chain = TestChain { app, doc, people };
    let mut firsts = vec![chain.app.first_block()];
    while *firsts.last().unwrap() < chain.app.info().height - 20 {
        steps.push(step(&chain));
        firsts.push(chain.app.first_block());
        found_from(&chain.app, *firsts.last().unwrap(), &steps);
    }
    assert!(firsts.len() > 4 && firsts.windows(2).all(|pair| pair[1] - pair[0] <= 64), "{firsts:?}");
}

#[test]
fn what_a_rollback_needs_stays() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain_in(folder.path(), blocks(1));
    let mut steps: Vec<_> = (0..50).map(|_| step(&chain)).collect();
    let reach = chain.app.undoes_to().unwrap();
    assert_eq!(reach, 50 - RING as u64);
    found_from(&chain.app, reach - 1, &steps);
    // A pin of the development engine keeps more.
    chain.app.store().pin(50);
    steps.extend((0..50).map(|_| step(&chain)));
    found_from(&chain.app, 50, &steps);
    while chain.app.info().height > 50 {
        chain.app.rollback().unwrap();
        steps.pop();
    }
    found_from(&chain.app, 50, &steps);
    chain.app.rollback().unwrap_err();
    chain.app.store().unpin(50);
    steps.extend((0..50).map(|_| step(&chain)));
    assert!(chain.app.first_block() > 50);
    found_from(&chain.app, chain.app.first_block(), &steps);
}

#[test]
fn what_joiners_of_a_snapshot_need_stays_also_while_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain_in(folder.path(), blocks(1));
    let (given, takes) = mpsc::channel::<TakeSnapshot>();
    let settings = Settings { every_ms: NonZeroU64::new(u64::MAX), keep: 1 };
    let taker = Taker::new(Arc::clone(&chain.app), settings, move |take| given.send(take).unwrap());
    let step = || {
        let block = chain.next_block();
        let (txs, info) = (Vec::new(), block.info);
        let hash = [u8::try_from(info.height % 251).unwrap(); 32];
        chain.app.finalize(&block, hash, &txs).unwrap();
        taker.after_commit(&chain.app.commit(Vec::new()).unwrap());
    };
    (0..150).for_each(|_| step());
    // The snapshot of the hundredth height is still being taken.
    assert_eq!(chain.app.first_block(), 100);
    takes.recv().unwrap().run();
    (0..50).for_each(|_| step());
    assert_eq!((chain.app.first_block(), chain.app.oldest_snapshot()), (100, Some(100)));
    // Another takes its place, and then the blocks above the old one go.
    let waits = Arc::new(());
    taker.ask(&waits, |outcome| drop(outcome.unwrap()));
    step();
    takes.recv().unwrap().run();
    (0..60).for_each(|_| step());
    assert_eq!((chain.app.first_block(), chain.app.oldest_snapshot()), (201, Some(201)));
}

/// The rows on disk by their first byte, whether readers of a node see them or not.
fn rows_on_disk(folder: &Path, kind: u8) -> usize {
    // Without a layout nothing is hidden.
    let store = Store::open(folder, diem_store::Options::default()).unwrap();
    store.index_range(&[kind], Some(&[kind + 1]), usize::MAX, false).len()
}

#[test]
fn pruning_at_once_leaves_nothing_on_disk_of_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain_in(folder.path(), Keep::default());
    let steps: Vec<_> = (0..300).map(|_| step(&chain)).collect();
    let root = chain.root();
    assert_eq!(chain.app.prune(blocks(100)).unwrap(), 200);
    found_from(&chain.app, 200, &steps);
    assert_eq!(chain.app.prune(blocks(250)).unwrap(), 200, "what is gone does not come back");
    let TestChain { app, .. } = chain;
    drop(Arc::try_unwrap(app).ok().unwrap());
    for kind in *b"bthk" {
        assert_eq!(rows_on_disk(folder.path(), kind), 101, "{}", char::from(kind));
    }
    let app = App::open(folder.path(), options(Keep::default())).unwrap();
    assert_eq!(app.info().root, root);
    found_from(&app, 200, &steps);
}

#[test]
fn a_node_that_prunes_all_along_keeps_few_rows_on_disk_too() {
    let folder = tempfile::tempdir().unwrap();
    let chain = chain_in(folder.path(), blocks(50));
    // Rows leave the disk every 256 heights, and those by hash when four files of them are rewritten.
    let steps: Vec<_> = (0..1_600).map(|_| step(&chain)).collect();
    found_from(&chain.app, 1_550, &steps);
    let TestChain { app, .. } = chain;
    drop(Arc::try_unwrap(app).ok().unwrap());
    assert!(rows_on_disk(folder.path(), b't') < 50 + 256 + 10, "{}", rows_on_disk(folder.path(), b't'));
    let by_hash = rows_on_disk(folder.path(), b'h');
    assert!(by_hash < 1_600 - 256, "{by_hash} rows by hash of 1600 are left");
}
