//! Events come back in chunks that prove themselves, whoever sends them.

use diem_bridge::{Chunk, Event, EventBytes, Msg, inbound, replay};
use diem_core::{Address, Amount, Message as _};

use crate::{
    chain::{ALICE, Chain, cents, name, refusal},
    far_side::FarSide,
    staking_chain::{empty, who},
};

/// A chain that misses so many burns of 0.01 DIEM, which it once sent out.
fn missing(base: &diem_overlay::Empty, burns: u64) -> (Chain<'_>, FarSide) {
    let mut chain = Chain::ready(base);
    let batch = chain.sealed(ALICE, cents(u128::from(burns)), cents(1));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    chain.follow(&mut far);
    for number in 0..burns {
        far.burn(Address([u8::try_from(number % 250).unwrap() + 1; 20]), cents(1));
    }
    far.now = chain.world.now.time.millis() / 1_000;
    let block = far.checkpoint();
    chain.attest(block);
    (chain, far)
}

fn verdict(chain: &Chain<'_>, chunk: &Chunk) -> &'static str {
    replay::check(&chain.world.state, chunk).map_or_else(|error| name(&error), |()| "next")
}

#[test]
fn a_chunk_is_taken_if_it_leads_to_the_frontier_and_else_refused_and_nothing_is_stuck() {
    let base = empty();
    let (mut chain, far) = missing(&base, 20);
    // Event 1 was the batch; the burns are 2 to 21.
    let good = far.chunk(12, 21);
    let changed = |change: fn(&mut Chunk)| {
        let mut chunk = good.clone();
        change(&mut chunk);
        chunk
    };
    for (chunk, expected) in [
        (good.clone(), "next"),
        (changed(|chunk| chunk.events[3].payload[0] ^= 1), "chunk_hash"),
        (changed(|chunk| chunk.events[9].kind = 2), "chunk_hash"),
        (changed(|chunk| chunk.events.swap(0, 1)), "chunk_hash"),
        (changed(|chunk| chunk.before[31] ^= 1), "chunk_hash"),
        (changed(|chunk| chunk.first += 1), "chunk_place"),
        (changed(|chunk| drop(chunk.events.pop())), "chunk_place"),
        (changed(|chunk| chunk.events.push(EventBytes { kind: 1, payload: vec![0; 56] })), "chunk_place"),
        (changed(|chunk| chunk.events.clear()), "chunk_events"),
        (changed(|chunk| chunk.events[0].payload = vec![0; 129]), "payload_size"),
        (changed(|chunk| chunk.first = 0), "chunk_nonces"),
        // The right events, but not yet their turn.
        (far.chunk(2, 11), "chunk_place"),
        // What was applied long ago cannot come again.
        (far.chunk(1, 21), "chunk_place"),
    ] {
        assert_eq!(verdict(&chain, &chunk), expected, "{chunk:?}");
    }
    let hand_in = |chain: &mut Chain<'_>, chunk: &Chunk| {
        let msg = Msg::Replay { chunk: chunk.clone() };
        chain.call(ALICE, |ctx| msg.execute(ctx))
    };
    hand_in(&mut chain, &good).unwrap();
    assert_eq!(refusal(hand_in(&mut chain, &good)), "chunk_place", "it was taken");
    hand_in(&mut chain, &far.chunk(2, 11)).unwrap();
    assert_eq!(refusal(hand_in(&mut chain, &far.chunk(2, 11))), "not_replaying");
    let before = chain.completed();
    chain.block(1);
    assert!(chain.completed() > before);
    let paid = |event: &&Event| matches!(event, Event::CreditPaid { .. });
    assert_eq!(chain.events.iter().filter(paid).count(), 20);
}

#[test]
fn the_chunks_of_another_checkpoint_are_refused() {
    let base = empty();
    let (mut chain, mut far) = missing(&base, 20);
    far.burn(who(1), cents(1));
    far.supply = far.supply.saturating_add(cents(1));
    // The newest block of Base has an event more, but it is not attested.
    assert_eq!(verdict(&chain, &far.chunk(2, 22)), "chunk_place");
    assert!(chain.replay(&far, 200));
}

#[test]
fn while_one_is_replayed_newer_ones_wait_and_the_newest_is_next() {
    let base = empty();
    let (mut chain, mut far) = missing(&base, 20);
    let first = inbound::attested(&chain.world.state).last.unwrap();
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    for _ in 0..3 {
        far.now += 60;
        let block = far.checkpoint();
        chain.attest(block);
    }
    far.execute(&batch);
    let newest = far.checkpoint();
    chain.attest(newest);
    assert_eq!(inbound::replay(&chain.world.state).unwrap().target, first);
    while chain.replay(&far, 3) {}
    chain.block(1);
    assert_eq!(chain.completed(), Some(first.number));
    assert_eq!(inbound::replay(&chain.world.state).unwrap().target, newest);
    assert!(chain.replay(&far, 200));
    chain.block(1);
    assert_eq!(chain.completed(), Some(newest.number));
}

#[test]
fn more_events_than_a_block_applies_are_applied_over_several() {
    let base = empty();
    let (mut chain, far) = missing(&base, 450);
    // One by one from the end, as whoever wants to be in the way would send them.
    for _ in 0..50 {
        assert!(chain.replay(&far, 1));
    }
    while chain.replay(&far, 200) {}
    let mut left = vec![];
    while inbound::replay(&chain.world.state).is_some() {
        left.push(inbound::applied(&chain.world.state).event_nonce);
        chain.block(1);
    }
    assert_eq!(left, [1, 201, 401]);
    let owed = diem_bridge::state::books(&chain.world.state).owed;
    // 200 were paid in the block that completed them.
    assert_eq!(owed, cents(250));
    chain.block(1);
    chain.block(1);
    assert_eq!(diem_bridge::state::books(&chain.world.state).owed, Amount::ZERO);
}
