//! The state tree against the jmt crate, whose roots it must equal.

use diem_core::{Value, sha256};
use diem_store::tree::{Root, changes};
use jmt::{KeyHash, Sha256Jmt, mock::MockTreeStore};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::report::{Goal, Report, median, timed};

const UPDATES: usize = 10_000;
const ROUNDS: u64 = 9;
/// The number of past roots that are held, as in the ring of a node.
const RING: usize = 64;

type Row = (Vec<u8>, Option<Value>);

fn key(number: u32) -> Vec<u8> {
    let mut key = vec![1, 0];
    key.extend_from_slice(&sha256(&[&number.to_be_bytes()])[..20]);
    key
}

fn rows(numbers: impl Iterator<Item = u32>, salt: u64) -> Vec<Row> {
    numbers
        .map(|number| {
            let hash = sha256(&[&number.to_be_bytes(), &salt.to_be_bytes()]);
            (key(number), Some(Value::from_slice(&[hash, hash].concat()[..40])))
        })
        .collect()
}

/// Draws `UPDATES` distinct random rows out of `keys`.
fn random_rows(rng: &mut StdRng, keys: u32, salt: u64) -> Vec<Row> {
    let mut numbers = std::collections::BTreeSet::new();
    while numbers.len() < UPDATES.min(keys as usize / 2) {
        numbers.insert(rng.random_range(0..keys));
    }
    rows(numbers.into_iter(), salt)
}

fn jmt_values(rows: &[Row]) -> Vec<(KeyHash, Option<Vec<u8>>)> {
    let value =
        |(key, value): &Row| (KeyHash::with::<sha2_10::Sha256>(key), value.as_ref().map(|value| value.to_vec()));
    rows.iter().map(value).collect()
}

/// Updates both trees with the same rows and compares times and roots.
pub(crate) fn run(report: &mut Report, keys: u32) {
    let all = rows(0..keys, 0);
    let mut root = Root::new().update(&changes(&all)).unwrap().commit().unwrap();
    let store = MockTreeStore::default();
    let jmt = Sha256Jmt::new(&store);
    // The rows are written in parts: jmt is not made for a million rows at once.
    let mut version = 0;
    for part in all.chunks(50_000) {
        let (_, batch) = jmt.put_value_set(jmt_values(part), version).unwrap();
        store.write_tree_update_batch(batch).unwrap();
        version += 1;
    }
    drop(all);
    let mut ring = std::collections::VecDeque::from([root.clone()]);
    let mut rng = StdRng::seed_from_u64(2);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let rows = random_rows(&mut rng, keys, round + 1);
        let (next, ns) = timed(|| root.update(&changes(&rows)).unwrap().commit().unwrap());
        root = next;
        ring.push_back(root.clone());
        if ring.len() > RING {
            ring.pop_front();
        }
        ours.push(ns);
        let values = jmt_values(&rows);
        let ((jmt_root, batch), ns) = timed(|| jmt.put_value_set(values, version).unwrap());
        store.write_tree_update_batch(batch).unwrap();
        version += 1;
        theirs.push(ns);
        assert_eq!(root.hash(), jmt_root.0, "the same rows, the same root");
    }
    let (ours, theirs) = (median(ours), median(theirs));
    report.goal("tree update with ring / jmt in memory, 10k rows", ours / theirs, "ratio", Goal::AtMost(0.125));
    report.fact("  the same", ours / 1e6, "ms");
}
