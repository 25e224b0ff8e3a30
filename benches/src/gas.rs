//! Blocks of the dearest use of every call, each beside a block of transfers: they bound what a block costs.
//!
//! A block of transfers is the dearest one that honest people fill: a transfer of each sender by itself, so that every
//! transfer has its transaction, its signature and its fee. It is full by bytes. Its cost is all that a node does for
//! it: it verifies what it has not seen, prepares, processes and finalizes. The cost with known signatures is shown
//! beside, without a goal: a block of transfers is nearly all signatures.

use std::time::Instant;

use bytes::Bytes;
use diem_runtime::App;
use diem_testkit::{
    Person,
    chain::block_hash,
    dearest::{Scene, Shape, Size, Use},
};
use diem_types::{Signed, Tx};
use rayon::prelude::*;

use crate::report::{Goal, Report, median};

/// The most that a block may cost, as a multiple of a block of transfers.
const MOST: f64 = 2.0;
/// The number of times that the dearest shape of each call is timed, each time beside a block of transfers.
const ROUNDS: usize = 3;
const SIZE: Size = Size { full: 256, customers: 1_024 };
/// The divisor of the part of a block that is filled: the work grows with the number of transactions.
/// `DIEM_BENCH_GAS_PART=1` fills whole blocks; with less than a quarter the largest batch of vouchers does not fit.
const PART: u64 = 2;

/// The seconds that a block takes a node.
#[derive(Clone, Copy)]
struct Times {
    /// The time of preparing the block from what waited in the pool, processing and finalizing it, with its signatures
    /// known: consensus waits this long where transactions came through the pool.
    seen: f64,
    /// The time of processing the block, with its transactions and what is signed inside them never seen.
    unseen: f64,
}

impl Times {
    /// Divides these times by those of a block of transfers.
    fn per(self, transfers: Self) -> Ratios {
        let all = |times: Self| times.seen + times.unseen;
        Ratios { all: all(self) / all(transfers), seen: self.seen / transfers.seen }
    }
}

/// The cost of a block, as a multiple of a block of transfers.
#[derive(Clone, Copy)]
struct Ratios {
    /// The multiple of all that a node does for it.
    all: f64,
    /// The multiple of what is left where the signatures were known.
    seen: f64,
}

/// The scene, with the salt that makes each transaction unlike any before.
struct Bench {
    scene: Scene,
    part: u64,
    salt: u64,
}

/// Runs all figures of gas. `DIEM_BENCH_GAS_CALL=PublishPrices` times one call alone.
pub(crate) fn run(report: &mut Report) {
    let home = tempfile::tempdir().unwrap();
    let scene = Scene::new(App::open(home.path(), Scene::options()).unwrap(), SIZE);
    let part = std::env::var("DIEM_BENCH_GAS_PART").map_or(PART, |text| text.parse().unwrap());
    let mut bench = Bench { scene, part, salt: 0 };
    let only = std::env::var("DIEM_BENCH_GAS_CALL").ok();
    for what in Use::ALL {
        let name = format!("{what:?}");
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let dearest = bench.dearest(*what);
        report.goal(&name, dearest.all, "ratio", Goal::AtMost(MOST));
        report.fact(&format!("  of it {name} with known signatures"), dearest.seen, "ratio");
    }
}

impl Bench {
    /// Measures the dearest block of this call as a multiple of a block of transfers.
    fn dearest(&mut self, what: Use) -> Ratios {
        let base = self.transfers();
        let shapes = Shape::ALL.map(|shape| (shape, self.calls(what, shape).per(base)));
        let (shape, first) = shapes.into_iter().max_by(|(_, a), (_, b)| a.all.total_cmp(&b.all)).unwrap();
        let mut rounds = vec![first];
        while rounds.len() < ROUNDS {
            let base = self.transfers();
            rounds.push(self.calls(what, shape).per(base));
        }
        eprintln!("  {what:?}: the dearest shape is {shape:?}");
        let of = |part: fn(&Ratios) -> f64| median(rounds.iter().map(part).collect());
        Ratios { all: of(|ratios| ratios.all), seen: of(|ratios| ratios.seen) }
    }

    fn transfers(&mut self) -> Times {
        self.salt += 1;
        let txs = fill(&self.scene, self.part, self.salt, |number| self.scene.transfer(number));
        times(&self.scene, Use::Transfer, &txs)
    }

    fn calls(&mut self, what: Use, shape: Shape) -> Times {
        self.salt += 1;
        let txs = fill(&self.scene, self.part, self.salt, |number| self.scene.transaction(what, shape, number));
        times(&self.scene, what, &txs)
    }
}

/// Signs transactions until the part of a block is full, by gas or by bytes; the salt makes them unlike any before.
fn fill<'a>(scene: &Scene, part: u64, salt: u64, nth: impl Fn(usize) -> (Tx, &'a Person) + Sync) -> Vec<Bytes> {
    let doc = &scene.chain.doc;
    let sign = |number: usize| {
        let (mut tx, sender) = nth(number);
        tx.memo = format!("{salt:08}");
        Bytes::from(tx.sign(&sender.key, None).unwrap())
    };
    let gas = |tx: &Bytes| doc.app.gas.gas(&Signed::decode(tx).unwrap());
    let first = sign(0);
    let mut left = (doc.app.gas.block_limit / part, doc.consensus.block_max_bytes / part);
    let most = (left.0 / gas(&first)).min(left.1 / first.len() as u64);
    let signed: Vec<Bytes> = (0..most as usize).into_par_iter().map(sign).collect();
    // Some have more gas or bytes than the first; CometBFT counts up to four bytes more for each.
    let fits = |tx: &Bytes| {
        let rest = left.0.checked_sub(gas(tx)).zip(left.1.checked_sub(tx.len() as u64 + 4));
        left = rest.unwrap_or((0, 0));
        rest.is_some()
    };
    signed.into_iter().take_while(fits).collect()
}

fn times(scene: &Scene, what: Use, txs: &[Bytes]) -> Times {
    let app = &scene.chain.app;
    let block = scene.block(what);
    let timed = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    // The signatures are known once the block has been processed the first time.
    let unseen = timed(&mut || app.process(&block, block_hash(&block, txs), txs).unwrap());
    let mut chosen = Vec::new();
    let seen = timed(&mut || {
        chosen = app.prepare(&block, txs.to_vec(), &[], scene.chain.doc.consensus.block_max_bytes);
        let hash = block_hash(&block, &chosen);
        app.process(&block, hash, &chosen).unwrap();
        app.finalize(&block, hash, &chosen).unwrap();
    });
    assert_eq!(chosen.len(), txs.len(), "all of them fit");
    Times { seen, unseen }
}
