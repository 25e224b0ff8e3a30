//! Which transfers are sealed, when, and in which order.

use diem_bridge::{
    Event, OutboundKind, Params,
    sealing::{self, batch},
    state,
};
use diem_core::Amount;

use crate::{
    chain::{ALICE, AUTHORITY, BOB, Chain, TERMS, cents, params},
    staking_chain::empty,
};

/// The nonces of the batches that were sealed, each with its number of transfers.
fn sealed(chain: &Chain<'_>) -> Vec<(u64, u32)> {
    let of = |event: &Event| match event {
        Event::BatchSealed { nonce, transfers, .. } => Some((*nonce, *transfers)),
        _ => None,
    };
    chain.events.iter().filter_map(of).collect()
}

#[test]
fn nothing_is_sealed_before_a_set_has_its_quorum() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(60_000);
    chain.block(1_000);
    assert_eq!(sealed(&chain), []);
    let newest = chain.issued().sets;
    let statements: Vec<_> = (1..=3).map(|number| chain.statement(number, OutboundKind::Valset, newest)).collect();
    assert_eq!(chain.apply(statements[..2].to_vec()), 2);
    chain.block(1_000);
    assert_eq!(sealed(&chain), [], "two of four are not more than two thirds");
    assert_eq!(chain.apply(statements[2..].to_vec()), 1);
    chain.block(1_000);
    assert_eq!(sealed(&chain), [(1, 1)]);
}

#[test]
fn a_batch_is_sealed_when_the_oldest_has_waited_long_enough() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(1_999);
    chain.block(1);
    assert_eq!(sealed(&chain), []);
    let now = chain.world.now.time.millis();
    chain.block(1_000);
    assert_eq!(sealed(&chain), [(1, 1)]);
    let batch = batch(&chain.world.state, 1).unwrap();
    assert_eq!(batch.deadline, now / 1_000 + 600);
    assert_eq!((batch.fee, batch.transfers[0].amount), (cents(1), cents(100)));
    let books = state::books(&chain.world.state);
    assert_eq!((books.waiting, books.open), (Amount::ZERO, cents(101)));
}

#[test]
fn fifty_that_wait_are_sealed_at_once_and_one_batch_a_block() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    for _ in 0..49 {
        chain.send(ALICE, cents(20), cents(1)).unwrap();
    }
    chain.block(1);
    assert_eq!(sealed(&chain), []);
    for _ in 0..70 {
        chain.send(BOB, cents(20), cents(1)).unwrap();
    }
    chain.block(1);
    assert_eq!(sealed(&chain), [(1, 50)]);
    chain.block(1);
    assert_eq!(sealed(&chain), [(1, 50), (2, 50)]);
    chain.block(1);
    assert_eq!(sealed(&chain).len(), 2, "19 wait for their time");
}

#[test]
fn the_oldest_goes_first_and_then_the_highest_fees() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    for _ in 0..30 {
        chain.send(ALICE, cents(100), cents(2)).unwrap();
    }
    for _ in 0..30 {
        chain.send(BOB, cents(100), cents(4)).unwrap();
    }
    chain.block(1);
    let row = state::open_batch(&chain.world.state, 1).unwrap();
    let expected: Vec<u64> = [1].into_iter().chain(32..=61).chain(2..=20).collect();
    assert_eq!(row.transfers, expected);
}

#[test]
fn what_finds_no_room_waits_and_can_be_cancelled_and_room_comes_back_with_time() {
    let base = empty();
    let narrow = Params { out_capacity: cents(1_000), share_bps: 10_000, ..params() };
    let mut chain = Chain::with(&base, 4, 200_000, narrow);
    chain.make_ready(4);
    chain.send(ALICE, cents(600), cents(1)).unwrap();
    chain.send(ALICE, cents(600), cents(1)).unwrap();
    chain.send(BOB, cents(300), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    // The second does not fit, so the third, which does, goes with the first.
    assert_eq!(state::open_batch(&chain.world.state, 1).unwrap().transfers, [1, 3]);
    chain.block(1_000);
    assert_eq!(sealed(&chain).len(), 1);
    let before = chain.diem(ALICE);
    chain.send(ALICE, cents(600), cents(1)).unwrap();
    chain.cancel(ALICE, 4).unwrap();
    assert_eq!(chain.diem(ALICE), before);
    // 902 were in the bucket and 1,000 drain in a day, so that 601 find room after some twelve hours.
    chain.block(11 * 3_600_000);
    chain.block(1_000);
    assert_eq!(sealed(&chain).len(), 1);
    chain.block(3_600_000 + 600_000);
    chain.block(1_000);
    assert_eq!(state::open_batch(&chain.world.state, 2).unwrap().transfers, [2]);
}

#[test]
fn a_batch_is_due_from_the_first_moment_at_which_one_is_sealed() {
    let base = empty();
    let narrow = Params { out_capacity: cents(1_000), share_bps: 10_000, ..params() };
    let mut chain = Chain::with(&base, 4, 200_000, narrow);
    let now = |chain: &Chain<'_>| chain.world.now.time.millis();
    let due = |chain: &Chain<'_>| sealing::due(&chain.world.state).map(diem_core::Time::millis);
    chain.make_ready(4);
    assert_eq!(due(&chain), None);
    chain.send(ALICE, cents(600), cents(1)).unwrap();
    chain.send(ALICE, cents(600), cents(1)).unwrap();
    // The first has waited for two seconds, then the bucket has room for the second.
    for nonce in 1..=2 {
        let due_at = due(&chain).unwrap();
        let wait = due_at - now(&chain);
        chain.block(wait - 1);
        chain.block(1);
        assert_eq!(sealed(&chain).len(), nonce - 1);
        assert_eq!((due(&chain), now(&chain)), (Some(due_at), due_at));
        chain.block(1);
        assert_eq!(sealed(&chain).len(), nonce);
    }
    assert_eq!(due(&chain), None);
}

#[test]
fn out_and_cancel_hold_no_room() {
    let base = empty();
    let narrow = Params { out_capacity: cents(1_000), share_bps: 10_000, ..params() };
    let mut chain = Chain::with(&base, 4, 200_000, narrow);
    chain.make_ready(4);
    for _ in 0..20 {
        let id = chain.send(ALICE, cents(900), cents(1)).unwrap();
        chain.block(1_000);
        chain.cancel(ALICE, id).unwrap();
    }
    let id = chain.send(BOB, cents(990), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    assert_eq!(state::open_batch(&chain.world.state, 1).unwrap().transfers, [id]);
}

#[test]
fn no_more_batches_are_open_than_may_be() {
    let base = empty();
    let mut chain = Chain::with(&base, 4, 200_000, Params { max_open: 2, ..params() });
    chain.make_ready(4);
    for _ in 0..3 {
        chain.send(ALICE, cents(100), cents(1)).unwrap();
        chain.block(2_000);
        chain.block(1_000);
    }
    assert_eq!(sealed(&chain), [(1, 1), (2, 1)]);
    chain.cancel(ALICE, 3).unwrap();
}
