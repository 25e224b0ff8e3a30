//! Which statements of Base count, and when a block is attested.

use diem_bridge::{Checkpoint, Params, Statement, attesting, booking, inbound, setup};
use diem_core::{Forgetful, keys::SecretKey};
use diem_staking::{KeyProof, Msg};

use crate::{
    chain::{AUTHORITY, Chain, name, params},
    far_side::{EVERY, FarSide, stated},
    staking_chain::{CHAIN, bridge, consensus_key, empty, who},
};

fn verdict(chain: &Chain<'_>, statement: &Statement) -> &'static str {
    booking::check_wanted(&chain.world.state, &Forgetful, statement).map_or_else(|error| name(&error), |_| "wanted")
}

fn last(chain: &Chain<'_>) -> Option<u64> {
    inbound::attested(&chain.world.state).last.map(|last| last.number)
}

#[test]
fn more_than_two_thirds_that_state_the_same_attest_a_block() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let block = far.checkpoint();
    assert_eq!(chain.attest_by(&[1, 2], block), 2);
    assert_eq!(last(&chain), None, "two of four are not more than 2/3");
    let other = Checkpoint { block_hash: [9; 32], ..block };
    assert_eq!(chain.attest_by(&[3], other), 1);
    assert_eq!(last(&chain), None, "a third one that states something else is not");
    assert_eq!(chain.attest_by(&[4], block), 1);
    assert_eq!(last(&chain), Some(block.number));
    assert_eq!(attesting::agreeing(&chain.world.state, &block), (603_000, 804_000));
}

#[test]
fn every_field_must_be_the_same() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let block = FarSide::of(&chain).checkpoint();
    let others = [
        Checkpoint { block_hash: [9; 32], ..block },
        Checkpoint { timestamp: 1, ..block },
        Checkpoint { event_nonce: 1, ..block },
        Checkpoint { rolling_hash: [9; 32], ..block },
        Checkpoint { supply: diem_core::Amount::ONE, ..block },
    ];
    chain.attest_by(&[1, 2], block);
    for other in others {
        let mut chain = Chain::ready(&base);
        chain.attest_by(&[1, 2], block);
        chain.attest_by(&[3], other);
        assert_eq!(last(&chain), None, "{other:?}");
    }
}

#[test]
fn only_multiples_above_the_last_attested_block_are_stated() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let block = far.checkpoint();
    let at = |number| Checkpoint { number, ..block };
    for (number, expected) in [
        (block.number + 1, "unwanted"),
        (40_000_000, "unwanted"),
        (block.number - EVERY, "unwanted"),
        (block.number + EVERY, "wanted"),
    ] {
        assert_eq!(verdict(&chain, &stated(&chain, 1, at(number))), expected, "{number}");
    }
    let next = far.checkpoint();
    chain.attest(next);
    assert_eq!(verdict(&chain, &stated(&chain, 1, block)), "unwanted", "attesting one closes all below it");
}

#[test]
fn nothing_of_base_is_stated_before_the_bridge_is_at_work() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, crate::chain::TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    let block = FarSide::of(&chain).checkpoint();
    assert_eq!(verdict(&chain, &stated(&chain, 1, block)), "unwanted");
}

#[test]
fn a_late_statement_counts_while_its_block_is_one_of_the_last_four() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let first = chain.follow(&mut far);
    for _ in 0..3 {
        chain.follow(&mut far);
    }
    let late = stated(&chain, 4, first);
    assert_eq!(verdict(&chain, &late), "wanted");
    let other = stated(&chain, 4, Checkpoint { timestamp: 1, ..first });
    assert_eq!(verdict(&chain, &other), "other_content");
    assert_eq!(verdict(&chain, &stated(&chain, 1, first)), "stated");
    assert_eq!(chain.apply(vec![late]), 1);
    chain.follow(&mut far);
    assert_eq!(verdict(&chain, &stated(&chain, 4, first)), "unwanted");
    // The fourth validator signed one of the first two of five, the others all: the first two are closed by now.
    let duties = |number| diem_bridge::silence::duties(&chain.world.state, &who(number));
    assert_eq!((duties(1).owed, duties(1).signed()), (1, 1));
    assert_eq!((duties(4).owed, duties(4).signed()), (1, 1));
}

#[test]
fn whoever_stays_silent_is_counted_and_nobody_is_jailed_for_it() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    for _ in 0..10 {
        chain.follow(&mut far);
    }
    let duties = |number| diem_bridge::silence::duties(&chain.world.state, &who(number));
    assert_eq!((duties(1).owed, duties(1).signed()), (6, 6));
    assert_eq!((duties(4).owed, duties(4).signed()), (6, 0));
}

#[test]
fn an_operator_keeps_its_sixteen_highest_numbers() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let lowest = far.checkpoint();
    // In any order: a proposer who leaves one out cannot spoil it.
    for place in (2..18).rev() {
        let block = Checkpoint { number: lowest.number + place * EVERY, ..lowest };
        assert_eq!(chain.attest_by(&[1], block), 1);
    }
    assert_eq!(chain.numbers(1).len(), 16);
    assert_eq!(verdict(&chain, &stated(&chain, 1, lowest)), "unwanted");
    let between = Checkpoint { number: lowest.number + 100 * EVERY, ..lowest };
    assert_eq!(chain.attest_by(&[1], between), 1);
    assert_eq!(chain.numbers(1).len(), 16);
    assert!(!chain.numbers(1).contains(&(lowest.number + 2 * EVERY)));
    assert_eq!(verdict(&chain, &stated(&chain, 2, lowest)), "wanted", "each operator has sixteen of its own");
}

#[test]
fn a_rotated_key_starts_nothing_anew_and_an_old_one_states_nothing() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let block = far.checkpoint();
    chain.attest_by(&[1], block);
    let (consensus_key, bridge_address) = (consensus_key(1), bridge(50).address());
    let proof = KeyProof::sign(CHAIN, &who(1), &SecretKey::ed25519(&[1; 32]), &bridge(50)).unwrap();
    chain.world.call(1, &Msg::RotateBridgeKey { consensus_key, bridge_address, proof }).unwrap();
    let key = diem_core::keys::EthereumKey::new(&[50; 32]).unwrap();
    let digest = diem_bridge::state::domain(&chain.world.state).unwrap().digest(&block.struct_hash());
    let anew = Statement::Inbound { checkpoint: block, signature: key.sign(&digest) };
    assert_eq!(verdict(&chain, &anew), "stated");
    let next = far.checkpoint();
    assert_eq!(verdict(&chain, &stated(&chain, 1, next)), "not_a_signer");
}

#[test]
fn a_change_of_powers_alone_attests_nothing() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let block = FarSide::of(&chain).checkpoint();
    chain.attest_by(&[1, 2], block);
    // The other two are put out, so that the two are all there is.
    for number in [3, 4] {
        let mut events = diem_core::Events::default();
        diem_staking::tombstone(&mut chain.world.state, &mut events, &who(number)).unwrap();
    }
    chain.block(1_000);
    chain.block(1_000);
    assert_eq!(last(&chain), None);
    assert_eq!(verdict(&chain, &stated(&chain, 3, block)), "not_a_signer");
}

#[test]
fn another_distance_counts_from_the_next_number_on_and_nothing_shrinks() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let first = chain.follow(&mut far);
    chain.call(AUTHORITY, |ctx| setup::set_params(ctx, &Params { checkpoint_blocks: 7, ..params() })).unwrap();
    let number = (first.number / 7 + 1) * 7;
    // Five blocks of Base have the same second.
    let block = Checkpoint { number, ..first };
    assert_eq!(verdict(&chain, &stated(&chain, 1, Checkpoint { number: first.number + EVERY, ..first })), "unwanted");
    chain.attest(block);
    chain.block(1);
    assert_eq!(chain.completed(), Some(number));
}
