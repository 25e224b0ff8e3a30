//! Random histories: the store on disk and its twin in memory against a plain model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diem_core::proof;
use diem_core::storage::{Key, StateRead, Value};
use diem_overlay::WriteSet;
use diem_store::{IndexOp, Meta, Options, Snapshot, Store, StoreError};
use proptest::prelude::*;

const RING: usize = 4;
const FIRST: u64 = 7;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn options() -> Options {
    // A cache of a few rows, so that it evicts all the time.
    Options { ring: RING, cache_bytes: 64 * 400, sync: false, ..Options::default() }
}

#[derive(Debug, Clone)]
enum Op {
    Commit(BTreeMap<Vec<u8>, Option<Vec<u8>>>, BTreeMap<u8, Option<u8>>),
    StageAndDrop(BTreeMap<Vec<u8>, Option<Vec<u8>>>),
    Rollback,
    Pin,
    Unpin,
    Reopen,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..40u8).prop_map(|n| vec![1, 1, n]),
        1 => (0..4u8).prop_map(|n| vec![n; 100]),
    ]
}

fn batch() -> impl Strategy<Value = BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 1..100));
    prop::collection::btree_map(key(), value, 0..15)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (batch(), prop::collection::btree_map(any::<u8>(), prop::option::of(any::<u8>()), 0..5))
            .prop_map(|(rows, index)| Op::Commit(rows, index)),
        1 => batch().prop_map(Op::StageAndDrop),
        4 => Just(Op::Rollback),
        1 => Just(Op::Pin),
        1 => Just(Op::Unpin),
        1 => Just(Op::Reopen),
    ]
}

fn write_set(batch: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> WriteSet {
    batch.iter().map(|(k, v)| (Key::from_slice(k), v.as_deref().map(Value::from_slice))).collect()
}

fn index_op((key, value): (&u8, &Option<u8>)) -> IndexOp {
    let key = Key::from_slice(&[*key]);
    match value {
        Some(value) => IndexOp::Put { key, value: vec![*value] },
        None => IndexOp::Delete { key },
    }
}

/// One height of the model.
#[derive(Clone, Default)]
struct At {
    meta: Option<Meta>,
    rows: Rows,
    index: BTreeMap<u8, u8>,
}

/// The answers that a store should give.
#[derive(Default)]
struct Model {
    heights: Vec<At>,
    undo: BTreeSet<u64>,
    pins: BTreeSet<u64>,
    ring: BTreeSet<u64>,
}

impl Model {
    /// Writes a block to the store and to the model.
    fn commit(&mut self, store: &Store, batch: &BTreeMap<Vec<u8>, Option<Vec<u8>>>, index: &BTreeMap<u8, Option<u8>>) {
        let mut at = self.last();
        for (key, value) in batch {
            match value {
                Some(value) => at.rows.insert(key.clone(), value.clone()),
                None => at.rows.remove(key),
            };
        }
        for (key, value) in index {
            match value {
                Some(value) => at.index.insert(*key, *value),
                None => at.index.remove(key),
            };
        }
        let height = if self.heights.is_empty() { FIRST } else { self.height() + 1 };
        let staged = store.stage(write_set(batch)).unwrap();
        let root = staged.root();
        let index = index.iter().map(index_op).collect();
        let snapshot = store.commit(staged, height, height * 1000, 3, index).unwrap();
        assert_eq!(snapshot.root(), root);
        at.meta = Some(Meta { height, root, time_ms: height * 1000, app_version: 3 });
        self.push(at);
    }

    /// Takes the last block back, where the store still can.
    fn rollback(&mut self, store: &Store) {
        let height = self.height();
        if !self.undo.contains(&height) {
            let refused = store.rollback(vec![]);
            assert!(matches!(refused, Err(StoreError::NothingToUndo { height: h }) if h == height));
            return;
        }
        let gone = self.heights.pop().unwrap();
        let before = self.last();
        let changed: BTreeSet<u8> = gone.index.keys().chain(before.index.keys()).copied().collect();
        let undo = changed.iter().map(|k| index_op((k, &before.index.get(k).copied()))).collect();
        assert_eq!(Some(store.rollback(undo).unwrap()), before.meta);
        self.undo.remove(&height);
        self.ring.remove(&height);
        self.ring.insert(self.height());
    }

    fn last(&self) -> At {
        self.heights.last().cloned().unwrap_or_default()
    }

    fn height(&self) -> u64 {
        self.last().meta.map_or(0, |meta| meta.height)
    }

    fn push(&mut self, at: At) {
        let height = at.meta.unwrap().height;
        if !self.heights.is_empty() {
            self.undo.insert(height);
        }
        let pinned = self.pins.first().map_or(u64::MAX, |pin| pin + 1);
        let keep = (height + 1).saturating_sub(RING as u64).min(pinned);
        self.undo = self.undo.split_off(&keep);
        self.ring.insert(height);
        self.ring = self.ring.split_off(&(height + 1).saturating_sub(RING as u64));
        self.heights.push(at);
    }

    fn check(&self, store: &Store) {
        let last = self.last();
        assert_eq!(store.meta(), last.meta);
        check_snapshot(&store.latest(), &last);
        for height in FIRST..=self.height() + 1 {
            match store.at(height) {
                Ok(snapshot) => {
                    assert!(self.ring.contains(&height));
                    check_snapshot(&snapshot, &self.heights[(height - FIRST) as usize]);
                }
                Err(StoreError::NotKept { height: asked, oldest, latest }) => {
                    assert!(!self.ring.contains(&height));
                    let kept = (self.ring.first().copied().unwrap_or(0), self.height());
                    assert_eq!((asked, (oldest, latest)), (height, kept));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn check_snapshot(snapshot: &Snapshot, at: &At) {
    assert_eq!(snapshot.meta(), at.meta);
    let rows: Rows = snapshot.rows().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
    assert_eq!(rows, at.rows);
    assert_eq!(snapshot.row_count(), at.rows.len() as u64);
    for key in (0..40u8).map(|n| vec![1, 1, n]).chain([vec![2; 100], vec![9]]) {
        let expected = at.rows.get(&key).map(Vec::as_slice);
        assert_eq!(snapshot.get(&key).as_deref(), expected);
        let (value, proof) = snapshot.prove(&key);
        assert_eq!(value.as_deref(), expected);
        proof::verify(&snapshot.root(), &key, expected, &proof).unwrap();
    }
    let index: Vec<(Vec<u8>, Vec<u8>)> = at.index.iter().map(|(k, v)| (vec![*k], vec![*v])).collect();
    assert_eq!(snapshot.index_range(&[], None, usize::MAX, false), index);
    let from_20: Vec<_> = index.iter().filter(|(k, _)| (20..200).contains(&k[0])).cloned().rev().take(3).collect();
    assert_eq!(snapshot.index_range(&[20], Some(&[200]), 3, true), from_20);
    for n in 0..=255u8 {
        assert_eq!(snapshot.index_get(&[n]), at.index.get(&n).map(|v| vec![*v]));
    }
}

/// A store and its model.
struct Pair {
    store: Option<Store>,
    model: Model,
}

impl Pair {
    fn new(store: Store) -> Pair {
        Pair { store: Some(store), model: Model::default() }
    }

    fn step(&mut self, op: &Op, path: Option<&Path>) {
        let (store, model) = (self.store.as_ref().unwrap(), &mut self.model);
        match op {
            Op::Commit(batch, index) => model.commit(store, batch, index),
            Op::StageAndDrop(batch) => drop(store.stage(write_set(batch)).unwrap()),
            Op::Rollback => model.rollback(store),
            Op::Pin if !model.heights.is_empty() && model.pins.is_empty() => {
                store.pin(model.height());
                model.pins.insert(model.height());
            }
            Op::Unpin => {
                if let Some(pin) = model.pins.pop_first() {
                    store.unpin(pin);
                }
            }
            Op::Reopen => {
                let Some(path) = path else { return };
                self.store = None;
                self.store = Some(Store::open(path, options()).unwrap());
                model.pins.clear();
                model.ring = if model.heights.is_empty() { BTreeSet::new() } else { BTreeSet::from([model.height()]) };
            }
            Op::Pin => {}
        }
        model.check(self.store.as_ref().unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn disk_and_memory_keep_the_same_history(ops in prop::collection::vec(op(), 1..30)) {
        let home = tempfile::tempdir().unwrap();
        let mut disk = Pair::new(Store::open(home.path(), options()).unwrap());
        let mut memory = Pair::new(Store::in_memory(options()));
        for op in &ops {
            disk.step(op, Some(home.path()));
            memory.step(op, None);
            let roots = [&disk, &memory].map(|pair| pair.store.as_ref().unwrap().latest().root());
            prop_assert_eq!(roots[0], roots[1]);
        }
    }
}

#[test]
fn a_pinned_height_can_be_reached_again_from_far() {
    let store = Store::in_memory(options());
    let one = |n: u8| -> WriteSet { [(Key::from_slice(b"k"), Some(Value::from_slice(&[n])))].into_iter().collect() };
    for height in 1..=3u8 {
        store.commit(store.stage(one(height)).unwrap(), height.into(), 0, 0, vec![]).unwrap();
    }
    store.pin(3);
    let root = store.latest().root();
    for height in 4..=40u8 {
        store.commit(store.stage(one(height)).unwrap(), height.into(), 0, 0, vec![]).unwrap();
    }
    while store.latest().height() > 3 {
        store.rollback(vec![]).unwrap();
    }
    assert_eq!(store.latest().root(), root);
    assert_eq!(store.latest().get(b"k").as_deref(), Some(&[3][..]));
    store.unpin(3);
}

#[test]
fn snapshots_go_to_other_threads_and_staged_writes_move() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Store>();
    shared::<Snapshot>();
    shared::<WriteSet>();
    moved::<diem_store::Staged>();
}

#[test]
fn what_was_staged_on_an_older_state_is_refused() {
    let store = Store::in_memory(options());
    let (a, b) = (store.stage(WriteSet::new()).unwrap(), store.stage(WriteSet::new()).unwrap());
    store.commit(a, 1, 0, 0, vec![]).unwrap();
    assert!(matches!(store.commit(b, 2, 0, 0, vec![]), Err(StoreError::Stale)));
    let c = store.stage(WriteSet::new()).unwrap();
    assert!(matches!(store.commit(c, 3, 0, 0, vec![]), Err(StoreError::Height { given: 3, expected: 2 })));
    assert_eq!(store.latest().height(), 1);
}

#[test]
fn readers_of_any_height_see_that_height_while_blocks_are_committed_and_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), options()).unwrap();
    let keys: Vec<Key> = (0..60u8).map(|n| Key::from_slice(&[1, 1, n])).collect();
    let rows = |n: u8| keys.iter().map(|k| (k.clone(), Some(Value::from_slice(&[n])))).collect::<WriteSet>();
    store.commit(store.stage(rows(1)).unwrap(), 1, 1, 0, vec![]).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut reads = 0u32;
                while !done.load(std::sync::atomic::Ordering::Relaxed) || reads < 100 {
                    let latest = store.latest();
                    let old = store.at(latest.height().saturating_sub(2)).unwrap_or_else(|_| latest.clone());
                    for snapshot in [latest, old] {
                        // Every row of a height holds its time, which no other height at the same place has.
                        let expected = [snapshot.time_ms() as u8];
                        for key in &keys {
                            assert_eq!(snapshot.get(key).as_deref(), Some(&expected[..]));
                        }
                    }
                    reads += 1;
                }
            });
        }
        let mut height = 1;
        for n in 2..=250u8 {
            if n % 7 == 0 {
                height = store.rollback(vec![]).unwrap().height;
            }
            height += 1;
            store.commit(store.stage(rows(n)).unwrap(), height, n.into(), 0, vec![]).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
