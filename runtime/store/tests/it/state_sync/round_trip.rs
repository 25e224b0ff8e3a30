//! What is restored is what was taken.

use diem_core::storage::{Key, StateRead as _};
use diem_store::StoreError;
use diem_store::state_sync::verify;

use super::{APP_VERSION, HEIGHT, Home, TIME_MS, assert_same, commit, key, value, write_set};

/// Rows, rows a chunk, and the depth that follows.
const SIZES: [(u32, u64, u8); 8] =
    [(0, 10, 0), (1, 10, 0), (2, 1, 1), (10, 10, 0), (11, 10, 1), (300, 5, 6), (3, 1, 2), (5_000, 2_000, 2)];

#[test]
fn a_restored_store_has_the_same_rows_root_and_proofs_and_goes_on_alike() {
    for (rows, rows_per_chunk, depth) in SIZES {
        let original = Home::with_rows(rows);
        let taken = original.take(rows_per_chunk);
        assert_eq!((taken.manifest.depth(), taken.manifest.rows()), (depth, u64::from(rows)));
        assert_eq!(taken.manifest.app_hash(), original.store.latest().root());
        assert_eq!(verify(&taken.shelf.folder(HEIGHT)).unwrap(), taken.manifest);
        let restored = Home::empty();
        taken.restore_into(&restored);
        assert_same(&original.store, &restored.store);
        assert_eq!((restored.store.began_at(), original.store.began_at()), (Some(HEIGHT), None));
        let restored = restored.reopen();
        assert_same(&original.store, &restored.store);
        assert_eq!(restored.store.began_at(), Some(HEIGHT));
        for height in HEIGHT + 1..HEIGHT + 20 {
            let number = u32::try_from(height).unwrap();
            let batch = write_set([
                (key(number), Some(value(number + 1))),
                (key(number * 3 % 40), None),
                (key(10_000 + number), Some(vec![1])),
            ]);
            assert_eq!(commit(&original.store, height, batch.clone()), commit(&restored.store, height, batch));
        }
        assert_same(&original.store, &restored.store);
    }
}

#[test]
fn a_restored_store_goes_on_without_being_opened_again() {
    let original = Home::with_rows(500);
    let (restored, before) = (Home::empty(), original.take(40));
    let empty = restored.store.latest();
    let early = restored.store.stage(write_set([(key(1), Some(vec![1]))])).unwrap();
    before.restore_into(&restored);
    assert_eq!((empty.height(), empty.get(&key(3))), (0, None), "who looked at the empty store still sees it");
    drop(empty);
    let late = restored.store.commit(early, HEIGHT + 1, 0, 0, vec![]);
    assert!(matches!(late, Err(StoreError::Stale)), "what was staged before stands on nothing");
    for height in HEIGHT + 1..HEIGHT + 100 {
        let batch = write_set([(key(5), Some(height.to_be_bytes().to_vec())), (key(4), None)]);
        assert_eq!(commit(&original.store, height, batch.clone()), commit(&restored.store, height, batch));
    }
    assert_same(&original.store, &restored.store);
    assert_same(&original.store, &restored.reopen().store);
}

#[test]
fn nothing_goes_back_behind_the_snapshot() {
    let (original, restored) = (Home::with_rows(50), Home::empty());
    original.take(10).restore_into(&restored);
    commit(&restored.store, HEIGHT + 1, write_set([(key(1), None)]));
    assert_eq!(restored.store.rollback(vec![]).unwrap(), original.store.meta().unwrap());
    assert_same(&original.store, &restored.store);
    let refused = restored.store.rollback(vec![]).unwrap_err();
    assert!(matches!(refused, StoreError::BeganHere { height: HEIGHT }));
    assert!(refused.to_string().contains("began at it from a snapshot"), "{refused}");
    assert!(matches!(restored.store.at(HEIGHT - 1), Err(StoreError::NotKept { oldest: HEIGHT, .. })));
    commit(&restored.store, HEIGHT + 1, write_set([(key(2), None)]));
}

#[test]
fn a_snapshot_is_restored_into_an_empty_store_only() {
    let home = Home::with_rows(5);
    let taken = home.take(10);
    let refused = home.store.restore(taken.manifest.clone(), vec![]).err().unwrap();
    assert!(matches!(refused, StoreError::NotEmpty { height: HEIGHT, .. }), "{refused}");
    // A block that is committed meanwhile wins, and stays.
    let other = Home::empty();
    let mut restore = other.store.restore(taken.manifest.clone(), vec![]).unwrap();
    taken.apply_all(&mut restore);
    let root = commit(&other.store, 1, write_set([(key(9), Some(vec![9]))]));
    assert!(matches!(other.store.adopt(restore, 0, 0), Err(StoreError::NotEmpty { height: 1, .. })));
    let other = other.reopen();
    assert_eq!((other.store.latest().root(), other.store.latest().height()), (root, 1));
}

#[test]
fn chunks_may_come_in_any_order_and_twice() {
    let (original, restored) = (Home::with_rows(300), Home::empty());
    let taken = original.take(5);
    let wanted = vec![Key::from_vec(key(7)), Key::from_slice(b"no such row")];
    let mut restore = restored.store.restore(taken.manifest.clone(), wanted).unwrap();
    for index in (0..taken.count()).rev() {
        let applied = restore.apply(index, taken.chunk(index), "a").unwrap();
        assert_eq!((applied.wrong, applied.is_complete), (vec![], index == 0));
        assert_eq!(restore.apply(index, vec![9, 9], "b").unwrap().wrong, vec![], "it is there or worked on");
    }
    assert_eq!(restore.apply(64, vec![], "c").unwrap().wrong, vec![], "there is no such chunk");
    assert_eq!(restore.progress(), (64, 64));
    assert_eq!(restore.row(&key(7)).unwrap().as_slice(), value(7));
    assert_eq!(restore.row(b"no such row"), None);
    restored.store.adopt(restore, TIME_MS, APP_VERSION).unwrap();
    assert_same(&original.store, &restored.store);
}

#[test]
fn a_restore_that_is_given_up_leaves_nothing_and_another_may_follow() {
    let (original, restored) = (Home::with_rows(300), Home::empty());
    let taken = original.take(5);
    for chunks in [0, 1, 30, 63] {
        let mut restore = restored.store.restore(taken.manifest.clone(), vec![]).unwrap();
        for index in 0..chunks {
            restore.apply(index, taken.chunk(index), "a").unwrap();
        }
        if chunks == 63 {
            let refused = restored.store.adopt(restore, 0, 0);
            assert!(matches!(refused, Err(StoreError::Incomplete { .. })));
        }
    }
    let restored = restored.assert_nothing_is_left();
    taken.restore_into(&restored);
    assert_same(&original.store, &restored.store);
}
