//! When a batch that nobody executed pays itself back.

use diem_bridge::{Event, inbound, state};

use crate::{
    chain::{ALICE, Chain, cents},
    far_side::FarSide,
    staking_chain::empty,
};

#[test]
fn a_batch_is_paid_back_once_a_later_block_of_base_is_completed_and_not_before() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let before = chain.diem(ALICE);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    let mut far = FarSide::of(&chain);
    // This chain's own clock says nothing about Base, which may stand still for two days.
    chain.block(2 * 86_400_000);
    chain.block(1);
    assert!(state::open_batch(&chain.world.state, 1).is_some());
    far.now = batch.deadline;
    let at_deadline = far.checkpoint();
    chain.attest(at_deadline);
    chain.block(1);
    assert_eq!(chain.completed(), Some(at_deadline.number));
    assert!(state::open_batch(&chain.world.state, 1).is_some(), "the contract executes until the deadline");
    far.now += 1;
    let after = far.checkpoint();
    chain.attest(after);
    assert_eq!(chain.diem(ALICE).saturating_add(cents(101)), before);
    chain.block(1);
    assert_eq!(chain.diem(ALICE), before, "amount and fee");
    assert!(chain.events.contains(&Event::BatchRefunded { nonce: 1 }));
    chain.block(1);
    assert_eq!((chain.diem(ALICE), chain.issued().open), (before, 0));
}

#[test]
fn a_batch_that_was_executed_in_the_last_second_is_never_paid_back() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    let before = chain.diem(ALICE);
    let mut far = FarSide::of(&chain);
    far.now = batch.deadline;
    far.execute(&batch);
    far.now += 1;
    // The refund is due by the attested time, and waits for the events up to it.
    let block = far.checkpoint();
    chain.attest(block);
    for _ in 0..5 {
        chain.block(60_000);
    }
    assert!(state::open_batch(&chain.world.state, 1).is_some());
    assert!(chain.replay(&far, 200));
    for _ in 0..5 {
        chain.block(60_000);
    }
    assert_eq!(chain.diem(ALICE), before);
    assert!(chain.events.contains(&Event::TransferMinted { id: 1, batch: 1 }));
    assert!(inbound::halt(&chain.world.state).is_none());
}

#[test]
fn a_batch_that_is_executed_after_it_was_paid_back_is_a_breach() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    let mut far = FarSide::of(&chain);
    far.now = batch.deadline + 1;
    chain.follow(&mut far);
    chain.block(1);
    assert!(state::open_batch(&chain.world.state, 1).is_none());
    far.execute(&batch);
    chain.follow(&mut far);
    assert!(inbound::halt(&chain.world.state).is_some());
}

#[test]
fn the_deadline_is_by_the_later_of_both_clocks() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    far.now += 1_000_000;
    chain.follow(&mut far);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    assert_eq!(batch.deadline, far.now + 600);
}

#[test]
fn refunds_of_many_batches_come_over_several_blocks() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let before = chain.diem(ALICE);
    let mut last = 0;
    for _ in 0..10 {
        last = chain.sealed(ALICE, cents(100), cents(1)).deadline;
    }
    let mut far = FarSide::of(&chain);
    far.now = last + 1;
    let block = far.checkpoint();
    chain.attest(block);
    let mut open = vec![];
    for _ in 0..4 {
        chain.block(1);
        open.push(chain.issued().open);
    }
    assert_eq!(open, [6, 2, 0, 0]);
    assert_eq!(chain.diem(ALICE), before);
}
