//! Taking and restoring a snapshot, against opening the same rows; and what taking one costs the blocks meanwhile.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use diem_core::{Key, Value, sha256};
use diem_overlay::WriteSet;
use diem_store::{
    Options, Store,
    state_sync::{ROWS_PER_CHUNK, Shelf},
};
use tempfile::TempDir;

use crate::report::{Goal, Report, median, timed};

const APP_VERSION: u64 = 1;
/// The rows that a block of the first state writes at once.
const AT_ONCE: u32 = 250_000;
/// The rows that a full block changes, and the time from the start of one to the start of the next.
const CHANGED: u32 = 5_000;
const BLOCK_TIME: Duration = Duration::from_millis(250);
/// The blocks whose intervals are compared.
const BLOCKS: u64 = 120;
/// The lowest priority, which the thread of a snapshot has in a node.
const NICE: i32 = 19;

/// Rows as those of accounts: keys of 22 bytes, values of 40.
fn rows(numbers: impl Iterator<Item = u32>, salt: u64) -> WriteSet {
    let row = |number: u32| {
        let key = sha256(&[&number.to_be_bytes()]);
        let value = sha256(&[&key, &salt.to_be_bytes()]);
        (Key::from_vec([&[1, 0][..], &key[..20]].concat()), Some(Value::from_vec([&value[..], &[0; 8]].concat())))
    };
    numbers.map(row).collect()
}

fn commit(store: &Store, height: u64, writes: WriteSet) {
    store.commit(store.stage(writes).unwrap(), height, height * 1_000, APP_VERSION, vec![]).unwrap();
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default()).unwrap()
}

/// A store with so many rows, and its last height.
fn filled(folder: &Path, count: u32) -> (Store, u64) {
    let (store, mut height) = (open(folder), 0);
    for start in (0..count).step_by(AT_ONCE as usize) {
        height += 1;
        commit(&store, height, rows(start..count.min(start + AT_ONCE), 0));
    }
    (store, height)
}

/// A line of the system's account of this process, in MiB.
fn resident(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// Measures with `count` rows.
pub(crate) fn run(report: &mut Report, count: u32) {
    let folder = tempfile::tempdir().unwrap();
    let (store, height) = filled(folder.path(), count);
    drop(store);
    let name = |what: &str| format!("{what}, {count} rows");
    // Twice: the first one moves what was just written.
    drop(open(folder.path()));
    let (store, opening) = timed(|| open(folder.path()));
    let shelf = Shelf::open(&folder.path().join("snapshots"), ROWS_PER_CHUNK).unwrap();
    let (manifest, taking) = timed(|| shelf.take(&store.latest(), &AtomicBool::new(false)).unwrap());
    report.fact(&name("taking a snapshot, one thread / opening"), taking / opening, "x");

    let chunks = manifest.chunks().len();
    let wire = shelf.bytes(height).unwrap();
    let target = TempDir::new().unwrap();
    let restored = open(target.path());
    let begun = Instant::now();
    let mut restore = restored.restore(manifest.clone(), vec![]).unwrap();
    for index in 0..chunks {
        let chunk = shelf.chunk(height, index).unwrap().unwrap();
        assert!(restore.apply(index, chunk, "").unwrap().wrong.is_empty());
    }
    restored.adopt(restore, height * 1_000, APP_VERSION).unwrap();
    let restoring = begun.elapsed().as_nanos() as f64;
    assert_eq!(restored.latest().root(), store.latest().root());
    report.goal(&name("restoring, first offer to last accept / opening"), restoring / opening, "x", Goal::AtMost(2.5));
    report.fact(&name("restoring"), restoring / 1e9, "s");
    report.fact(&name("a row on the wire"), wire as f64 / f64::from(count), "bytes");
    drop(restored);
    report.fact(&name("a restored row on disk"), bytes_in(target.path()) as f64 / f64::from(count), "bytes");
    beside_blocks(report, Arc::new(store), &shelf, height, count);
}

/// The bytes of all files below a folder.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| if entry.path().is_dir() { bytes_in(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
}

/// Full blocks without and with a snapshot that is taken again and again: their intervals, and the memory.
fn beside_blocks(report: &mut Report, store: Arc<Store>, shelf: &Shelf, mut height: u64, count: u32) {
    let blocks = |height: &mut u64| {
        let mut intervals = Vec::new();
        let (mut ended, mut next) = (Instant::now(), Instant::now());
        for _ in 0..BLOCKS {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            next = next.max(Instant::now() - BLOCK_TIME) + BLOCK_TIME;
            *height += 1;
            let first = (*height * u64::from(CHANGED)) as u32 % count.max(1);
            commit(&store, *height, rows((first..first + CHANGED).map(|number| number % count), *height));
            intervals.push(ended.elapsed().as_nanos() as f64);
            ended = Instant::now();
        }
        intervals.remove(0);
        intervals
    };
    let without = blocks(&mut height);
    let before = resident("VmRSS:");
    // The most that was resident counts from here on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let done = AtomicBool::new(false);
    let (with, taken) = std::thread::scope(|scope| {
        let taker = scope.spawn(|| {
            // Of a thread, Linux changes that thread alone.
            let _ = rustix::process::setpriority_process(None, NICE);
            let mut taken = 0_u32;
            while !done.load(Relaxed) {
                let snapshot = store.latest();
                if shelf.take(&snapshot, &done).is_ok() {
                    taken += 1;
                    shelf.remove(snapshot.height()).unwrap();
                }
            }
            taken
        });
        let with = blocks(&mut height);
        done.store(true, Relaxed);
        (with, taker.join().unwrap())
    });
    let p99 = |mut intervals: Vec<f64>| {
        intervals.sort_by(f64::total_cmp);
        intervals[intervals.len() * 99 / 100]
    };
    report.fact("snapshots taken beside full blocks", f64::from(taken), "");
    report.fact("block interval, median, without", median(without.clone()) / 1e6, "ms");
    let ratio = p99(with) / p99(without);
    report.goal("block interval, 99th, while a snapshot is taken / without", ratio, "x", Goal::AtMost(1.2));
    let more = resident("VmHWM:") - before;
    report.goal("resident memory while a snapshot is taken", more, "MiB more", Goal::AtMost(64.0));
}
