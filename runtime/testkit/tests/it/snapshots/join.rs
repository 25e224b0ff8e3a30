//! Nodes that join by a snapshot, and then live as if they had been there from the first block.

use diem_core::{StateRead as _, proof};
use diem_runtime::App;
use diem_store::StoreError;
use diem_testkit::BlockOutcome;

use super::{Joiner, RARELY, Source, YOUNG};

fn live(app: &App, outcome: &BlockOutcome) {
    let finalized = app.finalize(&outcome.block, outcome.hash, &outcome.txs).unwrap();
    assert_eq!(finalized, outcome.finalized);
    app.commit(Vec::new()).unwrap();
}

#[test]
fn a_node_that_joins_by_a_snapshot_executes_every_later_block_alike() {
    let source = Source::young();
    let (offer, root) = source.offer();
    assert!(offer.height == YOUNG && offer.chunks > 4, "{offer:?}");
    let mut after: Vec<BlockOutcome> = Vec::new();
    // The snapshot is of height 100, and blocks 101 and 102 are there already: the same ones again for the new node.
    let replayed = Source::new(RARELY, 2);
    while replayed.chain.app.info().height < YOUNG + 50 {
        let outcome = replayed.block();
        if outcome.block.info.height > YOUNG {
            after.push(outcome);
        }
    }
    let mut joiner = Joiner::new();
    assert_eq!(joiner.join(&source), YOUNG);
    assert_eq!((joiner.app.info().height, joiner.app.info().root), (YOUNG, root));
    assert_eq!(joiner.app.chain(), source.chain.app.chain());
    joiner.app.check_invariants().unwrap();
    for (place, outcome) in after.iter().enumerate() {
        // It is restarted now and then.
        if place % 20 == 0 {
            joiner = joiner.reopen();
        }
        live(&joiner.app, outcome);
    }
    assert_eq!(after.len(), 50);
    assert_eq!(joiner.app.info(), replayed.chain.app.info());
    joiner.app.check_invariants().unwrap();
}

#[test]
fn a_joined_node_proves_rows_and_finds_blocks_from_its_height_on() {
    let (source, joiner) = (Source::young(), Joiner::new());
    joiner.join(&source);
    let snapshot = joiner.app.store().latest();
    for person in &source.chain.people {
        let key = diem_bank::state::account_key(&person.address);
        let (row, shown) = snapshot.prove(&key);
        assert!(row.is_some());
        assert_eq!(row, snapshot.get(&key));
        proof::verify(&snapshot.root(), &key, row.as_deref(), &shown).unwrap();
    }
    assert!(joiner.app.index().block(YOUNG).is_none(), "it never saw that block");
    let block = joiner.app.store().meta().unwrap();
    assert_eq!(block.time_ms, source.chain.app.index().block(YOUNG).unwrap().time.millis());
    assert_eq!(joiner.app.store().began_at(), Some(YOUNG));
    let next = source.chain.app.index().block(YOUNG + 1).unwrap();
    let txs: Vec<_> =
        source.chain.app.index().block_txs(YOUNG + 1, 0, 10).into_iter().map(|tx| tx.bytes.into()).collect();
    let block = diem_testkit::chain::next_block(&joiner.app, &source.chain.doc);
    assert_eq!(joiner.app.finalize(&block, next.hash, &txs).unwrap().root, next.root);
    joiner.app.commit(Vec::new()).unwrap();
    assert_eq!(joiner.app.index().block(YOUNG + 1).unwrap().root, next.root);
}

#[test]
fn a_joined_node_goes_back_to_its_first_height_and_no_further() {
    let (source, joiner) = (Source::young(), Joiner::new());
    joiner.join(&source);
    let before = joiner.app.info();
    let block = diem_testkit::chain::next_block(&joiner.app, &source.chain.doc);
    joiner.app.finalize(&block, [1; 32], &[]).unwrap();
    joiner.app.commit(Vec::new()).unwrap();
    assert_eq!(joiner.app.rollback().unwrap(), before);
    let refused = joiner.app.rollback().unwrap_err().to_string();
    assert!(refused.contains("this home began at it from a snapshot"), "{refused}");
    assert!(matches!(joiner.app.snapshot(Some(YOUNG - 1)), Err(StoreError::NotKept { .. })));
}

#[test]
fn a_joined_node_takes_the_same_snapshots_as_the_others() {
    let (source, joiner) = (Source::young(), Joiner::new());
    joiner.join(&source);
    assert_eq!(joiner.app.list_snapshots(), vec![], "it has none of its own yet");
    let shelf = diem_store::state_sync::Shelf::open(&joiner.folder.path().join("snapshots"), super::ROWS_PER_CHUNK);
    let manifest = shelf.unwrap().take(&joiner.app.store().latest(), &false.into()).unwrap();
    assert_eq!(manifest.encode(), source.offer().0.metadata);
    // Another node can join by it once the headers above are there.
    while joiner.app.info().height < YOUNG + 2 {
        assert_eq!(joiner.app.list_snapshots(), vec![]);
        let block = diem_testkit::chain::next_block(&joiner.app, &source.chain.doc);
        joiner.app.finalize(&block, [1; 32], &[]).unwrap();
        joiner.app.commit(Vec::new()).unwrap();
    }
    assert_eq!(joiner.app.list_snapshots(), vec![source.offer().0]);
    let (offer, third) = (source.offer().0, Joiner::new());
    third.app.offer_snapshot(&offer, &source.offer().1, &source.own()).unwrap();
    for index in 0..offer.chunks {
        // Every other chunk comes from the node that joined.
        let from = if index % 2 == 0 { &joiner.app } else { &*source.chain.app };
        let chunk = from.load_chunk(YOUNG, offer.format, index).unwrap();
        assert!(third.app.apply_chunk(index, chunk, "either").unwrap().wrong.is_empty());
    }
    assert_eq!(third.app.info().root, source.offer().1);
}
