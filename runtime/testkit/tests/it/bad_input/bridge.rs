//! Transfers to Base, statements, evidence and orders that cannot be.

use diem_bridge::{
    AdminAction, Batch, Chunk, EventBytes, Msg, Outbound, OutboundKind, Params, Preimage, Query, Statement, Transfer,
    booking::wanted_hash,
    sealing::batch,
    state::{contract, domain},
};
use diem_core::{
    Address, Amount, Page,
    keys::{CompactSignature, EthereumKey},
};
use diem_testkit::{
    Economy,
    bridge::bridge_key,
    economy::{milli, whole},
    operator,
};
use diem_types::Call;

use super::Scene;

const SOMEBODY: Address = Address([0xb5; 20]);

fn out(amount: Amount, fee: Amount, recipient: Address) -> Call {
    Call::Bridge(Msg::BridgeOut { amount, fee, recipient })
}

fn prepare(guardian: Address, share_bps: u16) -> Call {
    let (max_set_age, mint_capacity) = (30 * 86_400, whole(10_000));
    Call::Bridge(Msg::Prepare { chain_id: 8453, max_set_age, mint_capacity, share_bps, guardian })
}

fn activate() -> Call {
    Call::Bridge(Msg::Activate { init_code_hash: [9; 32], deploy_block: 1 })
}

fn submit(outbound: Outbound) -> Call {
    Call::Bridge(Msg::Submit { statements: vec![Statement::Outbound(outbound)] })
}

fn evidence(preimage: Preimage, signature: CompactSignature) -> Call {
    Call::Bridge(Msg::Evidence { preimage, signature })
}

fn admin(action: AdminAction) -> Call {
    Call::Bridge(Msg::Admin { action })
}

fn signed(economy: &Economy, key: &EthereumKey, kind: OutboundKind, nonce: u64) -> Outbound {
    let state = economy.chain.app.store().latest();
    let digest = domain(&state).unwrap().digest(&wanted_hash(&state, kind, nonce).unwrap());
    Outbound { kind, nonce, digest, signature: key.sign(&digest) }
}

/// A batch that was never issued, as a validator signed it.
fn forged(economy: &Economy, key: &EthereumKey, transfers: usize) -> Call {
    let transfer = Transfer { recipient: SOMEBODY, amount: milli(1) };
    let preimage =
        Preimage::Batch(Batch { nonce: 9, deadline: 1, fee: milli(1), transfers: vec![transfer; transfers] });
    let digest = domain(&economy.chain.app.store().latest()).unwrap().digest(&preimage.struct_hash());
    evidence(preimage, key.sign(&digest))
}

/// A chain whose bridge is not prepared.
pub(crate) fn before() -> Scene {
    let mut scene = Scene::new(Economy::new());
    let authority = operator(0);
    let guardian = Address([7; 20]);
    scene.refuses(0, out(milli(100), milli(1), SOMEBODY), "bridge/inactive");
    scene.refuses_of(&authority, activate(), "bridge/unprepared");
    scene.refuses_of(&authority, admin(AdminAction::Unpause), "bridge/inactive");
    let zeros = CompactSignature([0; 64]);
    scene.refuses(
        0,
        submit(Outbound { kind: OutboundKind::Pause, nonce: 1, digest: [1; 32], signature: zeros }),
        "bridge/inactive",
    );
    scene.refuses(0, evidence(Preimage::Unpause { admin_nonce: 1, pause_nonce: 0 }, zeros), "bridge/inactive");
    scene.refuses(0, prepare(guardian, 1_000), "bridge/not_authority");
    scene.refuses_of(&authority, prepare(Address::ZERO, 1_000), "bridge/terms");
    scene.refuses_of(&authority, prepare(guardian, 0), "bridge/terms");
    scene.refuses_of(&authority, prepare(guardian, 10_001), "bridge/terms");
    let terms = |chain_id, max_set_age, mint_capacity| {
        Call::Bridge(Msg::Prepare { chain_id, max_set_age, mint_capacity, share_bps: 1, guardian })
    };
    scene.refuses_of(&authority, terms(0, 30 * 86_400, whole(1)), "bridge/terms");
    scene.refuses_of(&authority, terms(1, 30 * 86_400, Amount::ZERO), "bridge/terms");
    scene.refuses_of(&authority, terms(1, 86_400, whole(1)), "bridge/params");
    scene
}

/// A chain whose bridge is at work, and on which the first person has transfer 1 in batch 1.
pub(crate) fn at_work() -> Economy {
    let mut economy = Economy::new();
    economy.block(1_000, vec![(operator(0), vec![prepare(Address([7; 20]), 1_000), activate()])]);
    let stated = (0..3).map(|validator| submit(signed(&economy, &bridge_key(validator), OutboundKind::Valset, 1)));
    let stated = stated.collect();
    economy.people_block(1_000, vec![(1, stated)]);
    economy.people_block(1_000, vec![(0, vec![out(whole(1), milli(1), SOMEBODY)])]);
    economy.people_block(60_000, vec![]);
    economy
}

/// A chain whose bridge is at work. The first person has transfer 1 in batch 1, and transfer 2 waits. The third
/// validator was convicted.
pub(crate) fn scene() -> Scene {
    let mut economy = at_work();
    let forgery = forged(&economy, &bridge_key(2), 1);
    economy.people_block(1_000, vec![(0, vec![out(whole(1), milli(1), SOMEBODY)]), (1, vec![forgery])]);
    let mut scene = Scene::new(economy);
    transfers(&mut scene);
    statements(&mut scene);
    offences(&mut scene);
    orders(&mut scene);
    for (query, error) in [
        (Query::Transfer(9), "bridge/unknown_transfer"),
        (Query::Batch(9), "bridge/unknown_nonce"),
        (Query::Set(9), "bridge/unknown_nonce"),
        (Query::Action(9), "bridge/unknown_nonce"),
        (Query::Signatures { kind: OutboundKind::Batch, nonce: 9, set: 0 }, "bridge/unknown_nonce"),
        (Query::Signatures { kind: OutboundKind::Batch, nonce: 1, set: 9 }, "bridge/unknown_nonce"),
    ] {
        scene.refuses_query(diem_types::Query::Bridge(query), error);
    }
    let page = Query::Transfers(Page { after: None, limit: 10 });
    scene.economy.chain.app.query(diem_types::Query::Bridge(page), None).unwrap();
    scene
}

fn transfers(scene: &mut Scene) {
    let deployed = contract(&scene.economy.chain.app.store().latest()).unwrap().deployed.unwrap();
    let own = scene.who(0);
    for (amount, fee, recipient, error) in [
        (milli(100), milli(1), Address::ZERO, "bridge/recipient_is_nobody"),
        (milli(100), milli(1), deployed.bridge, "bridge/recipient_is_nobody"),
        (milli(100), milli(1), deployed.token, "bridge/recipient_is_nobody"),
        (milli(100), milli(1), own, "bridge/recipient_has_no_key"),
        (Amount::ZERO, milli(1), SOMEBODY, "bridge/amount_too_small"),
        (Amount::new(1), milli(1), SOMEBODY, "bridge/amount_too_small"),
        (milli(9), milli(1), SOMEBODY, "bridge/amount_too_small"),
        (whole(1_001), milli(1), SOMEBODY, "bridge/amount_too_large"),
        (Amount::MAX, milli(1), SOMEBODY, "bridge/amount_too_large"),
        (whole(1), Amount::ZERO, SOMEBODY, "bridge/fee_too_small"),
        (whole(1), milli(51), SOMEBODY, "bridge/fee_too_large"),
        (whole(1), Amount::MAX, SOMEBODY, "bridge/fee_too_large"),
        (whole(100), milli(1), SOMEBODY, "bank/insufficient_funds"),
    ] {
        scene.refuses(0, out(amount, fee, recipient), error);
    }
    let (bump, cancel) = (|id, fee| Call::Bridge(Msg::BumpFee { id, fee }), |id| Call::Bridge(Msg::Cancel { id }));
    for (person, call, error) in [
        (0, bump(2, milli(1)), "bridge/fee_not_raised"),
        (0, bump(2, Amount::ZERO), "bridge/fee_not_raised"),
        (0, bump(2, milli(51)), "bridge/fee_too_large"),
        (0, bump(1, milli(2)), "bridge/sealed"),
        (1, bump(2, milli(2)), "bridge/not_yours"),
        (0, bump(3, milli(2)), "bridge/unknown_transfer"),
        (0, cancel(1), "bridge/sealed"),
        (1, cancel(2), "bridge/not_yours"),
        (0, cancel(0), "bridge/unknown_transfer"),
        (0, cancel(u64::MAX), "bridge/unknown_transfer"),
    ] {
        scene.refuses(person, call, error);
    }
}

fn statements(scene: &mut Scene) {
    let good = signed(&scene.economy, &bridge_key(0), OutboundKind::Batch, 1);
    let mut high = good;
    high.signature.0[32..].copy_from_slice(&[0xff; 32]);
    high.signature.0[32] = 0x7f;
    let stranger = EthereumKey::new(&[99; 32]).unwrap();
    let stated = signed(&scene.economy, &bridge_key(0), OutboundKind::Valset, 1);
    for (outbound, error) in [
        (Outbound { nonce: 9, ..good }, "bridge/unwanted"),
        (Outbound { kind: OutboundKind::Admin, ..good }, "bridge/unwanted"),
        (Outbound { digest: [1; 32], ..good }, "bridge/other_content"),
        (Outbound { kind: OutboundKind::Pause, ..good }, "bridge/other_content"),
        (Outbound { signature: stranger.sign(&good.digest), ..good }, "bridge/not_a_signer"),
        (Outbound { signature: CompactSignature([0; 64]), ..good }, "bridge/no_signer"),
        (high, "bridge/high_s"),
        (stated, "bridge/stated"),
    ] {
        scene.refuses(0, submit(outbound), error);
    }
    let many = |count| Call::Bridge(Msg::Submit { statements: vec![Statement::Outbound(good); count] });
    scene.refuses(0, many(0), "bridge/submitted");
    scene.refuses(0, many(17), "bridge/submitted");
    let replay =
        |first, events: Vec<EventBytes>| Call::Bridge(Msg::Replay { chunk: Chunk { first, before: [1; 32], events } });
    let event = |bytes| EventBytes { kind: 1, payload: vec![0; bytes] };
    scene.refuses(0, replay(1, vec![]), "bridge/chunk_events");
    scene.refuses(0, replay(0, vec![event(56)]), "bridge/chunk_nonces");
    scene.refuses(0, replay(1, vec![event(129)]), "bridge/payload_size");
    scene.refuses(0, replay(1, vec![event(56)]), "bridge/not_replaying");
}

fn offences(scene: &mut Scene) {
    let economy = &scene.economy;
    let own = batch(&economy.chain.app.store().latest(), 1).unwrap();
    let digest = signed(economy, &bridge_key(0), OutboundKind::Batch, 1).digest;
    let (again, none, many) =
        (forged(economy, &bridge_key(2), 2), forged(economy, &bridge_key(0), 0), forged(economy, &bridge_key(0), 101));
    let foreign = forged(economy, &EthereumKey::new(&[99; 32]).unwrap(), 1);
    scene.refuses(0, evidence(Preimage::Batch(own), bridge_key(0).sign(&digest)), "bridge/issued");
    scene.refuses(0, again, "bridge/convicted");
    scene.refuses(0, foreign, "bridge/not_a_signer");
    scene.refuses(0, none, "bridge/transfers");
    scene.refuses(0, many, "bridge/transfers");
}

fn orders(scene: &mut Scene) {
    let (authority, zero) = (operator(0), Address::ZERO);
    let params = scene.economy.chain.doc.app.bridge.params;
    let set = |params| Call::Bridge(Msg::SetParams { params });
    for (call, error) in [
        (prepare(Address([7; 20]), 1_000), "bridge/at_work"),
        (activate(), "bridge/at_work"),
        (admin(AdminAction::SetGuardian { guardian: zero }), "bridge/terms"),
        (admin(AdminAction::MoveBridge { bridge: zero }), "bridge/terms"),
        (admin(AdminAction::SetLimits { mint_capacity: whole(1), share_bps: 0 }), "bridge/terms"),
        (set(Params { max_open: 0, ..params }), "bridge/params"),
        (set(Params { set_every_ms: 7 * 86_400_000, ..params }), "bridge/params"),
        (Call::Bridge(Msg::Resume), "bridge/not_halted"),
        (Call::Bridge(Msg::Hold { credit: 1 }), "bridge/unknown_nonce"),
    ] {
        scene.refuses_of(&authority, call, error);
    }
    for call in [
        prepare(Address([7; 20]), 1_000),
        activate(),
        admin(AdminAction::Unpause),
        set(params),
        Call::Bridge(Msg::Resume),
        Call::Bridge(Msg::Hold { credit: 1 }),
    ] {
        scene.refuses(0, call, "bridge/not_authority");
    }
    scene.refuses(0, Call::Bridge(Msg::Cover { amount: milli(1) }), "bridge/nothing_uncovered");
}

#[test]
fn bad_calls_of_a_bridge_that_is_not_there() {
    before();
}

#[test]
fn bad_transfers_statements_evidence_and_orders() {
    scene();
}
