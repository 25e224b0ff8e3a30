//! When a validator set is made, and of whom.

use diem_bridge::{Event, Member, sets, state};
use diem_core::{Address, StateRead};

use crate::{
    chain::{AUTHORITY, Chain, TERMS, key_of, params},
    staking_chain::{empty, vvv},
};

fn newest(chain: &Chain<'_>) -> u64 {
    chain.issued().sets
}

/// The members of the set with this nonce.
fn members(state: &dyn StateRead, nonce: u64) -> Vec<(Address, u64)> {
    let set = state::stored_set(state, nonce).unwrap().set();
    set.members().iter().map(|member| (member.address, member.power)).collect()
}

#[test]
fn a_set_has_the_consensus_set_with_its_bridge_keys_in_ascending_order() {
    let base = empty();
    let chain = Chain::ready(&base);
    let mut expected: Vec<_> = (1..=4).map(|number| (key_of(number), 201_000)).collect();
    expected.sort_unstable();
    assert_eq!(members(&chain.world.state, 0), expected);
    assert_eq!(members(&chain.world.state, 1), expected);
}

#[test]
fn the_next_set_is_made_when_the_newest_is_old() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.block(599_999);
    assert_eq!(newest(&chain), 1);
    chain.block(1);
    assert_eq!(newest(&chain), 2);
    assert!(chain.events.contains(&Event::SetMade { nonce: 2 }));
}

#[test]
fn a_twentieth_of_the_power_that_moved_makes_a_set_after_the_gap() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    // 804,000 are staked. With x more for one of four equal validators, shares differ by 1.5 x / (804,000 + x) in sum, so
    // a twentieth has moved with 27,725.
    chain.world.stake(20, 1, vvv(27_000)).unwrap();
    chain.block(5_000);
    chain.block(5_000);
    assert_eq!(newest(&chain), 1, "less than a twentieth");
    chain.world.stake(20, 1, vvv(800)).unwrap();
    chain.block(1_000);
    assert_eq!(newest(&chain), 2);
    // What moves within the gap waits for its end.
    chain.world.stake(21, 2, vvv(100_000)).unwrap();
    chain.block(1_000);
    chain.block(3_999);
    assert_eq!(newest(&chain), 2);
    chain.block(1);
    assert_eq!(newest(&chain), 3);
}

#[test]
fn a_tombstoned_member_makes_a_set_however_small_it_is() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.world.stake(20, 1, vvv(900_000)).unwrap();
    for account in 21..=28 {
        chain.world.stake(account, 1, vvv(900_000)).unwrap();
    }
    chain.block(1_000);
    chain.make_ready(4);
    chain.block(6_000);
    assert_eq!(newest(&chain), 1);
    // Validator 4 has 201,000 of nine million.
    let height = chain.world.now.height;
    chain.world.offence(4, height);
    chain.block(1_000);
    assert_eq!(newest(&chain), 2);
    assert!(members(&chain.world.state, 2).iter().all(|(address, _)| *address != key_of(4)));
}

#[test]
fn no_set_is_made_before_the_contract_is_known() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.block(86_400_000);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.block(86_400_000);
    assert_eq!(newest(&chain), 0);
    assert_eq!(chain.events, [Event::Prepared { chain_id: TERMS.chain_id }]);
}

#[test]
fn a_nonce_is_never_used_again_when_the_start_is_repeated() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    chain.block(600_000);
    assert_eq!(newest(&chain), 2);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    assert_eq!(newest(&chain), 3);
    assert!(state::stored_set(&chain.world.state, 0).unwrap().created_at > 0);
}

#[test]
fn a_set_that_the_contract_would_not_take_is_never_made() {
    let base = empty();
    let chain = Chain::with(&base, 1, 0, params());
    let empty_state = diem_overlay::Overlay::new(&base);
    assert_eq!(crate::vectors::name(&sets::current(&empty_state).unwrap_err()), "set_members");
    let set = sets::current(&chain.world.state).unwrap();
    assert_eq!(set.members(), [Member { address: key_of(1), power: 1_000 }]);
}
