//! Full blocks of transfers through the application: on disk, with the ring of past heights, the index and a synced
//! write, as a validator runs it.

use bytes::Bytes;
use diem_runtime::{App, CheckKind, Options};
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

/// Nanoseconds of the stages of one block.
struct Stages {
    process: f64,
    finalize: f64,
    commit: f64,
}

impl Stages {
    fn total(&self) -> f64 {
        self.process + self.finalize + self.commit
    }
}

struct Chain {
    app: App,
    work: Workload,
    height: u64,
    _home: tempfile::TempDir,
}

/// Runs all figures of the pipeline.
pub(crate) fn run(report: &mut Report, accounts: u32, yardstick: &Yardstick) {
    let mut chain = Chain::start(accounts);
    let per_tx = |ns: f64| ns / BLOCK as f64;

    let remembered: Vec<Stages> = chain.blocks(WARM_UP + BLOCKS, true).split_off(WARM_UP);
    let total = per_tx(median(remembered.iter().map(Stages::total).collect()));
    report.goal(
        "Process + Finalize + Commit, a transfer, signatures remembered / verify_strict",
        total / yardstick.verify_strict_ns,
        "ratio",
        Goal::AtMost(0.24),
    );
    report.fact("  the same", total / 1e3, "us");
    report.fact("  of it Process (decode, look up, execute)", per_tx(median(remembered.iter().map(|s| s.process).collect())) / 1e3, "us");
    report.fact("  of it Finalize (tree, index rows)", per_tx(median(remembered.iter().map(|s| s.finalize).collect())) / 1e3, "us");
    report.fact("  of it Commit (synced write, cache, ring)", per_tx(median(remembered.iter().map(|s| s.commit).collect())) / 1e3, "us");

    let fresh: Vec<Stages> = chain.blocks(WARM_UP + BLOCKS / 2, false).split_off(WARM_UP);
    let total = per_tx(median(fresh.iter().map(Stages::total).collect()));
    report.fact("the same with batch verification / batch verification alone", total / yardstick.batch_ns, "ratio");

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
        chain.block(&[]);
        chain
    }

    fn block(&mut self, txs: &[Bytes]) -> Stages {
        let block = self.work.block(self.height);
        let hash = block_hash(self.height);
        let (_, process) = timed(|| self.app.process(&block, hash, txs).unwrap());
        let (done, finalize) = timed(|| self.app.finalize(&block, hash, txs).unwrap());
        let (_, commit) = timed(|| self.app.commit(Vec::new()).unwrap());
        assert!(done.results.iter().all(|result| result.code == 0));
        self.height += 1;
        Stages { process, finalize, commit }
    }

    fn blocks(&mut self, count: usize, remembered: bool) -> Vec<Stages> {
        (0..count)
            .map(|_| {
                let txs = self.work.transfers(BLOCK);
                if remembered {
                    assert!(self.app.verify_signatures(&txs).iter().all(Result::is_ok));
                }
                self.block(&txs)
            })
            .collect()
    }

    /// Parts of a block on their own: where the time of the stages goes.
    fn parts(&mut self, report: &mut Report, yardstick: &Yardstick) {
        let txs = self.work.transfers(BLOCK);
        let each = |ns: f64| ns / BLOCK as f64 / 1e3;
        let decode = || timed(|| txs.par_iter().map(|tx| Signed::decode(tx).unwrap()).collect::<Vec<_>>()).1;
        report.fact("  part: decode and hash, both cores", each(median((0..9).map(|_| decode()).collect())), "us");
        self.app.verify_signatures(&txs);
        let remembered = || timed(|| self.app.verify_signatures(&txs)).1;
        report.fact("  part: decode and look up signatures", each(median((0..9).map(|_| remembered()).collect())), "us");
        let block = self.work.block(self.height);
        let prepare = || timed(|| self.app.prepare(&block, txs.clone(), u64::MAX)).1;
        let ns = median((0..5).map(|_| prepare()).collect());
        report.fact("Prepare, a transfer / verify_strict", ns / BLOCK as f64 / yardstick.verify_strict_ns, "ratio");
        self.block(&txs);
    }

    /// CheckTx of new and of waiting transactions.
    fn pool(&mut self, report: &mut Report, yardstick: &Yardstick) {
        let txs = self.work.transfers(BLOCK);
        let check = |kind| {
            let (_, ns) = timed(|| {
                for tx in &txs {
                    let result = self.app.check_tx(tx, kind);
                    assert_eq!(result.code, 0, "{}", result.log);
                }
            });
            ns / BLOCK as f64
        };
        let unknown = check(CheckKind::New);
        report.fact("CheckTx, signature unknown / verify_strict", unknown / yardstick.verify_strict_ns, "ratio");
        self.block(&[]);
        let known = {
            let (_, ns) = timed(|| {
                for tx in &txs {
                    assert_eq!(self.app.check_tx(tx, CheckKind::Recheck).code, 0);
                }
            });
            ns / BLOCK as f64
        };
        report.fact("Recheck (and CheckTx behind the door) / verify_strict", known / yardstick.verify_strict_ns, "ratio");
    }
}
