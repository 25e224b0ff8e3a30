//! Snapshots as consensus asks for them: a chain that takes and offers them, and empty nodes that join by them.

mod join;
mod lies;
mod taking;

use std::{num::NonZeroU64, sync::Arc};

use bytes::Bytes;
use diem_core::chain::Identity;
use diem_runtime::{
    App, Committed, Options, identity,
    snapshots::{ChunkAnswer, ChunkVerdict, Settings, SnapshotInfo, TakeSnapshot, Taker},
};
use diem_testkit::{BlockOutcome, TestChain};
use tempfile::TempDir;

/// So few rows that the small chains here have chunks at all.
const ROWS_PER_CHUNK: u64 = 8;

/// The height of the first snapshot of every chain that starts at 1.
const YOUNG: u64 = 100;

/// A period that does not end within a test.
const RARELY: Option<u64> = Some(u32::MAX as u64);

fn options() -> Options {
    let store = diem_store::Options { ring: 8, cache_bytes: 1 << 20, sync: false, ..diem_store::Options::default() };
    Options { store, rows_per_chunk: ROWS_PER_CHUNK, ..Options::default() }
}

/// A chain that takes snapshots on the thread of its blocks.
pub(crate) struct Source {
    pub(crate) chain: TestChain,
    pub(crate) taker: Taker,
    _folder: TempDir,
}

impl Source {
    /// A chain without a block, which takes the first block of each period of so many seconds.
    pub(crate) fn new(every_seconds: Option<u64>, keep: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let chain = TestChain::on(App::open(folder.path(), options()).unwrap(), 10);
        let every_ms = every_seconds.and_then(|seconds| NonZeroU64::new(seconds * 1_000));
        let run = |take: TakeSnapshot| {
            take.run();
        };
        let taker = Taker::new(Arc::clone(&chain.app), Settings { every_ms, keep }, run);
        Self { chain, taker, _folder: folder }
    }

    /// A chain that offers its first snapshot.
    pub(crate) fn young() -> Self {
        let source = Self::new(RARELY, 2);
        source.blocks(YOUNG + 2);
        source
    }

    /// A block in which somebody pays somebody.
    pub(crate) fn block(&self) -> BlockOutcome {
        let height = self.chain.app.info().height + 1;
        let (from, to) = (usize::try_from(height).unwrap() % 10, usize::try_from(height * 7 + 1).unwrap() % 10);
        let person = &self.chain.people[from];
        let call = diem_types::Call::Bank(diem_bank::Msg::Transfer {
            to: if height.is_multiple_of(3) { fresh(height) } else { self.chain.people[to].address },
            denom: diem_core::Denom::Vvv,
            amount: diem_core::Amount::new(u128::from(height)),
        });
        let txs = if height == 1 { Vec::new() } else { vec![self.chain.tx(person, vec![call]).bytes()] };
        let outcome = self.chain.force(txs);
        self.committed(&outcome);
        outcome
    }

    fn committed(&self, outcome: &BlockOutcome) {
        tell(self, &self.taker, outcome);
    }

    pub(crate) fn blocks(&self, height: u64) {
        while self.chain.app.info().height < height {
            self.block();
        }
    }

    pub(crate) fn own(&self) -> Identity {
        identity(&self.chain.doc)
    }

    pub(crate) fn listed(&self) -> Vec<u64> {
        self.chain.app.list_snapshots().iter().map(|snapshot| snapshot.height).collect()
    }

    /// The newest snapshot and the app hash of its height.
    pub(crate) fn offer(&self) -> (SnapshotInfo, [u8; 32]) {
        let offer = self.chain.app.list_snapshots().into_iter().next().unwrap();
        let root = self.chain.app.index().block(offer.height).unwrap().root;
        (offer, root)
    }

    pub(crate) fn chunk(&self, offer: &SnapshotInfo, index: u32) -> Bytes {
        self.chain.app.load_chunk(offer.height, offer.format, index).unwrap()
    }
}

/// Tells a taker of a block that was committed.
fn tell(source: &Source, taker: &Taker, outcome: &BlockOutcome) {
    let info = outcome.block.info;
    let (rows, params) = source.chain.app.state_size();
    taker.after_commit(&Committed {
        height: info.height,
        root: outcome.finalized.root,
        time: info.time,
        retain_height: 0,
        tx_hashes: Vec::new(),
        rows,
        max_rows: params.max_rows,
    });
}

/// An account that nobody paid before.
fn fresh(height: u64) -> diem_core::Address {
    diem_core::Address(*diem_core::sha256(&[&height.to_be_bytes()]).first_chunk().unwrap())
}

/// An empty application in a folder of its own.
pub(crate) struct Joiner {
    pub(crate) app: App,
    folder: TempDir,
}

impl Joiner {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { app: App::open(folder.path(), options()).unwrap(), folder }
    }

    /// Applies all chunks in order, as CometBFT does; gives back the last answer.
    pub(crate) fn apply_all(&self, source: &Source, offer: &SnapshotInfo) -> ChunkAnswer {
        let apply = |index| self.app.apply_chunk(index, source.chunk(offer, index), "honest").unwrap();
        let answers: Vec<ChunkAnswer> = (0..offer.chunks).map(apply).collect();
        assert!(answers.iter().all(|answer| answer.wrong.is_empty()));
        answers.into_iter().next_back().unwrap()
    }

    /// Joins by the newest snapshot.
    pub(crate) fn join(&self, source: &Source) -> u64 {
        let (offer, root) = source.offer();
        self.app.offer_snapshot(&offer, &root, &source.own()).unwrap();
        let last = self.apply_all(source, &offer);
        assert_eq!(last.verdict, ChunkVerdict::Accept);
        last.restored.unwrap()
    }

    /// Closes the application and opens it again.
    pub(crate) fn reopen(self) -> Self {
        let Self { app, folder } = self;
        drop(app);
        Self { app: App::open(folder.path(), options()).unwrap(), folder }
    }

    /// Asserts that nothing of a snapshot is left.
    pub(crate) fn assert_nothing_is_left(&self) {
        assert_eq!(self.app.info().height, 0);
        assert_eq!(self.app.restoring(), None);
        assert_eq!(self.app.store().state_rows().count(), 0);
        assert!(!self.folder.path().join("restoring").exists());
    }
}
