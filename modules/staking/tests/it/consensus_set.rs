//! Validators and what consensus is told of them, one sentence at a time.

use diem_core::{Amount, Message as _, Page, QueryContext, keys::SecretKey};
use diem_staking::{
    ConsensusProof, CreateValidator, Description, EditValidator, Error, KeyProof, Msg, Params, ValidatorUpdate,
    bridge_key, consensus_set,
    query::{self, Standing},
    set_params, validator,
};

use crate::world::{CHAIN, World, bridge, consensus_key, description, empty, proof, refusal, units, vvv, who};

fn create(number: u8) -> Msg {
    Msg::CreateValidator(description(number, vvv(1_000)))
}

fn update(number: u8, power: u64) -> ValidatorUpdate {
    ValidatorUpdate { public_key: consensus_key(number), power }
}

fn sorted(mut updates: Vec<ValidatorUpdate>) -> Vec<ValidatorUpdate> {
    updates.sort();
    updates
}

#[test]
fn a_validator_needs_both_keys_enough_stake_and_rates_that_fit() {
    let base = empty();
    let mut world = World::new(&base, 1);
    let good = description(5, vvv(1_000));
    let mut refused = |change: &dyn Fn(&mut CreateValidator)| {
        let mut msg = good.clone();
        change(&mut msg);
        refusal(world.call(5, &Msg::CreateValidator(msg)))
    };
    assert_eq!(refused(&|msg| msg.proof.consensus = ConsensusProof::Signature([1; 64])), "key_proof");
    assert_eq!(refused(&|msg| msg.proof.bridge[3] ^= 1), "key_proof");
    assert_eq!(refused(&|msg| msg.proof = proof(4, &bridge(5))), "key_proof");
    assert_eq!(refused(&|msg| msg.bridge_address = bridge(6).address()), "key_proof");
    assert_eq!(refused(&|msg| msg.self_stake = units(vvv(1_000).get() - 1)), "self_stake");
    assert_eq!(refused(&|msg| msg.self_stake = Amount::ZERO), "zero_amount");
    assert_eq!(refused(&|msg| msg.self_stake = vvv(1_000_001)), "insufficient_funds");
    let poor_and_wrong: &dyn Fn(&mut CreateValidator) = &|msg| {
        msg.self_stake = vvv(1_000_001);
        msg.proof.bridge[3] ^= 1;
    };
    assert_eq!(refused(poor_and_wrong), "insufficient_funds", "a proof is looked at after the stake");
    assert_eq!(refused(&|msg| msg.commission = 5_001), "commission");
    assert_eq!(refused(&|msg| msg.max_commission = 10_001), "commission");
    assert_eq!(refused(&|msg| msg.max_commission_change = 5_001), "commission");
    assert_eq!(refused(&|msg| msg.description.moniker = String::new()), "description");
    assert_eq!(refused(&|msg| msg.description.moniker = "x".repeat(65)), "description");
    assert_eq!(refused(&|msg| msg.description.moniker = "two\nlines".into()), "description");
    assert_eq!(refused(&|msg| msg.description.moniker = "two\" and more".into()), "description");
    assert_eq!(refused(&|msg| msg.description.website = "x".repeat(129)), "description");
    assert_eq!(refused(&|msg| msg.description.website = "https://two.example\")".into()), "description");
    for blank in [" ", "\u{2003}\u{a0}"] {
        assert_eq!(refused(&|msg| msg.description.moniker = blank.into()), "blank_moniker");
    }
    for website in ["two.example", " ", "ftp://two.example", "javascript:alert(1)", "https://two.example@three.example"]
    {
        assert_eq!(refused(&|msg| msg.description.website = website.into()), "website");
    }
    // This is a proof for another chain.
    let foreign = KeyProof::sign("diem-other-dev", &who(5), &SecretKey::ed25519(&[5; 32]), &bridge(5)).unwrap();
    assert_eq!(refused(&|msg| msg.proof = foreign), "key_proof");
    world.call(5, &Msg::CreateValidator(good)).unwrap();
    assert_eq!(world.staked(5, 5), vvv(1_000));
    world.check();
}

#[test]
fn keys_and_operators_are_unique_for_ever() {
    let base = empty();
    let mut world = World::new(&base, 1);
    assert_eq!(refusal(world.call(1, &create(1))), "already_validator");
    // Account 6 with a good proof of keys that others have.
    let mut msg = description(6, vvv(1_000));
    let consensus = SecretKey::ed25519(&[1; 32]);
    msg.consensus_key = consensus_key(1);
    msg.proof = KeyProof::sign(CHAIN, &who(6), &consensus, &bridge(6)).unwrap();
    assert_eq!(refusal(world.call(6, &Msg::CreateValidator(msg))), "consensus_key_used");
    let mut msg = description(6, vvv(1_000));
    msg.bridge_address = bridge(1).address();
    msg.proof = proof(6, &bridge(1));
    assert_eq!(refusal(world.call(6, &Msg::CreateValidator(msg.clone()))), "bridge_key_used");
    // It is refused also after the first has another one.
    let rotate = |number: u8, key: u8| Msg::RotateBridgeKey {
        consensus_key: consensus_key(number),
        bridge_address: bridge(key).address(),
        proof: proof(number, &bridge(key)),
    };
    assert_eq!(refusal(world.call(1, &rotate(1, 1))), "bridge_key_used");
    assert_eq!(refusal(world.call(2, &rotate(2, 21))), "unknown_validator");
    assert_eq!(refusal(world.call(1, &rotate(2, 21))), "key_proof");
    // A good proof for this operator by a key in consensus that is not its validator's.
    let own = KeyProof::sign(CHAIN, &who(1), &SecretKey::ed25519(&[2; 32]), &bridge(21)).unwrap();
    let foreign =
        Msg::RotateBridgeKey { consensus_key: consensus_key(2), bridge_address: bridge(21).address(), proof: own };
    assert_eq!(refusal(world.call(1, &foreign)), "key_proof");
    world.call(1, &rotate(1, 21)).unwrap();
    assert_eq!(refusal(world.call(6, &Msg::CreateValidator(msg))), "bridge_key_used");
    let (old, new) = (bridge_key(&world.state, &bridge(1).address()), bridge_key(&world.state, &bridge(21).address()));
    let height = world.now.height;
    assert_eq!(old.map(|key| (key.operator, key.from, key.until)), Some((who(1), 0, Some(height))));
    assert_eq!(new.map(|key| (key.operator, key.from, key.until)), Some((who(1), height, None)));
    assert_eq!(validator(&world.state, &who(1)).unwrap().bridge_address, bridge(21).address());
    world.check();
}

#[test]
fn consensus_is_told_what_changed_and_nothing_else() {
    let base = empty();
    let mut world = World::new(&base, 3).without_minimum();
    assert_eq!(consensus_set(&world.state).len(), 3);
    assert_eq!(world.next().updates, [], "genesis told it already");
    world.stake(9, 2, vvv(5)).unwrap();
    world.stake(9, 3, units(vvv(1).get() - 1)).unwrap();
    world.call(4, &create(4)).unwrap();
    assert_eq!(world.next().updates, sorted(vec![update(2, 1_005), update(4, 1_000)]), "a part of a VVV is no power");
    world.stake(9, 3, units(1)).unwrap();
    world.unstake(4, 4, units(1)).unwrap();
    assert_eq!(world.next().updates, sorted(vec![update(3, 1_001), update(4, 0)]));
    assert_eq!(world.next().updates, []);
    // A validator that comes and goes within a block is never told.
    world.call(5, &create(5)).unwrap();
    world.unstake(5, 5, units(1)).unwrap();
    assert_eq!(world.next().updates, []);
    world.check();
}

#[test]
fn the_most_powerful_make_blocks_and_ties_go_by_address() {
    let base = empty();
    let mut world = World::with(&base, 3, Params { max_validators: 2, ..Params::default() }, 0);
    let operators = |world: &World<'_>| {
        consensus_set(&world.state).iter().map(|(_, member)| member.operator).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(operators(&world), [who(1), who(2)].into());
    world.stake(9, 3, vvv(2)).unwrap();
    world.stake(9, 2, vvv(1)).unwrap();
    assert_eq!(world.next().updates, sorted(vec![update(1, 0), update(2, 1_001), update(3, 1_002)]));
    assert_eq!(operators(&world), [who(2), who(3)].into());
    set_params(&mut world.state, &Params::default()).unwrap();
    assert_eq!(world.next().updates, [update(1, 1_000)]);
    set_params(&mut world.state, &Params { min_self_stake: vvv(1_001), ..Params::default() }).unwrap();
    world.check();
    assert_eq!(world.next().updates, [], "nobody has that much of the own: the last ones go on");
    world.stake(2, 2, vvv(1)).unwrap();
    assert_eq!(world.next().updates, sorted(vec![update(1, 0), update(2, 1_002), update(3, 0)]));
    world.check();
}

#[test]
fn own_stake_counts_by_its_value_with_what_is_locked_of_it() {
    let base = empty();
    let mut world = World::new(&base, 2);
    world.lock(1, 1, vvv(1_000).get()).unwrap();
    assert_eq!(world.next().updates, []);
    // Stake of others does not help.
    world.stake(9, 1, vvv(500_000)).unwrap();
    world.next();
    world
        .try_do(|state, events| {
            diem_staking::slash(
                state,
                events,
                &who(1),
                diem_staking::Offence::Downtime,
                1,
                diem_staking::Reach::Since(0),
            )
        })
        .unwrap();
    assert_eq!(world.next().updates, [update(1, 0)]);
    world.check();
}

#[test]
fn the_set_is_never_empty() {
    let base = empty();
    let mut world = World::new(&base, 2);
    for number in [1, 2] {
        world.try_do(|state, events| diem_staking::tombstone(state, events, &who(number))).unwrap();
    }
    assert_eq!(world.next().updates, []);
    assert_eq!(consensus_set(&world.state).len(), 2);
    world.call(3, &create(3)).unwrap();
    assert_eq!(world.next().updates, sorted(vec![update(1, 0), update(2, 0), update(3, 1_000)]));
    world.check();
}

#[test]
fn parameters_have_bounds() {
    let base = empty();
    let mut world = World::new(&base, 1);
    let good = Params::default();
    for bad in [
        Params { unbonding_ms: 999, ..good },
        Params { max_validators: 0, ..good },
        Params { max_validators: 151, ..good },
        Params { min_self_stake: Amount::ZERO, ..good },
        Params { equivocation_bps: 0, ..good },
        Params { equivocation_bps: 10_001, ..good },
        Params { downtime_bps: 1_001, ..good },
        Params { signed_window: 9, ..good },
        Params { signed_window: 100_001, ..good },
        Params { min_signed_bps: 0, ..good },
        Params { min_signed_bps: 10_000, ..good },
        Params { jail_ms: 999, ..good },
    ] {
        assert!(matches!(set_params(&mut world.state, &bad), Err(Error::Params(_))), "{bad:?}");
    }
    set_params(&mut world.state, &good).unwrap();
}

#[test]
fn people_are_told_where_a_validator_stands() {
    let base = empty();
    let mut world = World::with(&base, 2, Params { max_validators: 1, ..Params::default() }, 1_000);
    let ask = |world: &World<'_>, number| {
        let ctx = QueryContext { state: &world.state, block: world.now };
        query::validator(&ctx, &who(number)).unwrap()
    };
    let view = ask(&world, 1);
    assert_eq!((view.standing, view.power, view.self_stake), (Standing::Active, 1_000, vvv(1_000)));
    assert_eq!((view.commission_today, view.missed, view.may_miss), (1_000, 0, 5_000));
    assert_eq!(ask(&world, 2).standing, Standing::Waiting);
    let description = Description { moniker: "two".into(), website: "https://two.example".into() };
    let edit = EditValidator { description: Some(description.clone()), commission: None };
    world.call(2, &Msg::EditValidator(edit)).unwrap();
    assert_eq!(ask(&world, 2).description, description);
    world.try_do(|state, events| diem_staking::jail(state, events, &who(1), diem_core::Time(1))).unwrap();
    assert_eq!(ask(&world, 1).standing, Standing::Jailed);
    world.try_do(|state, events| diem_staking::tombstone(state, events, &who(1))).unwrap();
    assert_eq!(ask(&world, 1).standing, Standing::Tombstoned);
    let ctx = QueryContext { state: &world.state, block: world.now };
    assert_eq!(query::validator(&ctx, &who(9)).unwrap_err().code, 1);
    let page = |after, limit| {
        query::validators(&ctx, &Page { after, limit }).iter().map(|view| view.operator).collect::<Vec<_>>()
    };
    assert_eq!((page(None, 1), page(Some(who(1)), 5), page(Some(who(2)), 5)), (vec![who(1)], vec![who(2)], vec![]));
}

#[test]
fn a_wallet_is_shown_what_is_signed() {
    let text = |msg: &Msg| msg.text();
    let (one, two) = (who(1).to_hex(), vvv(2));
    assert_eq!(text(&Msg::Stake { validator: who(1), amount: two }), format!("Stake 2 VVV with {one}"));
    assert_eq!(text(&Msg::Unstake { validator: who(1), amount: two }), format!("Unstake 2 VVV from {one}"));
    assert_eq!(text(&Msg::CancelUnstake { tranche: 7 }), "Stake tranche 7 again");
    assert_eq!(text(&Msg::Claim { validator: who(1) }), format!("Claim rewards earned with {one}"));
    assert_eq!(text(&Msg::ClaimAndStake { validator: who(1) }), format!("Claim and stake rewards earned with {one}"));
    assert_eq!(text(&Msg::Unjail), "Unjail my validator");
    let edit = |description, commission| Msg::EditValidator(EditValidator { description, commission });
    assert_eq!(text(&edit(None, Some(1_205))), "Change my validator: its commission is 12.05% from tomorrow");
    assert_eq!(text(&edit(None, None)), "Change my validator: nothing");
    let (key, bridge) = (hex::encode(consensus_key(5)), bridge(5).address().to_hex());
    let expected = format!(
        "Become validator \"validator 5\" (\"\") with consensus key {key} and bridge key {bridge}, commission 10% (at most 50%, changing by at most 5% a day), and stake 1000 VVV"
    );
    assert_eq!(text(&create(5)), expected);
}
