//! How the bridge comes to be.

use diem_bridge::{
    Event, Params, bridge_address, salt,
    setup::{self, Terms, constructor},
    state, token_address,
};
use diem_core::{
    Address, Amount,
    chain::{IDENTITY, Identity},
};

use crate::{
    chain::{ALICE, AUTHORITY, Chain, TERMS, params, refusal},
    staking_chain::{CHAIN, empty},
};

#[test]
fn the_authority_alone_starts_the_bridge_and_sets_its_parameters() {
    let base = empty();
    let mut chain = Chain::new(&base);
    assert_eq!(refusal(chain.prepare(ALICE, TERMS)), "not_authority");
    assert_eq!(refusal(chain.activate(ALICE)), "not_authority");
    assert_eq!(refusal(chain.call(ALICE, |ctx| setup::set_params(ctx, &params()))), "not_authority");
    assert_eq!(refusal(chain.activate(AUTHORITY)), "unprepared");
    // The zero address is nobody, so that a chain without an authority has none at all.
    let nobody = Params { authority: Address::ZERO, ..params() };
    chain.call(AUTHORITY, |ctx| setup::set_params(ctx, &nobody)).unwrap();
    assert_eq!(refusal(chain.prepare(0, TERMS)), "not_authority");
}

#[test]
fn terms_that_the_constructor_would_refuse_are_refused_here() {
    let base = empty();
    let mut chain = Chain::new(&base);
    let zero = Amount::ZERO;
    for (terms, name) in [
        (Terms { chain_id: 0, ..TERMS }, "terms"),
        (Terms { mint_capacity: zero, ..TERMS }, "terms"),
        (Terms { guardian: Address::ZERO, ..TERMS }, "terms"),
        (Terms { share_bps: 0, ..TERMS }, "terms"),
        (Terms { share_bps: 10_001, ..TERMS }, "terms"),
        // Ten minutes from set to set, five sets in a life.
        (Terms { max_set_age: 2_999, ..TERMS }, "params"),
    ] {
        assert_eq!(refusal(chain.prepare(AUTHORITY, terms)), name);
    }
    assert_eq!(constructor(&chain.world.state), None);
    chain.prepare(AUTHORITY, Terms { max_set_age: 3_000, ..TERMS }).unwrap();
    let slower = Params { set_every_ms: 600_001, ..params() };
    assert_eq!(refusal(chain.call(AUTHORITY, |ctx| setup::set_params(ctx, &slower))), "params");
}

#[test]
fn both_addresses_follow_from_the_salt_and_the_init_code() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    let arguments = constructor(&chain.world.state).unwrap();
    assert_eq!(arguments.salt, salt(&[0; 32], CHAIN));
    assert_eq!((arguments.chain_id.as_str(), arguments.denom.as_str()), (CHAIN, "adiem"));
    let set = state::stored_set(&chain.world.state, 0).unwrap();
    assert_eq!(arguments.set_hash, set.set().hash(&arguments.salt, 0, set.created_at));
    chain.activate(AUTHORITY).unwrap();
    let bridge = bridge_address(&arguments.salt, &[9; 32]);
    let deployed = state::contract(&chain.world.state).unwrap().deployed.unwrap();
    assert_eq!((deployed.bridge, deployed.token), (bridge, token_address(&bridge)));
    assert_eq!(state::domain(&chain.world.state).unwrap().bridge, bridge);
    assert!(chain.events.contains(&Event::Activated { bridge, token: deployed.token }));
}

#[test]
fn the_salt_is_fixed_once_and_the_terms_until_the_bridge_is_at_work() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    let first = constructor(&chain.world.state).unwrap();
    // An export under another name keeps its bridge.
    IDENTITY.set(&mut chain.world.state, &Identity { chain_id: "diem-other-dev".into(), ..Identity::default() });
    chain.block(60_000);
    chain.prepare(AUTHORITY, Terms { share_bps: 500, ..TERMS }).unwrap();
    let second = constructor(&chain.world.state).unwrap();
    assert_eq!(second.salt, first.salt);
    assert_eq!(second.share_bps, 500);
    assert!(second.created_at > first.created_at);
    chain.make_ready(4);
    assert_eq!(refusal(chain.prepare(AUTHORITY, TERMS)), "at_work");
    assert_eq!(refusal(chain.activate(AUTHORITY)), "at_work");
}

#[test]
fn a_set_is_later_than_the_one_before_also_within_a_second() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    for nonce in 1..=3 {
        chain.activate(AUTHORITY).unwrap();
        let created_at = |nonce| state::stored_set(&chain.world.state, nonce).unwrap().created_at;
        assert_eq!(created_at(nonce), created_at(nonce - 1) + 1);
    }
}

#[test]
fn stake_stays_slashable_for_longer_than_a_set_lives() {
    let base = empty();
    let mut chain = Chain::new(&base);
    IDENTITY.set(&mut chain.world.state, &Identity { chain_id: "diem-1".into(), ..Identity::default() });
    // Staking's own default is seven days.
    let five_days = Terms { max_set_age: 5 * 86_400, ..TERMS };
    let longer = Terms { max_set_age: 5 * 86_400 + 1, ..TERMS };
    assert_eq!(refusal(chain.prepare(AUTHORITY, longer)), "unbonding_too_short");
    // A chain for development, by whatever part of its name, may do without.
    IDENTITY.set(&mut chain.world.state, &Identity { chain_id: "diem-dev-1".into(), ..Identity::default() });
    chain.prepare(AUTHORITY, longer).unwrap();
    IDENTITY.set(&mut chain.world.state, &Identity { chain_id: "diem-1".into(), ..Identity::default() });
    chain.prepare(AUTHORITY, five_days).unwrap();
    chain.activate(AUTHORITY).unwrap();
}
