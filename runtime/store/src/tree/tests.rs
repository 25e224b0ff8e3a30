//! The tree against a naive one.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use diem_core::proof::EMPTY_HASH;
use proptest::prelude::*;

use super::hash::{inner_hash, leaf_hash};
use super::*;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The definition of the root, written down: sort by key hash, halve by bits.
fn naive_root(rows: &Rows) -> Hash {
    let leaves: Vec<(Hash, Hash)> = rows.iter().map(|(k, v)| (sha256(k), leaf_hash(&sha256(k), &sha256(v)))).collect();
    fn below(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
        match leaves {
            [] => EMPTY_HASH,
            [(_, leaf)] => *leaf,
            _ => {
                let (right, left): (Vec<_>, Vec<_>) = leaves.iter().partition(|(hash, _)| update::bit(hash, depth));
                inner_hash(&below(&left, depth + 1), &below(&right, depth + 1))
            }
        }
    }
    below(&leaves, 0)
}

fn change(key: &[u8], value: Option<&[u8]>) -> Change {
    Change::new(key, value)
}

fn apply(rows: &mut Rows, batch: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Vec<Change> {
    for (key, value) in batch {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
    batch.iter().map(|(key, value)| change(key, value.as_deref())).collect()
}

fn check_paths(root: &Root, rows: &Rows, key: &[u8]) {
    let mut sorted: Vec<(Hash, &Vec<u8>)> = rows.keys().map(|k| (sha256(k), k)).collect();
    sorted.sort();
    let hash = sha256(key);
    let root_of = |path: &Path| {
        let leaf = leaf_hash(&sha256(&path.key), &sha256(&rows[path.key.as_slice()]));
        path.steps.iter().fold(
            leaf,
            |at, (right, other)| {
                if *right { inner_hash(other, &at) } else { inner_hash(&at, other) }
            },
        )
    };
    match root.look_up(key) {
        Lookup::Present(path) => {
            assert_eq!(path.key.as_slice(), key);
            assert_eq!(root_of(&path), root.hash());
        }
        Lookup::Absent { left, right } => {
            assert!(!rows.contains_key(key));
            let before = sorted.iter().rev().find(|(h, _)| *h < hash).map(|(_, k)| k.as_slice());
            let after = sorted.iter().find(|(h, _)| *h > hash).map(|(_, k)| k.as_slice());
            assert_eq!(left.as_ref().map(|p| p.key.as_slice()), before);
            assert_eq!(right.as_ref().map(|p| p.key.as_slice()), after);
            for path in [left, right].iter().flatten() {
                assert_eq!(root_of(path), root.hash());
            }
        }
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..60u8).prop_map(|n| vec![1, n]),
        1 => (0..6u8).prop_map(|n| vec![n; 63]),
        1 => (0..6u8).prop_map(|n| vec![n; 64]),
        1 => (0..6u8).prop_map(|n| vec![n; 300]),
    ]
}

fn batches() -> impl Strategy<Value = Vec<BTreeMap<Vec<u8>, Option<Vec<u8>>>>> {
    let value = prop::option::weighted(0.6, prop::collection::vec(any::<u8>(), 1..80));
    prop::collection::vec(prop::collection::btree_map(key(), value, 0..30), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn roots_and_paths_are_those_of_the_definition(batches in batches()) {
        let (mut rows, mut root, mut kept) = (Rows::new(), Root::new(), Vec::new());
        for batch in batches {
            let changes = apply(&mut rows, &batch);
            // A draft that is thrown away must leave no trace.
            drop(root.update(&changes).unwrap());
            root = root.update(&changes).unwrap().commit().unwrap();
            prop_assert_eq!(root.hash(), naive_root(&rows));
            kept.push((root.clone(), rows.clone()));
            if kept.len() > 4 {
                kept.remove(1);
            }
            for (root, rows) in &kept {
                prop_assert_eq!(root.hash(), naive_root(rows));
                prop_assert_eq!(root.rows(), rows.len() as u64);
                for n in 0..60u8 {
                    check_paths(root, rows, &[1, n]);
                }
                check_paths(root, rows, &[3; 300]);
            }
        }
        // Whatever the order in which versions end, what is left is one tree.
        kept.swap_remove(0);
        drop(kept);
        let fresh = Root::new();
        let all: Vec<Change> = rows.iter().map(|(k, v)| change(k, Some(v))).collect();
        let fresh = fresh.update(&all).unwrap().commit().unwrap();
        prop_assert_eq!(fresh.hash(), root.hash());
        prop_assert_eq!(fresh.nodes(), root.nodes());
    }
}

#[test]
fn a_large_batch_split_over_threads_gives_the_same_root_as_small_ones() {
    let rows: Rows = (0..6000u32).map(|n| (n.to_be_bytes().to_vec(), vec![1, 2, 3])).collect();
    let all: Vec<Change> = rows.iter().map(|(k, v)| change(k, Some(v))).collect();
    let at_once = Root::new().update(&all).unwrap().commit().unwrap();
    let mut piecewise = Root::new();
    for part in all.chunks(77) {
        piecewise = piecewise.update(part).unwrap().commit().unwrap();
    }
    assert_eq!(at_once.hash(), piecewise.hash());
    assert_eq!(at_once.hash(), naive_root(&rows));
    assert_eq!(at_once.nodes(), piecewise.nodes());
    let gone: Vec<Change> = rows.keys().map(|k| change(k, None)).collect();
    let empty = at_once.update(&gone).unwrap().commit().unwrap();
    assert_eq!(empty.hash(), EMPTY_HASH);
    drop(at_once);
    assert_eq!(empty.nodes(), (0, 0));
}

#[test]
fn a_full_tree_refuses_the_update_and_keeps_every_version() {
    let rows = |numbers: std::ops::Range<u32>| -> Vec<Change> {
        numbers.map(|n| change(&n.to_be_bytes(), Some(b"value"))).collect()
    };
    // One chunk has 8,192 slots for inner nodes, and as many for leaves.
    let root = Root::with_chunks(1).update(&rows(0..3_000)).unwrap().commit().unwrap();
    let before = (root.hash(), root.nodes(), root.rows());
    for too_many in [3_000..20_000, 3_000..9_000] {
        assert_eq!(root.update(&rows(too_many)).err(), Some(TreeFull { rows: 3_000 }));
        assert_eq!((root.hash(), root.nodes(), root.rows()), before, "nothing is left of the attempt");
    }
    let more = root.update(&rows(3_000..3_100)).unwrap().commit().unwrap();
    let all: Rows = (0..3_100u32).map(|n| (n.to_be_bytes().to_vec(), b"value".to_vec())).collect();
    assert_eq!((more.hash(), more.rows()), (naive_root(&all), 3_100), "what fits still fits");
}

#[test]
fn only_one_draft_of_a_version_is_committed() {
    let root = Root::new();
    let (a, b) = (root.update(&[change(b"a", Some(b"1"))]).unwrap(), root.update(&[change(b"b", Some(b"1"))]).unwrap());
    let a = a.commit().unwrap();
    assert!(b.commit().is_none());
    assert_eq!(a.nodes(), (0, 1));
}

#[test]
fn a_version_held_for_long_keeps_its_own_nodes_only() {
    let rows: Vec<Change> = (0..1000u32).map(|n| change(&n.to_be_bytes(), Some(b"0"))).collect();
    let held = Root::new().update(&rows).unwrap().commit().unwrap();
    let alone = held.nodes().0;
    let mut latest = held.clone();
    for round in 0..50u8 {
        let rows: Vec<Change> = (0..1000u32).map(|n| change(&n.to_be_bytes(), Some(&[round + 1]))).collect();
        latest = latest.update(&rows).unwrap().commit().unwrap();
    }
    assert_eq!(latest.nodes(), (2 * alone, 1000));
    assert_eq!(held.hash(), Root::new().update(&rows).unwrap().commit().unwrap().hash());
}
