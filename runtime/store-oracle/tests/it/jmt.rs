//! The jmt crate knows the rules of the tree, and the ics23 crate those of proofs. Both were written by others.

use std::collections::BTreeMap;

use diem_core::proof;
use diem_core::storage::{Key, StateRead, Value};
use diem_overlay::WriteSet;
use diem_store::{Options, Store};
use ics23::{CommitmentProof, HostFunctionsManager, commitment_proof::Proof};
use jmt::mock::MockTreeStore;
use jmt::{KeyHash, Sha256Jmt};
use proptest::prelude::*;
use sha2_10::Sha256;

/// The tree of the jmt crate, with every version that it had.
struct Oracle {
    rows: MockTreeStore,
    version: u64,
}

impl Oracle {
    fn new() -> Oracle {
        Oracle { rows: MockTreeStore::new(true), version: 0 }
    }

    fn tree(&self) -> Sha256Jmt<'_, MockTreeStore> {
        jmt::JellyfishMerkleTree::new(&self.rows)
    }

    fn apply(&mut self, batch: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> [u8; 32] {
        self.version += 1;
        let changes: Vec<_> = batch
            .iter()
            .map(|(key, value)| {
                let hash = KeyHash::with::<Sha256>(key);
                self.rows.put_key_preimage(hash, key);
                (hash, value.clone())
            })
            .collect();
        let (root, update) = self.tree().put_value_set(changes, self.version).unwrap();
        self.rows.write_tree_update_batch(update).unwrap();
        root.0
    }

    fn prove(&self, key: &[u8]) -> (Option<Vec<u8>>, CommitmentProof) {
        self.tree().get_with_ics23_proof(key.to_vec(), self.version).unwrap()
    }
}

fn write_set(batch: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> WriteSet {
    batch.iter().map(|(k, v)| (Key::from_slice(k), v.as_deref().map(Value::from_slice))).collect()
}

fn check_by_ics23(root: [u8; 32], key: &[u8], value: Option<&[u8]>, proof: &CommitmentProof) {
    let (spec, root) = (jmt::ics23_spec(), root.to_vec());
    let holds = match value {
        Some(value) => ics23::verify_membership::<HostFunctionsManager>(proof, &spec, &root, key, value),
        None => ics23::verify_non_membership::<HostFunctionsManager>(proof, &spec, &root, key),
    };
    assert!(holds, "{key:?} {value:?} {proof:?}");
}

#[test]
fn our_specification_of_proofs_is_jmts() {
    assert_eq!(proof::ics23_spec(), jmt::ics23_spec());
}

#[test]
fn an_emptied_tree_has_the_root_of_the_empty_one() {
    let mut oracle = Oracle::new();
    oracle.apply(&BTreeMap::from([(vec![1], Some(vec![1]))]));
    let root = oracle.apply(&BTreeMap::from([(vec![1], None)]));
    assert_eq!(root, proof::EMPTY_HASH);
    assert_eq!(root, Store::in_memory(Options::default()).latest().root());
}

fn batches() -> impl Strategy<Value = Vec<BTreeMap<Vec<u8>, Option<Vec<u8>>>>> {
    let key = prop_oneof![
        3 => (0..80u8).prop_map(|n| vec![1, 1, n]),
        1 => prop::collection::vec(any::<u8>(), 1..90),
    ];
    let value = prop::option::weighted(0.65, prop::collection::vec(any::<u8>(), 1..60));
    prop::collection::vec(prop::collection::btree_map(key, value, 1..40), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_jmts(batches in batches()) {
        let store = Store::in_memory(Options::default());
        let mut oracle = Oracle::new();
        let mut rows = BTreeMap::new();
        for (height, batch) in (1..).zip(&batches) {
            let root = oracle.apply(batch);
            let snapshot = store.commit(store.stage(write_set(batch)).unwrap(), height, 0, 0, vec![]).unwrap();
            prop_assert_eq!(snapshot.root(), root);
            rows.extend(batch.clone());
        }
        let snapshot = store.latest();
        let root = snapshot.root();
        let absent = (0..120u8).map(|n| vec![2, n]);
        for key in rows.keys().cloned().chain(absent) {
            let (value, proof) = snapshot.prove(&key);
            prop_assert_eq!(snapshot.get(&key), value.clone());
            prop_assert_eq!(value.as_deref(), rows.get(&key).and_then(Option::as_deref));
            proof::verify(&root, &key, value.as_deref(), &proof).unwrap();
            if root == proof::EMPTY_HASH {
                continue;
            }
            check_by_ics23(root, &key, value.as_deref(), &proof);
            // jmt's own proof is the same one, and our verifier accepts it.
            let (their_value, theirs) = oracle.prove(&key);
            prop_assert_eq!(their_value.as_deref(), value.as_deref());
            prop_assert_eq!(&theirs, &proof);
        }
    }
}

#[test]
fn keys_before_the_first_and_after_the_last_are_proven_absent() {
    let store = Store::in_memory(Options::default());
    let batch = (0..200u8).map(|n| (vec![1, 1, n], Some(vec![n, 1]))).collect();
    let snapshot = store.commit(store.stage(write_set(&batch)).unwrap(), 1, 0, 0, vec![]).unwrap();
    let (mut first, mut last) = (0, 0);
    for n in 0..20_000u32 {
        let key = n.to_be_bytes();
        let (value, proof) = snapshot.prove(&key);
        assert_eq!(value, None);
        let Some(Proof::Nonexist(absent)) = &proof.proof else { panic!("{proof:?}") };
        first += u32::from(absent.left.is_none());
        last += u32::from(absent.right.is_none());
        if absent.left.is_none() || absent.right.is_none() || n % 100 == 0 {
            check_by_ics23(snapshot.root(), &key, None, &proof);
            proof::verify(&snapshot.root(), &key, None, &proof).unwrap();
        }
    }
    assert!(first > 0 && last > 0, "no key fell outside of both ends: {first} {last}");
}

#[test]
fn a_proof_of_one_root_shows_nothing_under_another() {
    let store = Store::in_memory(Options::default());
    let batch: BTreeMap<_, _> = (0..50u8).map(|n| (vec![1, n], Some(vec![n, 1]))).collect();
    let old = store.commit(store.stage(write_set(&batch)).unwrap(), 1, 0, 0, vec![]).unwrap();
    let changed = BTreeMap::from([(vec![1, 7], Some(vec![9])), (vec![1, 8], None)]);
    let new = store.commit(store.stage(write_set(&changed)).unwrap(), 2, 0, 0, vec![]).unwrap();
    for key in [vec![1, 7], vec![1, 8], vec![1, 9], vec![5]] {
        let (value, proof) = old.prove(&key);
        proof::verify(&old.root(), &key, value.as_deref(), &proof).unwrap();
        assert!(proof::verify(&new.root(), &key, value.as_deref(), &proof).is_err());
        let other = if value.is_some() { None } else { Some(&b"x"[..]) };
        assert!(proof::verify(&old.root(), &key, other, &proof).is_err());
    }
}
