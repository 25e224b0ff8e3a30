//! Bad calls of a bridge that follows Base.

use diem_bridge::{Batch, Chunk, Msg, Params, Statement, Transfer, inbound, sealing::batch};
use diem_core::{Address, Amount};
use diem_testkit::{Economy, bridge::bridge_key, economy::milli, far_side::FarSide, operator};
use diem_types::Call;

use super::{bridge, scene::Scene};

/// Has the newest block of Base attested, and everything up to it applied.
fn follow(economy: &mut Economy, far: &mut FarSide) {
    attest(economy, far);
    if let Some(missing) = diem_bridge::replay::missing(&economy.chain.app.store().latest()) {
        let chunk = far.journal.chunk(missing.first, missing.last).unwrap();
        economy.people_block(1, vec![(1, vec![replay(chunk)])]);
    }
}

fn attest(economy: &mut Economy, far: &mut FarSide) {
    let (app, checkpoint) = (&economy.chain.app, far.checkpoint());
    let signed = (0..3).map(|validator| FarSide::stated(app, &bridge_key(validator), checkpoint));
    let statements: Vec<Statement> = signed.collect();
    economy.people_block(1, vec![(1, vec![Call::Bridge(Msg::Submit { statements })])]);
    assert_eq!(inbound::attested(&economy.chain.app.store().latest()).last, Some(checkpoint));
}

const fn replay(chunk: Chunk) -> Call {
    Call::Bridge(Msg::Replay { chunk })
}

/// A chain on which a delayed burn is held, a forged batch was waved through, and events are waited for.
pub(crate) fn scene() -> Scene {
    let mut economy = bridge::at_work();
    let mut far = FarSide::of(&economy.chain.app);
    far.execute(&batch(&economy.chain.app.store().latest(), 1).unwrap());
    far.burn(economy.chain.people[2].address, milli(500));
    let forged = Transfer { recipient: Address([9; 20]), amount: milli(7) };
    let narrow = Params { credit_capacity: milli(1), ..economy.chain.doc.app.bridge.params };
    economy.block(1, vec![(operator(0), vec![Call::Bridge(Msg::SetParams { params: narrow })])]);
    follow(&mut economy, &mut far);
    far.execute(&Batch { nonce: 9, deadline: u64::MAX, fee: Amount::ZERO, transfers: vec![forged] });
    follow(&mut economy, &mut far);
    let orders = vec![Call::Bridge(Msg::Resume), Call::Bridge(Msg::Hold { credit: 1 })];
    economy.block(1, vec![(operator(0), orders)]);
    for _ in 0..3 {
        far.burn(economy.chain.people[2].address, milli(1));
    }
    attest(&mut economy, &mut far);

    let mut scene = Scene::new(economy);
    let chunk = |first, last| far.journal.chunk(first, last).unwrap();
    let mut wrong = chunk(4, 6);
    wrong.events[0].payload[7] ^= 1;
    for (call, error) in [
        (replay(wrong), "bridge/chunk_hash"),
        (replay(chunk(4, 5)), "bridge/chunk_place"),
        (replay(chunk(3, 6)), "bridge/chunk_place"),
        (Call::Bridge(Msg::Cover { amount: milli(8) }), "bridge/cover_amount"),
        (Call::Bridge(Msg::Cover { amount: Amount::ZERO }), "bridge/cover_amount"),
        (Call::Bridge(Msg::Cover { amount: Amount::MAX }), "bridge/cover_amount"),
    ] {
        scene.refuses(1, call, error);
    }
    scene.refuses_of(&operator(0), Call::Bridge(Msg::Hold { credit: 1 }), "bridge/held_before");
    scene.refuses_of(&operator(0), Call::Bridge(Msg::Hold { credit: 2 }), "bridge/unknown_nonce");
    scene
}

/// A chain whose Base has a supply that no event explains.
pub(crate) fn broken() -> Scene {
    let mut economy = bridge::at_work();
    let mut far = FarSide::of(&economy.chain.app);
    far.supply = milli(1);
    follow(&mut economy, &mut far);
    let mut scene = Scene::new(economy);
    scene.refuses_of(&operator(0), Call::Bridge(Msg::Resume), "bridge/breach_for_good");
    scene.refuses(1, Call::Bridge(Msg::Resume), "bridge/not_authority");
    scene.refuses(1, Call::Bridge(Msg::Cover { amount: milli(1) }), "bridge/halted");
    scene
}

#[test]
fn bad_chunks_holds_and_payments_into_the_escrow() {
    scene();
}

#[test]
fn nobody_resumes_a_bridge_whose_supply_contradicts_its_events() {
    broken();
}
