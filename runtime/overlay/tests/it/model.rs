//! Overlays against a plain ordered map.

use std::collections::BTreeMap;

use diem_core::storage::{Key, StateRead, StateWrite, Value};
use diem_overlay::{MemoryRows, Overlay, WriteSet};
use proptest::prelude::*;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn value(bytes: &[u8]) -> Value {
    Value::from_slice(bytes)
}

fn model_range(model: &Model, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = |key: &[u8]| key >= start && end.is_none_or(|end| key < end);
    model.iter().filter(|(k, _)| inside(k)).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn plain(rows: Vec<(Key, Value)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    rows.into_iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
}

#[derive(Debug, Clone)]
enum Op {
    Set(Vec<u8>, u8),
    Remove(Vec<u8>),
    Get(Vec<u8>),
    Range(Vec<u8>, Option<Vec<u8>>, usize),
    /// Everything up to here is merged into the overlay below.
    Fold,
}

/// Few tables and few keys, some shorter than a table's prefix.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![0..3u8, Just(0xff)], 0..4)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (key(), any::<u8>()).prop_map(|(k, v)| Op::Set(k, v)),
        3 => key().prop_map(Op::Remove),
        2 => key().prop_map(Op::Get),
        3 => (key(), prop::option::of(key()), 0..20usize).prop_map(|(s, e, l)| Op::Range(s, e, l)),
        1 => Just(Op::Fold),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn an_overlay_over_an_overlay_reads_like_one_map(
        below in prop::collection::btree_map(key(), any::<u8>(), 0..40),
        ops in prop::collection::vec(op(), 0..120),
    ) {
        let mut rows = MemoryRows::default();
        rows.apply(&below.iter().map(|(k, v)| (Key::from_slice(k), Some(value(&[*v])))).collect());
        let base = rows.clone();
        let before = below.len() as u64;
        let mut model: Model = below.into_iter().map(|(k, v)| (k, vec![v])).collect();
        let (mut lower, mut upper) = (WriteSet::new(), WriteSet::new());
        for op in ops {
            let low = Overlay::with_writes(&base, lower);
            let mut top = Overlay::with_writes(&low, upper);
            match op {
                Op::Set(k, v) => {
                    top.set(&k, value(&[v]));
                    model.insert(k, vec![v]);
                }
                Op::Remove(k) => {
                    top.remove(&k);
                    model.remove(&k);
                }
                Op::Get(k) => prop_assert_eq!(top.get(&k).map(|v| v.to_vec()), model.get(&k).cloned()),
                Op::Range(s, e, l) => {
                    prop_assert_eq!(plain(top.range(&s, e.as_deref(), l)), model_range(&model, &s, e.as_deref(), l));
                }
                Op::Fold => {
                    let writes = top.into_writes();
                    let mut low = low;
                    low.apply(writes);
                    (lower, upper) = (low.into_writes(), WriteSet::new());
                    continue;
                }
            }
            upper = top.into_writes();
            lower = low.into_writes();
        }
        lower.merge(upper);
        let keys: Vec<_> = lower.iter().map(|(key, _)| key.clone()).collect();
        prop_assert!(keys.is_sorted() && keys.len() == lower.len());
        prop_assert_eq!(before.checked_add_signed(lower.growth(&base)), Some(model.len() as u64));
        rows.apply(&lower);
        prop_assert_eq!(plain(rows.range(&[], None, usize::MAX)), model_range(&model, &[], None, usize::MAX));
        prop_assert_eq!(base.range(&[], None, usize::MAX).len() as u64, before, "a clone keeps its rows");
    }
}

#[test]
fn a_queue_drained_above_a_long_table_is_read_on() {
    let key = |n: u16| [&[1, 1][..], &n.to_be_bytes()].concat();
    let mut base = MemoryRows::default();
    base.apply(&(0..5000).map(|n| (Key::from_vec(key(n)), Some(value(&[1])))).collect());
    let mut overlay = Overlay::new(&base);
    for n in 0..4000 {
        overlay.remove(&key(n));
    }
    let rows = overlay.range(&[1, 1], Some(&[1, 2]), 1);
    assert_eq!(plain(rows), vec![(key(4000), vec![1])]);
}

#[test]
fn a_copy_of_writes_is_its_own() {
    let mut writes: WriteSet = (0..30u8).map(|n| (Key::from_slice(&[1, 1, n]), Some(value(&[n])))).collect();
    let copy = writes.clone();
    writes.insert(&[1, 1, 7], None);
    assert_eq!(copy.get(&[1, 1, 7]), Some(Some(&value(&[7]))));
    assert_eq!(writes.get(&[1, 1, 7]), Some(None));
    assert_ne!(writes, copy);
}

#[test]
#[should_panic(expected = "must not be empty")]
fn an_empty_value_is_a_mistake() {
    WriteSet::new().insert(b"k", Some(Value::new()));
}
