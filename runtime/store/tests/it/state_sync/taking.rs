//! Taking snapshots, and the shelf on which they lie.

use std::fs;
use std::sync::atomic::AtomicBool;

use diem_store::state_sync::{ROWS_PER_CHUNK, Shelf, TakeError, VerifyError, verify};

use super::{HEIGHT, Home, commit, key, write_set};

#[test]
fn a_snapshot_is_of_its_height_while_blocks_go_on() {
    let home = Home::with_rows(300);
    let expected = home.take(10).manifest;
    let pinned = home.store.latest();
    // Far past the ring of four.
    for height in HEIGHT + 1..HEIGHT + 20 {
        commit(&home.store, height, write_set((0..300).map(|n| (key(n), Some(height.to_be_bytes().to_vec())))));
    }
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path(), 10).unwrap();
    assert_eq!(shelf.take(&pinned, &AtomicBool::new(false)).unwrap(), expected);
    assert_eq!(verify(&shelf.folder(HEIGHT)).unwrap(), expected);
    let again = shelf.take(&pinned, &AtomicBool::new(false));
    assert!(matches!(again, Err(TakeError::Exists(HEIGHT))));
}

#[test]
fn a_taking_that_is_cancelled_or_was_killed_leaves_nothing() {
    let home = Home::with_rows(300);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots");
    let shelf = Shelf::open(&path, 10).unwrap();
    assert_eq!(shelf.heights().unwrap(), Vec::<u64>::new());
    let cancelled = shelf.take(&home.store.latest(), &AtomicBool::new(true));
    assert!(matches!(cancelled, Err(TakeError::Cancelled)));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    fs::create_dir(path.join("7.tmp")).unwrap();
    fs::write(path.join("7.tmp/00000"), "half").unwrap();
    assert_eq!(shelf.heights().unwrap(), Vec::<u64>::new());
    let shelf = Shelf::open(&path, 10).unwrap();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    shelf.take(&home.store.latest(), &AtomicBool::new(false)).unwrap();
    assert_eq!(shelf.heights().unwrap(), vec![HEIGHT]);
    shelf.remove(HEIGHT).unwrap();
    shelf.remove(HEIGHT).unwrap();
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn a_store_without_a_block_has_no_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path(), 10).unwrap();
    let refused = shelf.take(&Home::empty().store.latest(), &AtomicBool::new(false));
    assert!(matches!(refused, Err(TakeError::NoBlock)));
}

#[test]
fn a_damaged_snapshot_does_not_verify() {
    let taken = Home::with_rows(300).take(10);
    let folder = taken.shelf.folder(HEIGHT);
    let chunk = folder.join("00003");
    let good = fs::read(&chunk).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&chunk, bad).unwrap();
    assert!(matches!(verify(&folder), Err(VerifyError::Chunk { index: 3, .. })));
    fs::remove_file(&chunk).unwrap();
    assert!(matches!(verify(&folder), Err(VerifyError::Store(_))));
    fs::write(&chunk, good).unwrap();
    verify(&folder).unwrap();
    fs::write(folder.join("manifest"), "nonsense").unwrap();
    let error = verify(&folder).unwrap_err();
    assert!(error.to_string().contains("does not decode"), "{error}");
}

#[test]
fn large_rows_make_a_deeper_cut_and_a_row_too_large_makes_none() {
    let home = Home::empty();
    let large = |n: u32, bytes: usize| (key(n), Some(vec![1; bytes]));
    commit(&home.store, HEIGHT, write_set((0..4).map(|n| large(n, 5 << 20))));
    let taken = home.take(ROWS_PER_CHUNK);
    assert!(taken.manifest.depth() >= 2, "no two of them fit into one chunk");
    assert!(taken.manifest.chunks().iter().all(|chunk| chunk.rows <= 1));
    let restored = Home::empty();
    let mut restore = restored.store.restore(taken.manifest.clone(), vec![]).unwrap();
    assert!(taken.apply_all(&mut restore).is_complete);
    restored.store.adopt(restore, HEIGHT * 1000, super::APP_VERSION).unwrap();
    super::assert_same(&home.store, &restored.store);
    commit(&home.store, HEIGHT + 1, write_set([large(9, 8 << 20)]));
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::open(folder.path(), ROWS_PER_CHUNK).unwrap();
    let refused = shelf.take(&home.store.latest(), &AtomicBool::new(false));
    assert!(matches!(refused, Err(TakeError::TooLarge)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
