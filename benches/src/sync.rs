//! Taking and restoring a snapshot, against opening the same rows; and what taking one costs full blocks meanwhile.

use std::{
    num::NonZeroU64,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_core::{Key, Value, sha256};
use diem_overlay::WriteSet;
use diem_runtime::{
    App,
    snapshots::{Settings, Taker},
};
use diem_store::{
    Options, Store,
    state_sync::{ROWS_PER_CHUNK, Shelf},
};
use tempfile::TempDir;

use crate::{
    report::{Goal, Report, median, timed},
    workload::{Workload, block_hash},
};

const APP_VERSION: u64 = 1;
/// The rows that a block of the first state writes at once.
const AT_ONCE: u32 = 250_000;
/// The transfers of a full block, and the time from the start of one to the start of the next.
const TRANSFERS: usize = 5_000;
const BLOCK_TIME: Duration = Duration::from_millis(500);
/// The most accounts of the chain whose blocks are measured.
const MOST_BESIDE: u32 = 1_000_000;
/// The blocks whose intervals are compared.
const BLOCKS: usize = 100;
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
    // This comes first, before the other half has taken memory that would hide what a snapshot takes.
    beside_blocks(report, count.min(MOST_BESIDE));
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
    drop((restored, store));
    report.fact(&name("a restored row on disk"), bytes_in(target.path()) as f64 / f64::from(count), "bytes");
    drop((folder, target));
}

/// The bytes of all files below a folder.
fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| if entry.path().is_dir() { bytes_in(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
}

/// An application as a node runs it, with blocks of transfers that wait in the pool.
struct Chain {
    app: Arc<App>,
    work: Workload,
    height: u64,
    taker: Option<Taker>,
}

impl Chain {
    /// Makes the blocks of these transactions, each at its time; returns the intervals between their ends, and what each
    /// of them took, in nanoseconds.
    fn blocks(&mut self, of: &[Vec<Bytes>]) -> (Vec<f64>, Vec<f64>) {
        let (mut intervals, mut took) = (Vec::new(), Vec::new());
        let (mut ended, mut next) = (Instant::now(), Instant::now());
        for txs in of {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            next = next.max(Instant::now() - BLOCK_TIME) + BLOCK_TIME;
            let begun = Instant::now();
            self.block(txs);
            took.push(begun.elapsed().as_nanos() as f64);
            intervals.push(ended.elapsed().as_nanos() as f64);
            ended = Instant::now();
        }
        intervals.remove(0);
        (intervals, took)
    }

    fn block(&mut self, txs: &[Bytes]) {
        let (block, hash) = (self.work.block(self.height), block_hash(self.height));
        self.app.process(&block, hash, txs).unwrap();
        let done = self.app.finalize(&block, hash, txs).unwrap();
        assert!(done.results.iter().all(|result| result.code == 0));
        let committed = self.app.commit(Vec::new()).unwrap();
        if let Some(taker) = &self.taker {
            taker.after_commit(&committed);
        }
        self.height += 1;
    }

    /// So many full blocks of transfers, whose signatures the pool has verified.
    fn transfers(&mut self, count: usize) -> Vec<Vec<Bytes>> {
        let block = |_| {
            let txs = self.work.transfers(TRANSFERS);
            assert!(self.app.verify_signatures(&txs).iter().all(Result::is_ok));
            txs
        };
        (0..count).map(block).collect()
    }
}

/// Full blocks of transfers without and with a snapshot that is taken again and again: their intervals, and the memory.
fn beside_blocks(report: &mut Report, accounts: u32) {
    let home = tempfile::tempdir().unwrap();
    let app = Arc::new(App::open(home.path(), diem_runtime::Options::default()).unwrap());
    let work = Workload::new(accounts);
    app.init_chain(&work.doc).unwrap();
    let mut chain = Chain { app, work, height: 1, taker: None };
    chain.block(&[]);
    let [warm_up, first, second] = [10, BLOCKS, BLOCKS].map(|count| chain.transfers(count));
    chain.blocks(&warm_up);
    let (without, alone) = chain.blocks(&first);
    let before = resident("VmRSS:");
    // The most that was resident counts from here on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let taken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&taken);
    let settings = Settings { every_ms: NonZeroU64::new(1), keep: 1 };
    chain.taker = Some(Taker::new(Arc::clone(&chain.app), settings, move |take| {
        let count = Arc::clone(&count);
        std::thread::spawn(move || {
            // Of a thread, Linux changes that thread alone.
            let _ = rustix::process::setpriority_process(None, NICE);
            count.fetch_add(u32::from(take.run()), Relaxed);
        });
    }));
    let (with, beside) = chain.blocks(&second);
    let taken = taken.load(Relaxed);
    assert!(taken > 0, "no snapshot was taken beside the blocks, so that nothing is compared");
    report.fact("snapshots taken beside full blocks", f64::from(taken), "");
    report.fact("a full block takes, median, without", median(alone.clone()) / 1e6, "ms");
    report.fact("a full block takes, median, with / without", median(beside) / median(alone), "x");
    let p99 = |mut intervals: Vec<f64>| {
        intervals.sort_by(f64::total_cmp);
        intervals[intervals.len() * 99 / 100]
    };
    let ratio = p99(with) / p99(without);
    report.goal("block interval, 99th, while a snapshot is taken / without", ratio, "x", Goal::AtMost(1.2));
    let more = resident("VmHWM:") - before;
    report.goal("resident memory while a snapshot is taken", more, "MiB more", Goal::AtMost(64.0));
}
