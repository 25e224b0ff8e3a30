//! Random histories: restarts and reverts leave no trace.

use std::sync::atomic::Ordering;

use diem_bank as bank;
use diem_client::verify::Trust;
use diem_core::Time;
use diem_engine::engine::{SnapshotId, Warp};
use diem_staking as staking;
use diem_testkit::{TxBuilder, operator};
use diem_types::Call;
use proptest::prelude::*;

use super::{Rig, consensus_address, sets::light, submit, whole};
use crate::producer::{Producer, signed_header};

/// A step of the property test.
#[derive(Debug, Clone)]
enum Step {
    Transfer { from: usize, to: usize, vvv: u128 },
    Stake { from: usize, with: u32, vvv: u128 },
    Unstake { from: usize, with: u32, vvv: u128 },
    Equivocate(usize),
    Mine,
    Warp(u64),
    Tick(u64),
    Snapshot,
    Revert(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4usize, 0..4usize, 1..20u128).prop_map(|(from, to, vvv)| Step::Transfer { from, to, vvv }),
        3 => (0..4usize, 0..3u32, 1..60u128).prop_map(|(from, with, vvv)| Step::Stake { from, with, vvv }),
        1 => (0..4usize, 0..3u32, 1..20u128).prop_map(|(from, with, vvv)| Step::Unstake { from, with, vvv }),
        1 => (0..2usize).prop_map(Step::Equivocate),
        2 => Just(Step::Mine),
        1 => (0..100_000_000u64).prop_map(Step::Warp),
        2 => (0..5_000u64).prop_map(Step::Tick),
        1 => Just(Step::Snapshot),
        1 => (1..4u64).prop_map(Step::Revert),
    ]
}

fn nonce(rig: &Rig, producer: &Producer, who: usize) -> u64 {
    bank::nonce(&producer.app().store().latest(), &rig.people[who].address)
}

/// Makes a block with a call, which may fail there.
fn call(rig: &Rig, producer: &mut Producer, who: usize, msg: staking::Msg) {
    let nonce = nonce(rig, producer, who);
    let tx = TxBuilder::new(&rig.doc, &rig.people[who], nonce, vec![Call::Staking(msg)]).bytes();
    submit(producer, tx).unwrap();
    producer.make_block(false).unwrap();
}

/// Carries out a step and makes what it did durable, so that a restart after it changes nothing.
fn run(rig: &Rig, producer: &mut Producer, step: &Step) {
    match step {
        Step::Transfer { from, to, vvv } => {
            let tx = rig.transfer(*from, nonce(rig, producer, *from), *to, *vvv);
            submit(producer, tx).unwrap();
            producer.make_block(false).unwrap();
        }
        Step::Stake { from, with, vvv } => {
            let (validator, amount) = (operator(*with).address, whole(*vvv));
            call(rig, producer, *from, staking::Msg::Stake { validator, amount });
        }
        Step::Unstake { from, with, vvv } => {
            let (validator, amount) = (operator(*with).address, whole(*vvv));
            call(rig, producer, *from, staking::Msg::Unstake { validator, amount });
        }
        Step::Equivocate(number) => {
            // The evidence is refused when the validator has left already; then the block is an empty one.
            let address = consensus_address(&rig.keys[*number].verifying_key().to_bytes());
            let _ = producer.add_evidence(address);
            producer.make_block(true).unwrap();
        }
        Step::Mine => drop(producer.make_block(true).unwrap()),
        Step::Warp(millis) => {
            producer.warp(Warp::By(*millis)).unwrap();
            producer.make_block(true).unwrap();
        }
        Step::Tick(millis) => drop(rig.now.fetch_add(*millis, Ordering::Relaxed)),
        Step::Snapshot | Step::Revert(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_restart_after_any_step_changes_no_root(
        steps in prop::collection::vec((step(), any::<bool>()), 1..20),
    ) {
        let (steady, restarted) = (Rig::new(), Rig::new());
        let folder = tempfile::tempdir().unwrap();
        let mut one = steady.in_memory();
        let mut other = restarted.on_disk(folder.path());
        for (step, restart) in &steps {
            run(&steady, &mut one, step);
            run(&restarted, &mut other, step);
            if *restart {
                drop(other);
                other = restarted.on_disk(folder.path());
            }
            prop_assert_eq!(one.app().info(), other.app().info());
            let header = |producer: &Producer| signed_header(producer.app(), producer.height()).unwrap().unwrap();
            prop_assert_eq!(header(&one), header(&other));
        }
        // A light client follows all of the chain, too.
        let mut trust = Trust::from_genesis(&restarted.doc).unwrap();
        for height in 1..=other.height() {
            trust = trust.advance(&light(&other, height), Time(0)).unwrap();
        }
    }

    #[test]
    fn a_revert_is_as_if_nothing_had_happened(
        before in prop::collection::vec(step(), 0..8),
        lost in prop::collection::vec(step(), 0..12),
        after in prop::collection::vec(step(), 0..8),
    ) {
        // One chain never lives through what the other reverts. Snapshots inside the detour are taken and reverted to
        // as well.
        let (straight, detour) = (Rig::new(), Rig::new());
        let (mut one, mut other) = (straight.in_memory(), detour.in_memory());
        for step in &before {
            run(&straight, &mut one, step);
            run(&detour, &mut other, step);
        }
        let (id, _) = other.snapshot();
        let clock = detour.now.load(Ordering::Relaxed);
        for step in &lost {
            match step {
                Step::Snapshot => drop(other.snapshot()),
                Step::Revert(later) => drop(other.revert(SnapshotId(id.0 + later))),
                step => run(&detour, &mut other, step),
            }
        }
        other.revert(id).unwrap();
        detour.now.store(clock, Ordering::Relaxed);
        prop_assert_eq!(one.app().info(), other.app().info());
        for step in &after {
            run(&straight, &mut one, step);
            run(&detour, &mut other, step);
        }
        prop_assert_eq!(one.app().info(), other.app().info());
        prop_assert!(other.app().check_invariants().is_ok());
    }
}
