//! The statements of validators in a block, beside bare recoveries of as many signers, and what the bridge costs a block
//! that has nothing to do with it.

use bytes::Bytes;
use diem_bridge::{BridgeVotes, OutboundKind, Statement, state::domain};
use diem_core::Address;
use diem_runtime::{Options, hooks::Hooks};
use diem_testkit::{
    bridge::{Bridged, bridge_key},
    chain::block_hash,
};
use rayon::prelude::*;

use crate::report::{Goal, Report, median, timed};

const VALIDATORS: u8 = 100;
/// The number of chains, each with statements that no other has seen.
const CHAINS: usize = 7;
const TRANSFERS: u64 = 2_000;
const BLOCKS: usize = 15;

pub(crate) fn run(report: &mut Report) {
    statements(report);
    idle(report);
}

/// Everything that a hundred validators can state at once: the newest set and two pauses.
fn votes(chain: &Bridged) -> BridgeVotes {
    let contents = [(OutboundKind::Valset, 1), (OutboundKind::Pause, 1), (OutboundKind::Pause, 2)];
    let signed = |validator: u8| {
        let key = bridge_key(validator);
        contents.map(|(kind, nonce)| (key.address(), chain.signed(&key, kind, nonce)))
    };
    let mut all: Vec<(Address, Statement)> = (0..VALIDATORS).flat_map(signed).collect();
    all.sort_by_key(|(signer, statement)| (*signer, statement.place()));
    BridgeVotes { statements: all.into_iter().map(|(_, statement)| statement).collect(), chunk: None }
}

fn statements(report: &mut Report) {
    let (mut process, mut bare, mut alone, mut finalize) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CHAINS {
        let chain = Bridged::of(VALIDATORS, Options::default());
        chain.block(0, Vec::new());
        chain.activate();
        let app = &chain.chain.app;
        let votes = votes(&chain);
        let domain = domain(&app.store().latest()).unwrap();
        let recover = |statement: &Statement| statement.signer(&domain).unwrap();
        bare.push(timed(|| votes.statements.par_iter().with_min_len(8).map(recover).collect::<Vec<_>>()).1);
        alone.push(timed(|| votes.statements.iter().map(recover).collect::<Vec<_>>()).1);
        let block = chain.chain.next_block();
        let txs: Vec<Bytes> = vec![votes.encode().into()];
        let hash = block_hash(&block, &txs);
        let (empty, nothing) = timed(|| app.process(&block, [0; 32], &[]));
        empty.unwrap();
        let (accepted, checked) = timed(|| app.process(&block, hash, &txs));
        accepted.unwrap();
        process.push(checked - nothing);
        finalize.push(timed(|| app.finalize(&block, hash, &txs).unwrap()).1);
    }
    let count = 3.0 * f64::from(VALIDATORS);
    let (process, bare, alone) = (median(process), median(bare), median(alone));
    report.goal(
        "check of 300 statements / 300 bare recoveries, both cores",
        process / bare,
        "ratio",
        Goal::AtMost(1.15),
    );
    report.fact("  the same / bare recoveries one after the other", process / alone, "ratio");
    report.fact("  a bare recovery", alone / count / 1e3, "us");
    report.fact("Finalize of that block after Process / its check", median(finalize) / process, "ratio");
}

/// Blocks of transfers on a chain whose bridge is at work, with the steps of the bridge and without them.
fn idle(report: &mut Report) {
    let without = || {
        let mut hooks = Hooks::default();
        hooks.begin.retain(|hook| hook.name != "bridge_set");
        hooks.end.retain(|hook| hook.name != "bridge_seal");
        Options { hooks, ..Options::default() }
    };
    let chains = [Options::default(), without()].map(|options| {
        let chain = Bridged::of(VALIDATORS, options);
        chain.block(0, Vec::new());
        chain.activate();
        chain.state_all();
        // The set is older than the gap, so that every block asks whether the power has moved.
        chain.block(6_000, Vec::new());
        chain
    });
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..BLOCKS as u64 {
        for (chain, times) in chains.iter().zip(&mut times) {
            let transfer = |nonce| chain.chain.transfer(1, number * TRANSFERS + nonce, 2, 5).bytes();
            let txs: Vec<Bytes> = (0..TRANSFERS).map(transfer).collect();
            chain.chain.app.verify_signatures(&txs);
            let block = chain.chain.next_block();
            let hash = block_hash(&block, &txs);
            let (accepted, ns) = timed(|| chain.chain.app.process(&block, hash, &txs));
            accepted.unwrap();
            let (_, finalize) = timed(|| chain.chain.app.finalize(&block, hash, &txs).unwrap());
            chain.chain.app.commit(Vec::new()).unwrap();
            times.push(ns + finalize);
        }
    }
    let [with, without] = times.map(median);
    report.goal(
        "2,000 transfers beside an idle bridge / without its steps",
        with / without,
        "ratio",
        Goal::AtMost(1.01),
    );
    let per_block = (with - without) / (without / TRANSFERS as f64);
    report.fact("  the steps of an idle bridge with 100 validators, a block, in transfers", per_block, "transfers");
}
