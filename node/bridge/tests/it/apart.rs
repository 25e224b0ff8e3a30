//! Validators whose endpoints are far apart, and some who name what nobody else has yet: real watchers and signers, one for
//! each validator, and the real module.

use std::time::Duration;

use diem_base::Dev;
use diem_bridge::Checkpoint;
use diem_lying_base::{Lie, Scope};

use crate::watched::{Watched, WatchingNode};

/// The seconds by which the endpoints of four validators are behind Base: seven minutes from the first to the last.
const BEHIND: [u64; 4] = [0, 140, 280, 420];
/// The blocks in which finality moves at once, as Ethereum's epochs make it.
const STEP: u64 = 32;
/// The blocks that Base makes while this chain makes one, and the seconds that pass.
const BLOCKS_A_ROUND: u64 = 20;

/// A validator with three endpoints of its own, which all tell these lies.
pub(crate) fn validator_with(watched: &Watched, validator: u32, lies: &[Lie], patience: Duration) -> WatchingNode {
    let names: Vec<String> = (1..=3).map(|endpoint| format!("of-{validator}-{endpoint}")).collect();
    for (name, lie) in names.iter().flat_map(|name| lies.iter().map(move |lie| (name, lie))) {
        watched.proxy.lie_within(Scope::victim(name), lie.clone());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    watched.node_of(&format!("validator-{validator}"), &[validator], &names, patience, |_| ())
}

/// Lets each node look and sign after so many blocks of Base and as many seconds, and makes a block of this chain.
pub(crate) async fn round(watched: &Watched, nodes: &mut [WatchingNode], blocks: u64) {
    Dev::new(watched.world.bridge.base().clone()).warp(blocks).await.unwrap();
    watched.mine(blocks).await;
    for node in &mut *nodes {
        node.watcher.round().await.unwrap();
        node.signer.round();
    }
    watched.world.scene.chain.propose(Vec::new());
}

async fn head(watched: &Watched) -> u64 {
    watched.world.bridge.base().latest().await.unwrap().number
}

/// Checks that a checkpoint is what Base has.
pub(crate) async fn is_true(watched: &Watched, last: &Checkpoint) {
    let real = watched.world.bridge.base().hash_of(last.number).await.unwrap();
    assert_eq!(real, Some(last.block_hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_seven_minutes_apart_whose_finality_comes_in_steps_attest_again_and_again() {
    let Some(watched) = Watched::start().await else { return };
    let mut nodes = Vec::new();
    for (validator, behind) in (1..).zip(BEHIND) {
        let mut lies = vec![Lie::FinalitySteps(STEP)];
        lies.extend((behind > 0).then_some(Lie::LagSeconds(behind)));
        nodes.push(validator_with(&watched, validator, &lies, Duration::MAX));
    }

    // A quorum of four is three, the slowest of which is 280 seconds behind. One round of naming and following takes as
    // long, so that what is attested is never older than two of them, with the steps of finality.
    let oldest = 2 * BEHIND[2] + 2 * STEP + 4 * BLOCKS_A_ROUND;
    let mut attested = Vec::new();
    for number in 0..2 * oldest / BLOCKS_A_ROUND {
        round(&watched, &mut nodes, BLOCKS_A_ROUND).await;
        let last = watched.last();
        if attested.last() != last.as_ref() {
            is_true(&watched, &last.unwrap()).await;
            attested.extend(last);
        }
        let head = head(&watched).await;
        if number > oldest / BLOCKS_A_ROUND {
            let reasons: Vec<_> = nodes.iter().map(|node| (node.watcher.refusal(), node.signer.refusal())).collect();
            assert!(last.is_some_and(|last| last.number + oldest >= head), "{last:?} of {head}: {reasons:?}");
        }
    }
    assert!(attested.len() > 2, "{attested:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_nine_who_name_numbers_all_the_time_hold_up_nobody() {
    /// The blocks by which finality is behind for the honest.
    const FINALITY: u64 = 40;
    let Some(watched) = Watched::of(9).await else { return };
    let mut nodes = Vec::new();
    for validator in 1..=9_u32 {
        let (lie, patience) = match validator {
            1 | 2 => (Lie::LatestAsFinalized, Duration::ZERO),
            _ => (Lie::StaleFinalized(FINALITY), Duration::MAX),
        };
        nodes.push(validator_with(&watched, validator, &[lie], patience));
    }

    let mut attested = 0;
    for number in 0..30 {
        round(&watched, &mut nodes, 5).await;
        let (last, head) = (watched.last(), head(&watched).await);
        if let Some(last) = last.filter(|last| last.number > attested) {
            is_true(&watched, &last).await;
            attested = last.number;
        }
        // Seven follow whatever the two have named, as soon as it is final for them.
        if number > 15 {
            assert!(attested + FINALITY + 4 * 5 >= head, "{attested} of {head}");
        }
    }
}
