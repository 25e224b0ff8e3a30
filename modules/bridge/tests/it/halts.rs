//! A contradiction halts the bridge and never the chain, and what the way out is.

use diem_bridge::{
    AdminAction, BaseEvent, Batch, Breach, Msg, OutboundKind, Preimage, Transfer, admin, booking, evidence, inbound,
    state,
};
use diem_core::{Address, Amount, CallError, Denom, Message as _};

use crate::{
    chain::{ALICE, AUTHORITY, BOB, Chain, cents, refusal},
    far_side::FarSide,
    staking_chain::{empty, who},
};

fn resume(chain: &mut Chain<'_>, sender: u8) -> Result<(), CallError> {
    chain.call(sender, |ctx| Msg::Resume.execute(ctx))
}

fn cover(chain: &mut Chain<'_>, amount: Amount) -> Result<(), CallError> {
    chain.call(BOB, |ctx| Msg::Cover { amount }.execute(ctx))
}

fn breach(chain: &Chain<'_>) -> Option<Breach> {
    inbound::halt(&chain.world.state).map(|halt| halt.breach)
}

fn uncovered(chain: &Chain<'_>) -> Amount {
    state::books(&chain.world.state).uncovered
}

/// A batch that all keys signed outside the chain.
fn forged(nonce: u64, amount: Amount) -> Batch {
    let transfers = vec![Transfer { recipient: Address([0xbad_u16.to_be_bytes()[1]; 20]), amount }];
    Batch { nonce, deadline: u64::MAX, fee: Amount::ZERO, transfers }
}

/// A chain with 10 DIEM on Base, where 6 more were forged, of which a part was queued, and burned at once.
fn robbed(base: &diem_overlay::Empty) -> (Chain<'_>, FarSide) {
    let mut chain = Chain::ready(base);
    let batch = chain.sealed(ALICE, cents(1_000), cents(10));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    chain.follow(&mut far);
    far.execute(&forged(7, cents(600)));
    far.burn(who(BOB), cents(600));
    chain.follow(&mut far);
    (chain, far)
}

#[test]
fn a_forged_mint_halts_the_bridge_before_anything_is_paid() {
    let base = empty();
    let before = Chain::ready(&base).diem(BOB);
    let (mut chain, _) = robbed(&base);
    assert!(matches!(breach(&chain), Some(Breach::Event { nonce: 2, kind: 2 })));
    for _ in 0..10 {
        chain.block(86_400_000);
    }
    assert_eq!(chain.diem(BOB), before, "nothing is paid");
}

#[test]
fn while_it_is_halted_nothing_moves_and_the_ways_out_stay_open() {
    let base = empty();
    let (mut chain, mut far) = robbed(&base);
    let sets = chain.issued().sets;
    let id = chain.send(ALICE, cents(100), cents(1)).unwrap();
    // Longer than maxSetAge: sets still follow, or the stored one would die.
    for _ in 0..40 {
        chain.block(86_400_000);
    }
    assert!(chain.issued().sets > sets + 30);
    assert_eq!(chain.issued().batches, 1, "nothing is sealed");
    chain.cancel(ALICE, id).unwrap();
    let statement = chain.statement(1, OutboundKind::Valset, chain.issued().sets);
    assert_eq!(chain.apply(vec![statement]), 1);
    let statement = chain.statement(1, OutboundKind::Pause, 1);
    assert_eq!(chain.apply(vec![statement]), 1);
    let cancel = AdminAction::ResolveQueue { queue_id: 1, release: false };
    chain.call(AUTHORITY, |ctx| admin::issue(ctx, cancel)).unwrap();
    let statement = chain.statement(1, OutboundKind::Admin, 1);
    assert_eq!(chain.apply(vec![statement]), 1);
    // Base is attested and booked all the same.
    let completed = chain.completed();
    let block = chain.follow(&mut far);
    assert_eq!(inbound::attested(&chain.world.state).applied, Some(block));
    assert_eq!(chain.completed(), completed);
}

#[test]
fn an_open_batch_is_neither_signed_nor_paid_back_while_it_is_halted() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    let before = chain.diem(ALICE);
    let mut far = FarSide::of(&chain);
    far.execute(&forged(7, cents(600)));
    chain.follow(&mut far);
    assert!(booking::wanted_hash(&chain.world.state, OutboundKind::Batch, 1).is_none());
    far.now = batch.deadline + 1;
    chain.follow(&mut far);
    chain.block(1);
    assert_eq!(chain.diem(ALICE), before);
    resume(&mut chain, AUTHORITY).unwrap();
    assert_eq!(uncovered(&chain), cents(600));
    chain.block(1);
    // What was due before the halt is paid after it, as far as the escrow goes.
    assert_eq!(chain.diem(ALICE), before.saturating_add(cents(101)));
}

#[test]
fn after_resume_the_escrow_pays_what_it_can_and_cover_pays_the_rest() {
    let base = empty();
    let (mut chain, mut far) = robbed(&base);
    assert_eq!(refusal(cover(&mut chain, cents(1))), "halted");
    assert_eq!(refusal(resume(&mut chain, ALICE)), "not_authority");
    let bob = chain.diem(BOB);
    resume(&mut chain, AUTHORITY).unwrap();
    assert_eq!(refusal(resume(&mut chain, AUTHORITY)), "not_halted");
    assert_eq!(uncovered(&chain), cents(600));
    chain.block(1);
    assert_eq!(chain.diem(BOB), bob.saturating_add(cents(600)), "a burn is a burn: the escrow holds enough for it");
    far.burn(who(ALICE), cents(700));
    far.burn(who(ALICE), cents(1));
    let alice = chain.diem(ALICE);
    chain.follow(&mut far);
    chain.block(86_400_000);
    assert_eq!(chain.diem(ALICE), alice, "what the escrow cannot pay waits in line, with what stands behind it");
    // What waits to be sealed has never left.
    let id = chain.send(ALICE, cents(500), cents(5)).unwrap();
    chain.cancel(ALICE, id).unwrap();
    assert_eq!(refusal(cover(&mut chain, cents(601))), "cover_amount");
    assert_eq!(refusal(cover(&mut chain, Amount::ZERO)), "cover_amount");
    cover(&mut chain, cents(300)).unwrap();
    assert_eq!(uncovered(&chain), cents(300));
    chain.block(1);
    assert_eq!(chain.diem(ALICE), alice.saturating_add(cents(701)));
    cover(&mut chain, cents(300)).unwrap();
    assert_eq!(refusal(cover(&mut chain, cents(1))), "nothing_uncovered");
    assert_eq!(chain.escrow(), far.supply);
}

#[test]
fn a_forged_item_that_is_cancelled_lowers_what_is_uncovered_and_what_was_covered_goes_to_the_treasury() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(1_000), cents(10));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    far.execute_with_queue(&forged(7, cents(600)), &[(1, 0)]);
    chain.follow(&mut far);
    resume(&mut chain, AUTHORITY).unwrap();
    assert_eq!(uncovered(&chain), cents(600));
    cover(&mut chain, cents(500)).unwrap();
    far.report(BaseEvent::Cancelled { queue_id: 1, amount: cents(600) });
    chain.follow(&mut far);
    chain.block(1);
    assert_eq!(breach(&chain), None);
    assert_eq!(uncovered(&chain), Amount::ZERO);
    assert_eq!(diem_bank::pool(&chain.world.state, diem_bank::Pool::Treasury, Denom::Diem), cents(500));
    assert_eq!(chain.escrow(), far.supply);
}

#[test]
fn a_forged_item_that_is_cancelled_while_halted_leaves_nothing_uncovered() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    far.execute_with_queue(&forged(7, cents(600)), &[(1, 0)]);
    chain.follow(&mut far);
    far.report(BaseEvent::Cancelled { queue_id: 1, amount: cents(600) });
    chain.follow(&mut far);
    resume(&mut chain, AUTHORITY).unwrap();
    assert_eq!((uncovered(&chain), breach(&chain)), (Amount::ZERO, None));
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    far.execute(&batch);
    chain.follow(&mut far);
    assert_eq!(breach(&chain), None, "both equalities hold after a resume too");
}

#[test]
fn nothing_is_resumed_while_events_are_replayed() {
    let base = empty();
    let (mut chain, mut far) = robbed(&base);
    far.burn(who(BOB), cents(1));
    let block = far.checkpoint();
    chain.attest(block);
    assert_eq!(refusal(resume(&mut chain, AUTHORITY)), "replaying");
    assert!(chain.replay(&far, 200));
    chain.block(1);
    resume(&mut chain, AUTHORITY).unwrap();
}

#[test]
fn a_supply_that_no_event_explains_is_healed_by_no_message() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    far.supply = cents(1);
    chain.follow(&mut far);
    assert!(matches!(breach(&chain), Some(Breach::Supply { booked: Amount::ZERO, .. })));
    assert_eq!(refusal(resume(&mut chain, AUTHORITY)), "breach_for_good");
}

#[test]
fn a_base_that_forgot_or_changed_events_is_a_breach_of_history() {
    let base = empty();
    let ready = || {
        let mut chain = Chain::ready(&base);
        let batch = chain.sealed(ALICE, cents(1_000), cents(10));
        let mut far = FarSide::of(&chain);
        far.execute(&batch);
        far.burn(who(BOB), cents(100));
        let before = far.clone();
        chain.follow(&mut far);
        (chain, before)
    };
    // Fewer events than were applied.
    let (mut chain, mut far) = ready();
    let mut fewer = FarSide::of(&chain);
    (fewer.number, fewer.now) = (far.number + 300, far.now);
    let block = fewer.checkpoint();
    chain.attest(block);
    assert!(matches!(breach(&chain), Some(Breach::History { .. })));
    assert_eq!(refusal(resume(&mut chain, AUTHORITY)), "breach_for_good");
    // As many, but others.
    let (mut chain, _) = ready();
    let mut other = fewer.clone();
    other.burn_without_supply(who(ALICE), cents(100));
    other.burn_without_supply(who(ALICE), cents(100));
    let block = other.checkpoint();
    chain.attest(block);
    assert!(matches!(breach(&chain), Some(Breach::History { .. })));
    // More, on top of others: the chunk that reaches down to what was applied shows it.
    let (mut chain, _) = ready();
    other.burn_without_supply(who(ALICE), cents(100));
    let block = other.checkpoint();
    chain.attest(block);
    assert!(chain.replay(&other, 200));
    assert!(matches!(breach(&chain), Some(Breach::History { .. })));
    assert!(!chain.replay(&other, 200), "nothing is replayed any more");
    chain.block(1);
    assert_eq!(inbound::applied(&chain.world.state).event_nonce, 2);
    far.now += 1;
}

#[test]
fn a_breach_for_good_takes_the_place_of_one_that_can_be_healed_and_not_the_reverse() {
    let base = empty();
    let (mut chain, mut far) = robbed(&base);
    let since = inbound::halt(&chain.world.state).unwrap().since;
    far.supply = far.supply.saturating_add(cents(1));
    chain.follow(&mut far);
    assert!(matches!(breach(&chain), Some(Breach::Supply { .. })));
    assert_eq!(inbound::halt(&chain.world.state).unwrap().since, since);
    far.execute(&forged(8, cents(1)));
    chain.follow(&mut far);
    assert!(matches!(breach(&chain), Some(Breach::Supply { .. })));
}

#[test]
fn a_dropped_struct_hash_convicts_by_its_deadline() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    chain.follow(&mut far);
    let sign = |chain: &Chain<'_>, preimage: &Preimage| {
        let digest = state::domain(&chain.world.state).unwrap().digest(&preimage.struct_hash());
        diem_core::keys::EthereumKey::new(&[2; 32]).unwrap().sign(&digest)
    };
    let convict = |chain: &mut Chain<'_>, preimage: Preimage| {
        let (signature, block) = (sign(chain, &preimage), chain.world.now);
        chain.call(ALICE, |ctx| evidence::convict(ctx.state, ctx.events, block, &preimage, &signature)).map(|_| ())
    };
    let honest = Preimage::Batch(batch.clone());
    let other = Preimage::Batch(Batch { fee: Amount::ONE, ..batch.clone() });
    let later = Preimage::Batch(Batch { deadline: batch.deadline + 1, ..batch });
    assert_eq!(refusal(convict(&mut chain, honest.clone())), "issued");
    chain.block(30 * 86_400_000);
    chain.block(600_000);
    assert_eq!(refusal(convict(&mut chain, honest.clone())), "issued", "kept for thirty days past the deadline");
    chain.block(600_000);
    chain.block(1);
    assert_eq!(refusal(convict(&mut chain, honest)), "batch_forgotten");
    assert_eq!(refusal(convict(&mut chain, other)), "batch_forgotten", "as old, it is harmless");
    convict(&mut chain, later).unwrap();
}

#[test]
fn statements_of_a_closed_batch_are_dropped_four_attested_blocks_later() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(100), cents(1));
    let statements = (1..=4).map(|number| chain.statement(number, OutboundKind::Batch, 1)).collect();
    chain.apply(statements);
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    let kept = |chain: &Chain<'_>| {
        let genesis = <diem_bridge::Bridge as diem_core::Module>::export_genesis(&chain.world.state);
        let rows = genesis.rows.unwrap();
        rows.statements.iter().filter(|((kind, _, _), _)| *kind == OutboundKind::Batch).count()
    };
    let counts: Vec<usize> = (0..6)
        .map(|_| {
            chain.follow(&mut far);
            kept(&chain)
        })
        .collect();
    assert_eq!(counts, [4, 4, 4, 4, 0, 0]);
    let duties = diem_bridge::silence::duties(&chain.world.state, &who(1));
    assert_eq!((duties.owed, duties.signed()), (3, 3), "two blocks and a batch");
}
