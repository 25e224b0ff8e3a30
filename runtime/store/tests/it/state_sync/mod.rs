//! Snapshots taken, restored, lied about, and restores that are killed.

mod definition;
mod full;
mod killed;
mod lies;
mod manifests;
mod round_trip;
mod taking;

use std::sync::atomic::AtomicBool;

use diem_core::storage::{Key, StateRead as _, Value};
use diem_overlay::WriteSet;
use diem_store::state_sync::{Applied, Manifest, Restore, Shelf};
use diem_store::{Options, Store};
use tempfile::TempDir;

/// The height of all snapshots here.
pub(crate) const HEIGHT: u64 = 7;

/// The time and the app version of that height.
pub(crate) const TIME_MS: u64 = 7_000;
pub(crate) const APP_VERSION: u64 = 3;

pub(crate) fn key(number: u32) -> Vec<u8> {
    [&[1, 1][..], &number.to_be_bytes()].concat()
}

pub(crate) fn value(number: u32) -> Vec<u8> {
    let length = usize::try_from(number).unwrap() % 90 + 1;
    number.to_be_bytes().iter().copied().cycle().take(length).collect()
}

pub(crate) fn write_set(rows: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) -> WriteSet {
    rows.into_iter().map(|(key, value)| (Key::from_vec(key), value.map(Value::from_vec))).collect()
}

fn options() -> Options {
    Options { ring: 4, cache_bytes: 1 << 20, ..Options::default() }
}

/// A store in a folder that is removed with it.
pub(crate) struct Home {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn empty() -> Home {
        let folder = tempfile::tempdir().unwrap();
        Home { store: Store::open(folder.path(), options()).unwrap(), folder }
    }

    /// A store with these rows at [`HEIGHT`], which came to them in two blocks.
    pub(crate) fn with_rows(count: u32) -> Home {
        let home = Home::empty();
        // The first block holds rows that the second removes or changes.
        let first = (0..count).map(|n| (key(n), Some(vec![9]))).chain([(b"gone".to_vec(), Some(vec![1]))]);
        commit(&home.store, HEIGHT - 1, write_set(first));
        let second = (0..count).map(|n| (key(n), Some(value(n)))).chain([(b"gone".to_vec(), None)]);
        commit(&home.store, HEIGHT, write_set(second));
        home
    }

    /// A snapshot of the last height, with at most so many rows in a chunk on average.
    pub(crate) fn take(&self, rows_per_chunk: u64) -> Taken {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&folder.path().join("snapshots"), rows_per_chunk).unwrap();
        let manifest = shelf.take(&self.store.latest(), &AtomicBool::new(false)).unwrap();
        Taken { shelf, manifest, _folder: folder }
    }

    /// Closes the store and opens it again.
    pub(crate) fn reopen(self) -> Home {
        let Home { store, folder } = self;
        drop(store);
        Home { store: Store::open(folder.path(), options()).unwrap(), folder }
    }

    /// Asserts that nothing of a snapshot is in the folder, and that the store could begin anew.
    pub(crate) fn assert_nothing_is_left(self) -> Home {
        assert!(!self.folder.path().join("restoring").exists());
        assert_eq!((self.store.meta(), self.store.began_at()), (None, None));
        assert_eq!(self.store.state_rows().count(), 0);
        let home = self.reopen();
        assert!(!home.folder.path().join("restoring").exists());
        assert_eq!((home.store.meta(), home.store.state_rows().count()), (None, 0));
        home
    }
}

/// A snapshot in a folder that is removed with it.
pub(crate) struct Taken {
    pub(crate) shelf: Shelf,
    pub(crate) manifest: Manifest,
    _folder: TempDir,
}

impl Taken {
    pub(crate) fn chunk(&self, index: usize) -> Vec<u8> {
        self.shelf.chunk(HEIGHT, index).unwrap().unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.manifest.chunks().len()
    }

    /// Applies all chunks in order.
    pub(crate) fn apply_all(&self, restore: &mut Restore) -> Applied {
        let mut last = Applied::default();
        for index in 0..self.count() {
            assert!(!last.is_complete);
            last = restore.apply(index, self.chunk(index), "honest").unwrap();
            assert_eq!(last.wrong, vec![]);
        }
        last
    }

    pub(crate) fn restore_into(&self, home: &Home) {
        let mut restore = home.store.restore(self.manifest.clone(), vec![]).unwrap();
        assert!(self.apply_all(&mut restore).is_complete);
        home.store.adopt(restore, TIME_MS, APP_VERSION).unwrap();
    }
}

pub(crate) fn commit(store: &Store, height: u64, writes: WriteSet) -> [u8; 32] {
    store.commit(store.stage(writes).unwrap(), height, height * 1000, APP_VERSION, vec![]).unwrap().root()
}

/// Asserts that two stores hold the same state of one height.
pub(crate) fn assert_same(a: &Store, b: &Store) {
    assert_eq!(a.meta(), b.meta());
    let (a, b) = (a.latest(), b.latest());
    assert_eq!((a.root(), a.row_count()), (b.root(), b.row_count()));
    assert!(a.rows().eq(b.rows()));
    for key in [key(0), key(1), key(77), b"gone".to_vec(), vec![], vec![255; 70]] {
        assert_eq!(a.prove(&key), b.prove(&key));
        assert_eq!(a.get(&key), b.get(&key));
    }
}
