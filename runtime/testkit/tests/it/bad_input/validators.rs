//! Validators that may not be, and what those may not that were punished.

use diem_core::{Address, Amount};
use diem_runtime::Options;
use diem_staking::{ConsensusProof, CreateValidator, EditValidator, KeyProof, Msg};
use diem_svvv as svvv;
use diem_testkit::{
    Economy, Person,
    economy::{PEOPLE, bridge, consensus, validator, whole},
    operator,
    story::{create_validator, hooks_without_slash_jobs, stake, unstake},
};
use diem_types::Call;

use super::Scene;

/// What the sixth person would say to become a validator, with a change.
fn create(scene: &Scene, change: impl FnOnce(&mut CreateValidator)) -> Call {
    let Call::Staking(Msg::CreateValidator(mut msg)) = create_validator(&scene.economy) else { unreachable!() };
    change(&mut msg);
    Call::Staking(Msg::CreateValidator(msg))
}

fn proof(scene: &Scene, chain: &str, of: usize, consensus_key: u8, bridge_key: u8) -> KeyProof {
    KeyProof::sign(chain, &scene.who(of), &consensus(consensus_key), &bridge(bridge_key)).unwrap()
}

pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(Economy::new());
    let chain = scene.economy.chain.doc.chain_id.clone();
    new_ones(&mut scene, &chain);
    let edit = |edit| Call::Staking(Msg::EditValidator(edit));
    let description = |moniker: &str, website: &str| EditValidator {
        description: Some(diem_staking::Description { moniker: moniker.into(), website: website.into() }),
        commission: None,
    };
    let commission = |rate| EditValidator { description: None, commission: Some(rate) };
    scene.refuses(0, edit(commission(500)), "staking/unknown_validator");
    for (moniker, website) in [("", ""), ("n\"", ""), ("n\n", ""), ("n", "\u{202e}"), (&"n".repeat(65), "")] {
        scene.refuses_of(&operator(0), edit(description(moniker, website)), "staking/description");
    }
    scene.refuses_of(&operator(0), edit(description(" ", "")), "staking/blank_moniker");
    scene.refuses_of(&operator(0), edit(description("n", "n.example")), "staking/website");
    // More than a day's change from 5%, above the maximum of 20%, and beyond all.
    for rate in [399, 601, 2_001, u16::MAX] {
        scene.refuses_of(&operator(0), edit(commission(rate)), "staking/commission_change");
    }
    scene.refuses(0, Call::Staking(Msg::Unjail), "staking/unknown_validator");
    scene.refuses_of(&operator(0), Call::Staking(Msg::Unjail), "staking/not_jailed");
    let rotate = |bridge_address, proof| {
        let consensus_key = diem_testkit::economy::public(&consensus(0));
        Call::Staking(Msg::RotateBridgeKey { consensus_key, bridge_address, proof })
    };
    let of_operator =
        |consensus_key| KeyProof::sign(&chain, &validator(0), &consensus(consensus_key), &bridge(0)).unwrap();
    scene.refuses(0, rotate(bridge(0).address(), of_operator(0)), "staking/unknown_validator");
    scene.refuses_of(&operator(0), rotate(bridge(0).address(), of_operator(1)), "staking/key_proof");
    scene.refuses_of(&operator(0), rotate(bridge(1).address(), of_operator(0)), "staking/key_proof");
    scene.refuses_of(&operator(0), rotate(Address::ZERO, of_operator(0)), "staking/key_proof");
    for owner in [0, 1] {
        let used = bridge_of(&scene, owner);
        scene.refuses_of(&operator(0), rotate(used, of_operator(0)), "staking/bridge_key_used");
    }
    scene
}

/// The bridge key that a validator has.
fn bridge_of(scene: &Scene, number: u32) -> Address {
    let state = scene.economy.chain.app.store().latest();
    diem_staking::validator(&state, &validator(number)).unwrap().bridge_address
}

fn new_ones(scene: &mut Scene, chain: &str) {
    let again = create(scene, |_| ());
    scene.refuses_of(&operator(0), again, "staking/already_validator");
    let used = create(scene, |msg| msg.consensus_key = diem_testkit::economy::public(&consensus(2)));
    scene.refuses(5, used, "staking/consensus_key_used");
    let taken = bridge_of(scene, 1);
    let used = create(scene, |msg| msg.bridge_address = taken);
    scene.refuses(5, used, "staking/bridge_key_used");
    // The proof of another operator, chain, consensus key or bridge key; and no proof.
    let proofs = [
        proof(scene, chain, 4, 3, 1),
        proof(scene, "diem-other-dev", 5, 3, 1),
        proof(scene, chain, 5, 4, 1),
        proof(scene, chain, 5, 3, 2),
        KeyProof { consensus: ConsensusProof::Signature([0; 64]), bridge: [0; 64] },
    ];
    for proof in proofs {
        let unproven = create(scene, |msg| msg.proof = proof);
        scene.refuses(5, unproven, "staking/key_proof");
    }
    // A proof is good for its own operator only.
    let copied = create(scene, |_| ());
    scene.refuses(4, copied, "staking/key_proof");
    type Change = fn(&mut CreateValidator);
    let changes: [(Change, &str); 9] = [
        (|msg| msg.self_stake = Amount::ZERO, "staking/zero_amount"),
        (|msg| msg.self_stake = whole(999), "staking/self_stake"),
        (|msg| msg.self_stake = whole(100_000), "bank/insufficient_funds"),
        (|msg| msg.self_stake = Amount::MAX, "bank/insufficient_funds"),
        (|msg| msg.commission = 5_001, "staking/commission"),
        (|msg| msg.max_commission = 10_001, "staking/commission"),
        (|msg| msg.max_commission_change = 5_001, "staking/commission"),
        (|msg| msg.description.moniker.clear(), "staking/description"),
        (|msg| msg.description.website = "https://a.example\")".into(), "staking/description"),
    ];
    for (change, error) in changes {
        let bad = create(scene, change);
        scene.refuses(5, bad, error);
    }
}

/// The second validator is jailed, the third tombstoned. Of the third, the third person has tranche 0 from before the
/// offence and tranche 1 that the slash has not reached yet.
pub(crate) fn punished() -> Scene {
    let options = Options { hooks: hooks_without_slash_jobs(), ..Options::default() };
    let mut economy = Economy::with(options, PEOPLE);
    let (v1, v2) = (validator(1), validator(2));
    economy.people_block(1_000, vec![(2, vec![stake(v2, whole(500)), unstake(v2, whole(10))])]);
    economy.silent = vec![1];
    for _ in 0..4 {
        economy.people_block(1_000, vec![]);
    }
    economy.people_block(1_000, vec![(2, vec![unstake(v2, whole(20))])]);
    economy.evidence = vec![(2, economy.chain.app.info().height)];
    economy.people_block(1_000, vec![]);
    let mut scene = Scene::new(economy);
    let (jailed, out) = (operator(1), operator(2));
    scene.refuses_of(&jailed, Call::Staking(Msg::Unjail), "staking/still_jailed");
    scene.refuses_of(&out, Call::Staking(Msg::Unjail), "staking/tombstoned");
    for person in [&out, &Person::new(0)] {
        scene.refuses_of(person, stake(v2, whole(1)), "staking/tombstoned");
    }
    let restake = svvv::Msg::Restake { from: validator(0), to: v2, amount: whole(1) };
    scene.refuses(0, Call::Svvv(restake), "staking/tombstoned");
    scene.refuses(2, Call::Staking(Msg::ClaimAndStake { validator: v2 }), "staking/tombstoned");
    scene.refuses(2, Call::Staking(Msg::CancelUnstake { tranche: 0 }), "staking/tombstoned");
    scene.refuses(2, Call::Staking(Msg::CancelUnstake { tranche: 1 }), "staking/pending_slash");
    let proof = KeyProof::sign(&scene.economy.chain.doc.chain_id, &v2, &consensus(2), &bridge(3)).unwrap();
    let consensus_key = diem_testkit::economy::public(&consensus(2));
    let rotate = Msg::RotateBridgeKey { consensus_key, bridge_address: bridge(3).address(), proof };
    scene.refuses_of(&out, Call::Staking(rotate), "staking/tombstoned");
    // It cannot begin anew, nor can another with its key.
    let again = create(&scene, |_| ());
    scene.refuses_of(&out, again, "staking/already_validator");
    let used = create(&scene, |msg| msg.consensus_key = diem_testkit::economy::public(&consensus(2)));
    scene.refuses(5, used, "staking/consensus_key_used");
    assert!(diem_staking::validator(&scene.economy.chain.app.store().latest(), &v1).unwrap().jailed_until.is_some());
    scene
}

#[test]
fn bad_validators() {
    scene();
}

#[test]
fn what_is_punished_stays_so() {
    punished();
}
