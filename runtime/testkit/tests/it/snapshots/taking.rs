//! Which snapshots a chain takes, offers, keeps and removes.

use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, channel},
};

use diem_runtime::snapshots::{Outcome, Settings, TakeSnapshot, Taker};

use super::{RARELY, Source, YOUNG};

/// Asks for a snapshot and waits for it as long as the first of what it returns lives.
fn ask(taker: &Taker) -> (Arc<()>, Receiver<Outcome>) {
    let (waits, (tell, told)) = (Arc::default(), channel());
    taker.ask(&waits, move |outcome| tell.send(outcome).unwrap_or_default());
    (waits, told)
}

#[test]
fn a_young_chain_offers_a_snapshot_as_soon_as_its_header_can_be_verified() {
    let source = Source::new(RARELY, 2);
    source.blocks(YOUNG + 1);
    assert_eq!(source.listed(), Vec::<u64>::new());
    assert_eq!(source.chain.app.oldest_snapshot(), Some(YOUNG));
    source.blocks(YOUNG + 2);
    assert_eq!(source.listed(), vec![YOUNG]);
    let (offer, root) = source.offer();
    assert_eq!(diem_store::state_sync::Manifest::decode(&offer.metadata).unwrap().app_hash(), root);
    let app = &source.chain.app;
    assert!(app.load_chunk(YOUNG, offer.format, 0).is_some());
    assert!(app.load_chunk(YOUNG, offer.format + 1, 0).is_none());
    assert!(app.load_chunk(YOUNG, offer.format, offer.chunks).is_none());
    assert!(app.load_chunk(YOUNG + 1, offer.format, 0).is_none());
}

#[test]
fn the_first_block_of_each_period_is_taken_and_the_newest_are_kept() {
    // Blocks come every second, and periods begin at multiples of ten seconds.
    let source = Source::new(Some(10), 2);
    let first = source.block().block.info.time.millis() / 1_000;
    let is_first_of_period = |height: &u64| (first + height - 1).is_multiple_of(10);
    let mut all: Vec<u64> = Vec::new();
    for _ in 2..=60 {
        let height = source.block().block.info.height;
        all.extend(Some(height).filter(is_first_of_period));
        let offered: Vec<u64> = all.iter().copied().filter(|taken| taken + 2 <= height).collect();
        let newest: Vec<u64> = offered.iter().rev().take(2).copied().collect();
        assert_eq!(source.listed(), newest, "at {height}");
    }
    assert!(all.len() >= 5);
}

#[test]
fn a_snapshot_that_is_asked_for_is_of_the_next_height() {
    let source = Source::new(None, 2);
    source.blocks(4);
    let (_waits, told) = ask(&source.taker);
    let (takes_back, never_told) = ask(&source.taker);
    drop(takes_back);
    source.blocks(7);
    assert_eq!(source.listed(), vec![5]);
    let manifest = told.recv().unwrap().unwrap();
    assert_eq!((manifest.height(), manifest.app_hash()), (5, source.chain.app.snapshot(Some(5)).unwrap().root()));
    assert!(never_told.recv().is_err());
}

#[test]
fn a_question_that_is_taken_back_before_the_next_block_takes_none() {
    let source = Source::new(None, 2);
    source.blocks(4);
    drop(ask(&source.taker));
    source.blocks(7);
    assert_eq!(source.listed(), Vec::<u64>::new());
}

#[test]
fn a_snapshot_of_a_height_that_was_taken_back_goes() {
    let source = Source::new(None, 2);
    source.blocks(4);
    let _first = ask(&source.taker);
    source.blocks(7);
    let (old, _) = source.offer();
    for _ in 0..3 {
        source.chain.app.rollback().unwrap();
    }
    assert_eq!(source.listed(), Vec::<u64>::new());
    let _second = ask(&source.taker);
    // Another block of that height.
    let outcome = source.chain.force(Vec::new());
    source.committed(&outcome);
    source.blocks(7);
    assert_eq!(source.listed(), vec![5]);
    assert_ne!(source.offer().0.hash, old.hash);
}

#[test]
fn one_snapshot_is_taken_at_a_time_and_none_after_the_taker_went() {
    let source = Source::new(None, 2);
    source.blocks(3);
    let waiting: Arc<Mutex<Vec<TakeSnapshot>>> = Arc::default();
    let later = Arc::clone(&waiting);
    let settings = Settings { every_ms: None, keep: 2 };
    let taker = Taker::new(Arc::clone(&source.chain.app), settings, move |take| later.lock().unwrap().push(take));
    let block = |source: &Source| {
        let asked = ask(&taker);
        let outcome = source.chain.force(Vec::new());
        super::tell(source, &taker, &outcome);
        asked
    };
    let (_waits, first) = block(&source);
    let (waits, second) = block(&source);
    let take = waiting.lock().unwrap().pop().unwrap();
    assert!(waiting.lock().unwrap().is_empty(), "the second waits for the first");
    assert_eq!(take.height(), 4);
    take.run();
    assert_eq!(first.recv().unwrap().unwrap().height(), 4);
    assert!(second.try_recv().is_err(), "its height is a later one");
    let (_, third) = block(&source);
    assert_eq!(source.listed(), vec![4]);
    let take = waiting.lock().unwrap().pop().unwrap();
    assert_eq!(take.height(), 6);
    take.run();
    for both in [second, third] {
        assert_eq!(both.recv().unwrap().unwrap().height(), 6);
    }
    drop(waits);
    let (_, cancelled) = block(&source);
    drop(taker);
    let take = waiting.lock().unwrap().pop().unwrap();
    assert_eq!(take.height(), 7);
    take.run();
    assert!(cancelled.recv().unwrap().unwrap_err().contains("the node stops"));
    source.blocks(9);
    assert_eq!(source.listed(), vec![6, 4], "it was cancelled with its taker");
}
