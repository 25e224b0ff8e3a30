//! Full blocks of transfers through the application: on disk, with the ring of past heights, the index and a synced
//! write, as a validator runs it.

use bytes::Bytes;
use diem_runtime::{App, Options};
use diem_types::Signed;
use rayon::prelude::*;

use crate::{
    report::{Goal, Report, median, timed},
    workload::{Workload, block_hash},
    yardstick::Yardstick,
};

const BLOCK: usize = 10_000;
const WARM_UP: usize = 4;
const BLOCKS: usize = 15;

/// The nanoseconds of the stages of one block, and the yardstick measured right before it.
struct Stages {
    process: f64,
    finalize: f64,
    commit: f64,
    yardstick: f64,
}

impl Stages {
    fn total(&self) -> f64 {
        self.process + self.finalize + self.commit
    }
}

fn median_of(stages: &[Stages], part: impl Fn(&Stages) -> f64) -> f64 {
    median(stages.iter().map(part).collect())
}

struct Chain {
    app: App,
    work: Workload,
    height: u64,
    _home: tempfile::TempDir,
}

const PER_TX: f64 = BLOCK as f64;

/// Runs all figures of the pipeline.
pub(crate) fn run(report: &mut Report, accounts: u32, yardstick: &Yardstick) {
    let mut chain = Chain::start(accounts);
    let strict = || yardstick.verify_strict();
    let remembered = chain.blocks(WARM_UP + BLOCKS, true, strict).split_off(WARM_UP);
    report.goal(
        "Process + Finalize + Commit, a transfer, signatures remembered / verify_strict",
        median_of(&remembered, |s| s.total() / PER_TX / s.yardstick),
        "ratio",
        Goal::AtMost(0.24),
    );
    let us = |part: fn(&Stages) -> f64| median_of(&remembered, part) / PER_TX / 1e3;
    report.fact("  the same", us(Stages::total), "us");
    report.fact("  of it Process (decode, look up, execute)", us(|s| s.process), "us");
    report.fact("  of it Finalize (tree, index rows)", us(|s| s.finalize), "us");
    report.fact("  of it Commit (synced write, cache, ring)", us(|s| s.commit), "us");

    let fresh = chain.blocks(WARM_UP + BLOCKS / 2, false, || yardstick.batch()).split_off(WARM_UP);
    let ratio = median_of(&fresh, |s| s.total() / PER_TX / s.yardstick);
    report.fact("the same with batch verification / batch verification alone", ratio, "ratio");

    chain.parts(report, yardstick);
    chain.pool(report, yardstick);
}

impl Chain {
    fn start(accounts: u32) -> Self {
        let home = tempfile::tempdir().unwrap();
        let app = App::open(home.path(), Options::default()).unwrap();
        let work = Workload::new(accounts);
        let (_, ns) = timed(|| app.init_chain(&work.doc).unwrap());
        eprintln!("genesis of {accounts} accounts: {:.1} s", ns / 1e9);
        let mut chain = Self { app, work, height: 1, _home: home };
        chain.block(&[], || 0.0);
        chain
    }

    fn block(&mut self, txs: &[Bytes], yardstick: impl Fn() -> f64) -> Stages {
        let yardstick = yardstick();
        let block = self.work.block(self.height);
        let hash = block_hash(self.height);
        let (_, process) = timed(|| self.app.process(&block, hash, txs).unwrap());
        let (done, finalize) = timed(|| self.app.finalize(&block, hash, txs).unwrap());
        let (_, commit) = timed(|| self.app.commit(Vec::new()).unwrap());
        assert!(done.results.iter().all(|result| result.code == 0));
        self.height += 1;
        Stages { process, finalize, commit, yardstick }
    }

    fn blocks(&mut self, count: usize, remembered: bool, yardstick: impl Fn() -> f64) -> Vec<Stages> {
        (0..count)
            .map(|_| {
                let txs = self.work.transfers(BLOCK);
                if remembered {
                    assert!(self.app.verify_signatures(&txs).iter().all(Result::is_ok));
                }
                self.block(&txs, &yardstick)
            })
            .collect()
    }

    /// Measures parts of a block on their own, to show where the time of the stages goes.
    fn parts(&mut self, report: &mut Report, yardstick: &Yardstick) {
        let txs = self.work.transfers(BLOCK);
        let each = |ns: f64| ns / BLOCK as f64 / 1e3;
        let decode = || timed(|| txs.par_iter().map(|tx| Signed::decode(tx).unwrap()).collect::<Vec<_>>()).1;
        report.fact("  part: decode and hash, both cores", each(median((0..9).map(|_| decode()).collect())), "us");
        self.app.verify_signatures(&txs);
        let remembered = || timed(|| self.app.verify_signatures(&txs)).1;
        report.fact(
            "  part: decode and look up signatures",
            each(median((0..9).map(|_| remembered()).collect())),
            "us",
        );
        let block = self.work.block(self.height);
        let prepare = || {
            let strict = yardstick.verify_strict();
            timed(|| self.app.prepare(&block, txs.clone(), &[], u64::MAX)).1 / PER_TX / strict
        };
        report.fact("Prepare, a transfer / verify_strict", median((0..9).map(|_| prepare()).collect()), "ratio");
        self.block(&txs, || 0.0);
    }

    /// Measures CheckTx of new and of waiting transactions, in runs beside the yardstick.
    fn pool(&mut self, report: &mut Report, yardstick: &Yardstick) {
        let txs = self.work.transfers(BLOCK);
        let check = || {
            let run = |txs: &[Bytes]| {
                let strict = yardstick.verify_strict();
                let ((), ns) = timed(|| {
                    for tx in txs {
                        let result = self.app.check_tx(tx);
                        assert_eq!(result.code, 0, "{}", result.log);
                    }
                });
                ns / txs.len() as f64 / strict
            };
            median(txs.chunks(1_000).map(run).collect())
        };
        report.fact("CheckTx, signature unknown / verify_strict", check(), "ratio");
        // A commit empties the pool; the waiting transactions are checked again, with their signatures remembered.
        self.app.drop_pending();
        report.fact("Recheck (and CheckTx with known signatures) / verify_strict", check(), "ratio");
    }
}
