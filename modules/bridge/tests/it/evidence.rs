//! Who is guilty of forgery, and who is not.

use diem_bridge::{AdminAction, Event, OutboundKind, Preimage, Valset, admin, evidence, sealing, state};
use diem_core::{
    Amount, CallError,
    keys::{CompactSignature, EthereumKey, SecretKey},
};
use diem_staking::{KeyProof, Msg, validator};

use crate::{
    chain::{ALICE, AUTHORITY, Chain, TERMS, cents, refusal},
    staking_chain::{CHAIN, bridge, consensus_key, empty, who},
};

/// The signature of validator `number` over a content, for the contract that the chain knows.
fn sign(chain: &Chain<'_>, number: u8, preimage: &Preimage) -> CompactSignature {
    let digest = state::domain(&chain.world.state).unwrap().digest(&preimage.struct_hash());
    EthereumKey::new(&[number; 32]).unwrap().sign(&digest)
}

fn convict(chain: &mut Chain<'_>, preimage: &Preimage, signature: CompactSignature) -> Result<(), CallError> {
    let block = chain.world.now;
    chain.call(ALICE, |ctx| evidence::convict(ctx.state, ctx.events, block, preimage, &signature)).map(|_| ())
}

/// A chain with one open batch, and that batch.
fn with_batch(base: &diem_overlay::Empty) -> (Chain<'_>, diem_bridge::Batch) {
    let mut chain = Chain::ready(base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    let batch = sealing::batch(&chain.world.state, 1).unwrap();
    (chain, batch)
}

#[test]
fn whoever_signed_another_batch_under_its_nonce_loses_a_fifth_and_is_out() {
    let base = empty();
    let (mut chain, batch) = with_batch(&base);
    let forged = Preimage::Batch(diem_bridge::Batch { fee: Amount::ONE, ..batch });
    let before = validator(&chain.world.state, &who(2)).unwrap().tokens;
    let signature = sign(&chain, 2, &forged);
    convict(&mut chain, &forged, signature).unwrap();
    let after = validator(&chain.world.state, &who(2)).unwrap();
    assert!(after.tombstoned);
    assert_eq!(after.tokens, before.checked_sub(before.mul_div_ceil(2_000, 10_000).unwrap()).unwrap());
    assert_eq!(chain.events.last(), Some(&Event::Convicted { validator: who(2), kind: OutboundKind::Batch, nonce: 1 }));
    assert_eq!(refusal(convict(&mut chain, &forged, signature)), "convicted");
}

#[test]
fn what_was_never_issued_convicts_of_every_kind() {
    let base = empty();
    let (mut chain, batch) = with_batch(&base);
    let contents = [
        Preimage::Batch(diem_bridge::Batch { nonce: 2, ..batch }),
        Preimage::Valset(Valset { nonce: 7, created_at: 1, set_hash: [1; 32] }),
        AdminAction::SetGuardian { guardian: who(9) }.issue(1, 0),
    ];
    for (number, content) in (1..).zip(&contents) {
        let signature = sign(&chain, number, content);
        convict(&mut chain, content, signature).unwrap();
    }
}

#[test]
fn what_the_chain_issued_convicts_nobody() {
    let base = empty();
    let (mut chain, batch) = with_batch(&base);
    chain.call(AUTHORITY, |ctx| admin::issue(ctx, AdminAction::Unpause)).unwrap();
    let set = state::stored_set(&chain.world.state, 1).unwrap();
    let salt = state::domain(&chain.world.state).unwrap().salt;
    let set_hash = set.set().hash(&salt, 1, set.created_at);
    let contents = [
        Preimage::Batch(batch),
        Preimage::Valset(Valset { nonce: 1, created_at: set.created_at, set_hash }),
        admin::action(&chain.world.state, 1).unwrap(),
    ];
    for content in &contents {
        let signature = sign(&chain, 1, content);
        assert_eq!(refusal(convict(&mut chain, content, signature)), "issued");
    }
}

#[test]
fn a_signature_of_nobody_here_or_for_another_contract_convicts_nobody() {
    let base = empty();
    let mut chain = Chain::new(&base);
    let forged = AdminAction::Unpause.issue(9, 0);
    assert_eq!(refusal(convict(&mut chain, &forged, CompactSignature([1; 64]))), "inactive");
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    let for_this_contract = sign(&chain, 1, &forged);
    let by_stranger = sign(&chain, 99, &forged);
    assert_eq!(refusal(convict(&mut chain, &forged, by_stranger)), "not_a_signer");
    assert_eq!(refusal(convict(&mut chain, &forged, CompactSignature([0; 64]))), "no_signer");
    let unreadable =
        Preimage::Batch(diem_bridge::Batch { nonce: 1, deadline: 1, fee: Amount::ZERO, transfers: Vec::new() });
    let signature = sign(&chain, 1, &unreadable);
    assert_eq!(refusal(convict(&mut chain, &unreadable, signature)), "transfers");
    // Where the start is repeated with another contract, what was signed for the first one is worth nothing.
    chain.call(AUTHORITY, |ctx| diem_bridge::setup::activate(ctx, [8; 32], 1)).unwrap();
    assert_eq!(refusal(convict(&mut chain, &forged, for_this_contract)), "not_a_signer");
}

#[test]
fn a_rotated_key_convicts_until_its_stake_may_have_left() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let proof = KeyProof::sign(CHAIN, &who(1), &SecretKey::ed25519(&[1; 32]), &bridge(50)).unwrap();
    let address = bridge(50).address();
    chain
        .world
        .call(1, &Msg::RotateBridgeKey { consensus_key: consensus_key(1), bridge_address: address, proof })
        .unwrap();
    chain.block(5_000);
    assert_eq!(chain.issued().sets, 2);
    let last = state::stored_set(&chain.world.state, 1).unwrap();
    let liable_ms = (last.created_at + TERMS.max_set_age) * 1_000
        + diem_staking::params(&chain.world.state).unbonding_ms
        - chain.world.now.time.millis();
    let forged = AdminAction::Unpause.issue(9, 0);
    let signature = sign(&chain, 1, &forged);
    chain.block(liable_ms + 1);
    assert_eq!(refusal(convict(&mut chain, &forged, signature)), "evidence_too_old");

    let mut chain = Chain::ready(&base);
    let proof = KeyProof::sign(CHAIN, &who(1), &SecretKey::ed25519(&[1; 32]), &bridge(50)).unwrap();
    chain
        .world
        .call(1, &Msg::RotateBridgeKey { consensus_key: consensus_key(1), bridge_address: address, proof })
        .unwrap();
    chain.block(5_000);
    chain.block(liable_ms);
    let signature = sign(&chain, 1, &forged);
    convict(&mut chain, &forged, signature).unwrap();
    assert!(validator(&chain.world.state, &who(1)).unwrap().tombstoned);
}

#[test]
fn a_repeated_activation_and_a_shorter_batch_life_make_no_honest_signer_guilty() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    let valset = |chain: &Chain<'_>| {
        let set = state::stored_set(&chain.world.state, 1).unwrap();
        let salt = state::domain(&chain.world.state).unwrap().salt;
        let set_hash = set.set().hash(&salt, 1, set.created_at);
        Preimage::Valset(Valset { nonce: 1, created_at: set.created_at, set_hash })
    };
    let first = valset(&chain);
    let before = sign(&chain, 1, &first);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.call(AUTHORITY, |ctx| diem_bridge::setup::activate(ctx, [8; 32], 1)).unwrap();
    // Under the new contract the same signature is of nobody known, and the same content is still the chain's own.
    assert_ne!(convict(&mut chain, &first, before), Ok(()));
    let again = sign(&chain, 1, &first);
    assert_eq!(refusal(convict(&mut chain, &first, again)), "issued");
    for number in 1..=4 {
        let statement = chain.statement(number, OutboundKind::Valset, 2);
        chain.apply(vec![statement]);
    }
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    let batch = Preimage::Batch(sealing::batch(&chain.world.state, 1).unwrap());
    let signed = sign(&chain, 2, &batch);
    let shorter = diem_bridge::Params { batch_life_ms: 600_000, seal_wait_ms: 1_000, ..crate::chain::params() };
    chain.call(AUTHORITY, |ctx| diem_bridge::setup::set_params(ctx, &shorter)).unwrap();
    // Long past its deadline the batch is still the chain's own.
    chain.block(3_600_000);
    assert_eq!(refusal(convict(&mut chain, &batch, signed)), "issued");
    assert!((1..=4).all(|number| !validator(&chain.world.state, &who(number)).unwrap().tombstoned));
}
