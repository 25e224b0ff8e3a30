//! Full blocks of the dearest use of every call, one after the other, each beside a full block of transfers, as many to a
//! transaction as it holds: what a block costs at most.

use std::time::Instant;

use bytes::Bytes;
use diem_runtime::{App, Options};
use diem_testkit::{
    Person,
    chain::block_hash,
    dearest::{Scene, Shape, Size, Use},
};
use diem_types::{Signed, Tx};
use rayon::prelude::*;

use crate::report::{Goal, Report, median};

/// The most that a block may cost, of a block of transfers.
const MOST: f64 = 2.0;
/// How often each block is timed, each time beside a block of transfers.
const ROUNDS: usize = 3;
/// `DIEM_BENCH_GAS_CALL=PublishPrices` times one call alone.
const SIZE: Size = Size { full: 256, customers: 1_024 };

/// Seconds of the stages of one block.
#[derive(Clone, Copy)]
struct Times {
    /// Preparing it out of what waited in the pool.
    prepare: f64,
    /// Processing it, its signatures known.
    process: f64,
    /// Processing it, its transactions and what is signed inside them never seen.
    unseen: f64,
}

/// Runs all figures of gas.
pub(crate) fn run(report: &mut Report) {
    let home = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    // What is due would be paid before anybody collects it.
    options.hooks.begin.retain(|hook| !["unbonded", "cooled_down"].contains(&hook.name));
    let scene = Scene::new(App::open(home.path(), options).unwrap(), SIZE);
    let only = std::env::var("DIEM_BENCH_GAS_CALL").ok();
    let mut salt = 0;
    for what in Use::ALL {
        let name = format!("{what:?}");
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let worst = Shape::ALL.map(|shape| ratios(&scene, *what, shape, &mut salt));
        let most = |part: fn(&Times) -> f64| worst.iter().map(part).fold(0.0, f64::max);
        let mut goal =
            |stage: &str, value| report.goal(&format!("{name}, {stage}"), value, "ratio", Goal::AtMost(MOST));
        goal("prepare", most(|times| times.prepare));
        goal("process", most(|times| times.process));
        goal("process unseen", most(|times| times.unseen));
    }
}

/// What a block of this call costs of a block of transfers.
fn ratios(scene: &Scene, what: Use, shape: Shape, salt: &mut u64) -> Times {
    let rounds: Vec<[Times; 2]> = (0..ROUNDS)
        .map(|_| {
            *salt += 1;
            let transfers = fill(scene, *salt, |number| scene.transaction(Use::Transfer, Shape::Whole, number));
            let calls = fill(scene, *salt, |number| scene.transaction(what, shape, number));
            [times(scene, Use::Transfer, &transfers), times(scene, what, &calls)]
        })
        .collect();
    let of = |part: fn(&Times) -> f64| median(rounds.iter().map(|[base, times]| part(times) / part(base)).collect());
    let ratios = Times { prepare: of(|t| t.prepare), process: of(|t| t.process), unseen: of(|t| t.unseen) };
    let [base, times] = rounds[0];
    eprintln!(
        "  {what:?} {shape:?}: {:.2} {:.2} {:.2}; process {:.0} ms of {:.0} ms",
        ratios.prepare,
        ratios.process,
        ratios.unseen,
        times.process * 1e3,
        base.process * 1e3
    );
    ratios
}

/// Signed transactions until the block is full, by gas or by bytes; the salt makes them unlike any before.
fn fill<'a>(scene: &Scene, salt: u64, nth: impl Fn(usize) -> (Tx, &'a Person) + Sync) -> Vec<Bytes> {
    let doc = &scene.chain.doc;
    let sign = |number: usize| {
        let (mut tx, sender) = nth(number);
        tx.memo = format!("{salt:08}");
        Bytes::from(tx.sign(&sender.key, None).unwrap())
    };
    let gas = |tx: &Bytes| doc.app.gas.gas(&Signed::decode(tx).unwrap());
    let first = sign(0);
    let mut left = (doc.app.gas.block_limit, doc.consensus.block_max_bytes);
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
    // What fits, in the order in which a proposer puts it; the signatures are not known yet when it is processed.
    let mut chosen = txs.to_vec();
    let process = |txs: &[Bytes]| app.process(&block, block_hash(&block, txs), txs).unwrap();
    let unseen = timed(&mut || process(&chosen));
    let prepare = timed(&mut || chosen = app.prepare(&block, txs.to_vec(), scene.chain.doc.consensus.block_max_bytes));
    assert_eq!(chosen.len(), txs.len(), "all of them fit");
    let process = timed(&mut || process(&chosen));
    Times { prepare, process, unseen }
}
