//! Random rows against the definition of the subtrees, written down.

use std::collections::BTreeMap;

use diem_core::proof::{EMPTY_HASH, INNER_PREFIX, LEAF_PREFIX};
use diem_core::sha256;
use diem_store::state_sync::{Manifest, ROWS_PER_CHUNK};
use diem_store::tree::SubtreeKind;
use proptest::prelude::*;

use super::{HEIGHT, Home, assert_same, commit, write_set};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Key hash and leaf hash of a row.
type Leaf = ([u8; 32], [u8; 32]);

fn leaf((key, value): (&Vec<u8>, &Vec<u8>)) -> Leaf {
    let key = sha256(&[key]);
    (key, sha256(&[&LEAF_PREFIX, &key, &sha256(&[value])]))
}

fn bit(hash: &[u8; 32], depth: usize) -> bool {
    hash[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// The root of leaves that share their first `depth` bits: halve by bits.
fn root(leaves: &[Leaf], depth: usize) -> [u8; 32] {
    match leaves {
        [] => EMPTY_HASH,
        [(_, leaf)] => *leaf,
        _ => {
            let (right, left): (Vec<_>, Vec<_>) = leaves.iter().partition(|(hash, _)| bit(hash, depth));
            sha256(&[&INNER_PREFIX, &root(&left, depth + 1), &root(&right, depth + 1)])
        }
    }
}

fn check(rows: &Rows, manifest: &Manifest) {
    let leaves: Vec<Leaf> = rows.iter().map(leaf).collect();
    let depth = usize::from(manifest.depth());
    for (index, chunk) in manifest.chunks().iter().enumerate() {
        let is_inside = |(hash, _): &&Leaf| (0..depth).all(|at| bit(hash, at) == (index >> (depth - 1 - at) & 1 == 1));
        let inside: Vec<Leaf> = leaves.iter().filter(is_inside).copied().collect();
        let kind = [SubtreeKind::Empty, SubtreeKind::Leaf, SubtreeKind::Inner][inside.len().min(2)];
        assert_eq!((chunk.rows, chunk.root.kind), (inside.len() as u64, kind));
        assert_eq!(chunk.root.hash, root(&inside, depth));
    }
    assert_eq!(manifest.app_hash(), root(&leaves, 0));
}

fn rows() -> impl Strategy<Value = Rows> {
    let key = prop::collection::vec(any::<u8>(), 1..80);
    prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 1..200), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn subtrees_are_those_of_the_definition_and_come_back(rows in rows(), rows_per_chunk in 1..30u64) {
        let (original, restored) = (Home::empty(), Home::empty());
        commit(&original.store, HEIGHT, write_set(rows.clone().into_iter().map(|(k, v)| (k, Some(v)))));
        let taken = original.take(rows_per_chunk);
        check(&rows, &taken.manifest);
        let depth = taken.manifest.depth();
        prop_assert!(rows.len() as u64 <= rows_per_chunk << depth);
        prop_assert!(depth == 0 || rows.len() as u64 > rows_per_chunk << (depth - 1), "a smaller depth would do");
        taken.restore_into(&restored);
        assert_same(&original.store, &restored.store);
        let whole = original.take(ROWS_PER_CHUNK);
        prop_assert_eq!(whole.manifest.depth(), 0);
        prop_assert_eq!(whole.manifest.app_hash(), taken.manifest.app_hash());
    }
}
