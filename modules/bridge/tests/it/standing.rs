//! Where transfers stand, as a user is told.

use diem_bridge::{
    OutboundKind,
    sealing::NotSealing,
    standing::{InBatch, Standing, Waits, standing},
};
use diem_core::{QueryContext, Time};

use crate::{
    chain::{ALICE, AUTHORITY, BOB, Chain, TERMS, cents, params},
    staking_chain::empty,
};

fn of(chain: &Chain<'_>, id: u64) -> Standing {
    standing(&QueryContext { state: &chain.world.state, block: chain.world.now }, id).unwrap()
}

fn now(chain: &Chain<'_>) -> u64 {
    chain.world.now.time.millis()
}

#[test]
fn a_transfer_waits_its_turn_then_is_in_a_batch_that_validators_sign() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    for (sender, fee) in [(ALICE, 1), (BOB, 1), (ALICE, 2)] {
        chain.send(sender, cents(100), cents(fee)).unwrap();
    }
    let until = Waits::Sealing(Time(now(&chain) + 2_000));
    // The oldest goes first, then the higher fee.
    for (id, before) in [(1, 0), (3, 1), (2, 2)] {
        assert_eq!(of(&chain, id), Standing::Waiting { before, until });
    }
    chain.block(2_000);
    assert_eq!(of(&chain, 1), Standing::Waiting { before: 0, until: Waits::Sealing(Time(now(&chain))) });
    chain.block(1_000);
    for (number, enough) in [(1, false), (2, false), (3, true)] {
        chain.apply(vec![chain.statement(number, OutboundKind::Batch, 1)]);
        let Standing::InBatch(InBatch { nonce, signed, total, is_enough, .. }) = of(&chain, 2) else {
            panic!("sealed")
        };
        assert_eq!((nonce, signed, total, is_enough), (1, u64::from(number) * 201_000, 804_000, enough));
    }
}

#[test]
fn what_finds_no_room_is_told_when_it_does() {
    let base = empty();
    let mut chain = Chain::with(&base, 4, 200_000, diem_bridge::Params { out_capacity: cents(1_000), ..params() });
    chain.make_ready(4);
    // A transfer may be a tenth of the capacity, so ten fill the bucket; with their fees the tenth is too much.
    for _ in 0..10 {
        chain.send(ALICE, cents(100), cents(1)).unwrap();
    }
    let Standing::Waiting { before: 9, until: Waits::Room(Some(room)) } = of(&chain, 10) else { panic!("no room") };
    chain.block(2_000);
    chain.block(1_000);
    assert!(matches!(of(&chain, 9), Standing::InBatch(_)));
    chain.block(room.millis() - now(&chain) - 1);
    chain.block(1);
    assert!(matches!(of(&chain, 10), Standing::Waiting { .. }), "it has waited until a millisecond before");
    chain.block(1);
    assert!(matches!(of(&chain, 10), Standing::InBatch(_)));
}

#[test]
fn what_waits_for_the_bridge_or_for_open_batches_is_told_so() {
    let base = empty();
    let mut chain = Chain::with(&base, 4, 200_000, diem_bridge::Params { max_open: 1, ..params() });
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    assert_eq!(of(&chain, 1), Standing::Waiting { before: 0, until: Waits::Bridge(NotSealing::NotAtWork) });
    for number in 1..=3 {
        chain.apply(vec![chain.statement(number, OutboundKind::Valset, 1)]);
    }
    chain.block(3_000);
    chain.block(1_000);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    assert_eq!(of(&chain, 2), Standing::Waiting { before: 0, until: Waits::OpenBatches });
}
