//! What the signer signs, what it refuses, and what it remembers.

use std::fs;

use diem_bridge::{Msg, Outbound, OutboundKind, Statement, booking, state};
use diem_core::Address;
use diem_node_bridge::Registry;
use diem_runtime::{MAX_OWN_EXTENSION_BYTES, MAX_OWN_STATEMENTS};
use diem_staking::{self as staking, KeyProof};
use diem_testkit::operator;
use diem_types::Call;

use crate::scene::{Scene, activate, key, metric, prepare};

fn outbound(statement: &Statement) -> &Outbound {
    let Statement::Outbound(outbound) = statement else { panic!("a statement for Base") };
    outbound
}

fn places(statements: &[Statement]) -> Vec<(OutboundKind, u64)> {
    statements.iter().map(|statement| (outbound(statement).kind, outbound(statement).nonce)).collect()
}

#[test]
fn what_the_chain_wants_is_signed_until_the_chain_holds_it() {
    let scene = Scene::activated(1);
    let (node, registry) = (scene.node("home").with_key(1), Registry::new());
    let mut signer = node.signer_with(&registry);
    signer.round();
    assert_eq!(places(&scene.extension()), [(OutboundKind::Valset, 1)]);
    assert_eq!(metric(&registry, "diem_bridge_waiting_statements"), "1");
    scene.chain.propose(Vec::new());
    assert!(state::contract(&scene.state()).unwrap().is_ready, "the statement is in the block");
    signer.round();
    assert!(scene.chain.app.extend_vote().is_empty());
    let nonce = scene.seal(1);
    signer.round();
    assert_eq!(places(&scene.extension()), [(OutboundKind::Batch, nonce)]);
    // The votes of a block carry it where this node does not propose.
    scene.block_with(&[scene.chain.app.extend_vote()]);
    assert!(scene.holds(1, OutboundKind::Batch, nonce));
    signer.round();
    assert_eq!(scene.extension(), []);
    assert_eq!(metric(&registry, "diem_bridge_signed_statements_total"), "2");
    assert_eq!(metric(&registry, "diem_bridge_waiting_statements"), "0");
}

#[test]
fn its_own_extension_is_one_that_others_accept_however_much_is_owed() {
    let scene = Scene::activated(4);
    let node = scene.node("home");
    for validator in 1..=4 {
        node.put_key(validator, &format!("bridge_key-{validator}.json"));
    }
    let mut signer = node.signer();
    signer.round();
    scene.chain.propose(Vec::new());
    for fee in 1..=6 {
        scene.seal(fee);
        signer.round();
        let bytes = scene.chain.app.extend_vote();
        assert!(scene.chain.app.verify_vote(&bytes) && bytes.len() <= MAX_OWN_EXTENSION_BYTES);
        assert!((1..=MAX_OWN_STATEMENTS).contains(&scene.extension().len()));
        // What rides on the vote is what a proposer without a pool of its own puts into the block.
        let carried = scene.extension();
        scene.chain.app.drop_pending();
        scene.block_with(&[bytes]);
        let state = scene.state();
        for statement in carried {
            let Outbound { kind, nonce, .. } = outbound(&statement);
            assert!(booking::signed_power(&state, *kind, *nonce, 0).unwrap().0 > 0);
        }
    }
}

#[test]
fn after_a_restart_the_remembered_statement_is_repeated() {
    let scene = Scene::activated(1);
    let node = scene.node("home").with_key(1);
    node.signer().round();
    let (first, kept) = (scene.extension(), fs::read(node.memory()).unwrap());
    scene.chain.app.set_extension(&[]);
    node.signer().round();
    assert_eq!(scene.extension(), first);
    assert_eq!(fs::read(node.memory()).unwrap(), kept, "nothing was signed anew");
}

#[test]
fn what_cannot_be_remembered_does_not_leave() {
    let scene = Scene::activated(1);
    let node = scene.node("home").with_key(1);
    let mut signer = node.signer();
    fs::create_dir(node.memory()).unwrap();
    signer.round();
    assert_eq!(scene.extension(), []);
    assert_eq!(scene.chain.app.waiting_statements(), []);
    assert!(signer.refusal().unwrap().contains("cannot be kept"), "{:?}", signer.refusal());
    // It signs as soon as there is room again.
    fs::remove_dir(node.memory()).unwrap();
    signer.round();
    assert_eq!((scene.extension().len(), signer.refusal()), (1, None));
}

#[test]
fn two_contents_under_one_number_are_never_signed() {
    let scene = Scene::activated(1);
    let node = scene.node("home").with_key(1);
    node.signer().round();
    scene.chain.propose(Vec::new());
    let nonce = scene.seal(1);
    node.signer().round();
    let first = outbound(&scene.extension()[0]).digest;
    // The chain goes back, and the same number gets another content.
    let height = scene.chain.app.info().height;
    scene.chain.app.rollback().unwrap();
    scene.chain.app.rollback().unwrap();
    scene.chain.app.rollback().unwrap();
    scene.chain.app.rollback().unwrap();
    assert_eq!(scene.seal(2), nonce);
    assert_eq!(scene.chain.app.info().height, height);
    let wanted = booking::wanted_digest(&scene.state(), OutboundKind::Batch, nonce).unwrap();
    assert_ne!(wanted, first);
    let registry = Registry::new();
    let mut signer = node.signer_with(&registry);
    signer.round();
    assert_eq!(scene.extension(), []);
    let refusal = signer.refusal().unwrap();
    assert!(refusal.contains(&hex::encode(first)) && refusal.contains(&hex::encode(wanted)), "{refusal}");
    assert_eq!(metric(&registry, "diem_bridge_refused_statements"), "1");
    assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"content\"}"), "1");
    // The development engine goes back on command, and the memory of its keys goes back with it.
    let mut forgetful = node.signer().on_a_chain_that_reverts();
    forgetful.round();
    assert_eq!(outbound(&scene.extension()[0]).digest, wanted);
    // What the present chain has asked for is repeated.
    node.signer().on_a_chain_that_reverts().round();
    assert_eq!(outbound(&scene.extension()[0]).digest, wanted);
}

#[test]
fn genuine_code_over_planted_storage_is_refused_by_its_address() {
    let scene = Scene::new(1);
    scene.run(&operator(0), prepare());
    scene.run(&operator(0), Msg::Activate { init_code_hash: [9; 32], deploy_block: 1 });
    let (node, registry) = (scene.node("home").with_key(1), Registry::new());
    let mut signer = node.signer_with(&registry);
    signer.round();
    assert_eq!(scene.extension(), []);
    let refusal = signer.refusal().unwrap();
    let address = state::domain(&scene.state()).unwrap().bridge.to_hex();
    assert!(refusal.contains(&address) && refusal.contains("nothing is signed for it"), "{refusal}");
    assert!(!node.memory().exists());
    assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"contract\"}"), "1");
    // The authority mends it, and the signer goes on by itself.
    scene.run(&operator(0), activate(&scene.state()));
    signer.round();
    assert_eq!(places(&scene.extension()), [(OutboundKind::Valset, 2)]);
    assert_eq!(signer.refusal(), None);
    assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"contract\"}"), "0");
}

#[test]
fn arguments_that_were_fixed_anew_make_another_contract() {
    let scene = Scene::activated(1);
    let old = activate(&scene.state());
    // A later set 0 is another argument of the constructor, so that the contract of before is a stranger's now.
    scene.run(&operator(0), prepare());
    scene.run(&operator(0), old);
    let node = scene.node("home").with_key(1);
    let mut signer = node.signer();
    signer.round();
    assert!(scene.extension().is_empty() && signer.refusal().unwrap().contains("planted"));
}

#[test]
fn a_home_without_a_key_signs_nothing_and_takes_up_one_that_is_put_there() {
    let scene = Scene::activated(1);
    let (node, registry) = (scene.node("home"), Registry::new());
    let mut signer = node.signer_with(&registry);
    signer.round();
    assert_eq!((scene.extension().len(), signer.refusal()), (0, None));
    scene.chain.propose(Vec::new());
    // A file that holds no key is named and stops nothing.
    fs::write(node.home.root().join("bridge_key-old.json"), "{}").unwrap();
    node.put_key(1, "bridge_key.json");
    signer.round();
    assert_eq!(places(&scene.extension()), [(OutboundKind::Valset, 1)]);
    assert_eq!(metric(&registry, "diem_bridge_signer_keys"), "1");
    assert_eq!(metric(&registry, "diem_bridge_present_faults{fault=\"key_file\"}"), "1");
}

#[test]
fn a_key_of_nobody_signs_nothing() {
    let scene = Scene::activated(2);
    let node = scene.node("home").with_key(9);
    node.signer().round();
    assert_eq!(scene.extension(), []);
}

#[test]
fn a_rotated_key_signs_as_long_as_the_installed_set_has_it() {
    let scene = Scene::activated(1);
    let node = scene.node("home");
    // A rotation leaves the old key in a file beside the new one.
    node.put_key(1, "bridge_key-old.json");
    node.put_key(2, "bridge_key.json");
    let mut signer = node.signer();
    signer.round();
    scene.chain.propose(Vec::new());
    let (chain, sender) = (&scene.chain, operator(0));
    let consensus = diem_core::keys::SecretKey::ed25519(&[1; 32]);
    let rotation = staking::Msg::RotateBridgeKey {
        consensus_key: chain.doc.validators[0].public_key,
        bridge_address: key(2).address(),
        proof: KeyProof::sign(&chain.doc.chain_id, &sender.address, &consensus, &key(2)).unwrap(),
    };
    let outcome = chain.propose(vec![chain.tx(&sender, vec![Call::Staking(rotation)]).bytes()]);
    assert_eq!(outcome.results()[0].code, 0, "{}", outcome.results()[0].log);
    while state::issued(&scene.state()).sets == 1 {
        chain.propose(Vec::new());
    }
    signer.round();
    // The old key is the only member of the set on Base, so the new set needs it; the new key counts from its set on.
    assert_eq!(places(&scene.extension()), [(OutboundKind::Valset, 2); 2]);
    chain.propose(Vec::new());
    assert!(booking::has_quorum(&scene.state(), OutboundKind::Valset, 2, 0));
    assert!(booking::has_quorum(&scene.state(), OutboundKind::Valset, 2, 2));
    let nonce = scene.seal(1);
    signer.round();
    chain.propose(Vec::new());
    for set in [0, 2] {
        assert!(booking::has_quorum(&scene.state(), OutboundKind::Batch, nonce, set), "set {set}");
    }
}

#[test]
fn an_administrative_action_is_signed_after_the_set_and_before_batches() {
    let scene = Scene::activated(4);
    let node = scene.node("home").with_key(1);
    let guardian = Address([8; 20]);
    scene.run(&operator(0), Msg::Admin { action: diem_bridge::AdminAction::SetGuardian { guardian } });
    node.signer().round();
    assert_eq!(places(&scene.extension()), [(OutboundKind::Valset, 1), (OutboundKind::Admin, 1)]);
}
