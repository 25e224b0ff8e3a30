//! What an event of Base changes here.

use diem_bridge::{
    AdminAction, BaseEvent, Event, OutboundKind, UNTIL_UNPAUSE, VetoOf, admin, booking, inbound,
    sealing::{NotSealing, closed},
    standing::{Standing, standing},
    state,
};
use diem_core::{Address, Amount, QueryContext, StateRead};

use crate::{
    chain::{ALICE, AUTHORITY, BOB, Chain, cents, refusal},
    far_side::FarSide,
    staking_chain::{empty, who},
};

fn halted(chain: &Chain<'_>) -> bool {
    inbound::halt(&chain.world.state).is_some()
}

fn of(chain: &Chain<'_>, id: u64) -> Result<Standing, diem_bridge::Error> {
    standing(&QueryContext { state: &chain.world.state, block: chain.world.now }, id)
}

#[test]
fn what_goes_out_comes_back_whole() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let before = (chain.diem(ALICE), chain.diem(BOB));
    let batch = chain.sealed(ALICE, cents(500), cents(5));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    chain.follow(&mut far);
    assert_eq!(of(&chain, 1).map_err(|error| crate::chain::name(&error)), Err("unknown_transfer"), "it is over");
    assert!(chain.events.contains(&Event::TransferMinted { id: 1, batch: 1 }));
    assert_eq!(chain.escrow(), cents(505));
    // The relayer's fee comes back too, to whom the relayer says.
    far.burn(who(BOB), cents(505));
    chain.follow(&mut far);
    assert_eq!(chain.escrow(), Amount::ZERO);
    let after = (chain.diem(ALICE), chain.diem(BOB));
    assert_eq!(after.0.saturating_add(cents(505)), before.0);
    assert_eq!(after.1, before.1.saturating_add(cents(505)));
}

#[test]
fn a_fresh_account_is_paid_and_nobody_s_share_goes_to_the_treasury() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let batch = chain.sealed(ALICE, cents(500), cents(5));
    let mut far = FarSide::of(&chain);
    far.execute(&batch);
    let fresh = Address([0x77; 20]);
    far.burn(fresh, cents(100));
    far.burn(Address::ZERO, cents(50));
    chain.follow(&mut far);
    let of = |account| diem_bank::balance(&chain.world.state, account, diem_core::Denom::Diem);
    assert_eq!(of(&fresh), cents(100));
    assert_eq!(diem_bank::pool(&chain.world.state, diem_bank::Pool::Treasury, diem_core::Denom::Diem), cents(50));
}

#[test]
fn a_queued_item_is_released_or_cancelled_and_each_is_told() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    for amount in [100, 200, 300] {
        chain.send(ALICE, cents(amount), cents(5)).unwrap();
    }
    chain.block(2_000);
    let before = chain.diem(ALICE);
    chain.block(1);
    let batch = diem_bridge::sealing::batch(&chain.world.state, 1).unwrap();
    let mut far = FarSide::of(&chain);
    far.execute_with_queue(&batch, &[(1, 1), (2, 2), (3, u16::MAX)]);
    chain.follow(&mut far);
    let queued = |id: u64| of(&chain, id).unwrap();
    assert!(
        matches!(queued(2), Standing::Queued { id: 1, item } if item.amount == cents(200) && item.ready_at > far.now)
    );
    assert!(matches!(queued(3), Standing::Queued { id: 2, .. }));
    assert_eq!(state::books(&chain.world.state).queued, cents(515));
    far.report(BaseEvent::Veto { what: VetoOf::Item, id: 2, until: far.now + 1_000_000 });
    chain.follow(&mut far);
    assert!(matches!(of(&chain, 3).unwrap(), Standing::Queued { item, .. } if item.vetoed_until > item.ready_at));
    far.release(1, cents(200));
    far.report(BaseEvent::Cancelled { queue_id: 2, amount: cents(300) });
    far.report(BaseEvent::Cancelled { queue_id: 3, amount: cents(15) });
    chain.follow(&mut far);
    assert!(!halted(&chain));
    assert_eq!(
        chain.diem(ALICE),
        before.saturating_add(cents(300)),
        "the sender has the amount, whoever relayed the fee"
    );
    assert_eq!(
        diem_bank::pool(&chain.world.state, diem_bank::Pool::Treasury, diem_core::Denom::Diem),
        cents(15),
        "a fee that was cancelled goes to the treasury"
    );
    assert_eq!(chain.escrow(), far.supply);
}

#[test]
fn an_event_of_an_unknown_kind_or_length_is_recorded_and_counts_for_nothing() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    far.report_bytes(14, vec![1, 2, 3]);
    far.report_bytes(1, vec![0; 55]);
    far.report_bytes(11, vec![9; 17]);
    chain.follow(&mut far);
    assert!(!halted(&chain));
    let unknown = chain.events.iter().filter(|event| matches!(event, Event::UnknownEvent { .. })).count();
    assert_eq!(unknown, 3);
    assert_eq!(inbound::applied(&chain.world.state).event_nonce, 3);
}

#[test]
fn an_installed_set_counts_from_then_on_and_older_ones_are_dropped() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let set = state::stored_set(&chain.world.state, 1).unwrap();
    let salt = state::domain(&chain.world.state).unwrap().salt;
    let set_hash = set.set().hash(&salt, 1, set.created_at);
    assert!(booking::wanted_hash(&chain.world.state, OutboundKind::Valset, 1).is_some());
    far.report(BaseEvent::SetInstalled { nonce: 1, set_hash, submitter: Address([1; 20]) });
    chain.follow(&mut far);
    assert_eq!(inbound::applied(&chain.world.state).set, 1);
    assert!(booking::wanted_hash(&chain.world.state, OutboundKind::Valset, 1).is_none(), "it is there");
    chain.block(1);
    assert!(diem_bridge::setup::constructor(&chain.world.state).is_some(), "set 0 is one of its arguments");
    let kept = |chain: &Chain<'_>| [1, 2, 3].map(|nonce| state::stored_set(&chain.world.state, nonce).is_some());
    for _ in 0..2 {
        chain.block(600_000);
    }
    let set = state::stored_set(&chain.world.state, 2).unwrap();
    let set_hash = set.set().hash(&salt, 2, set.created_at);
    far.report(BaseEvent::SetInstalled { nonce: 2, set_hash, submitter: Address([1; 20]) });
    chain.follow(&mut far);
    chain.block(1);
    assert_eq!(kept(&chain), [false, true, true]);
}

#[test]
fn an_action_that_was_executed_is_signed_no_more_and_neither_is_an_earlier_one() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    for guardian in [1, 2, 3] {
        let action = AdminAction::SetGuardian { guardian: Address([guardian; 20]) };
        chain.call(AUTHORITY, |ctx| admin::issue(ctx, action)).unwrap();
    }
    let statement = chain.statement(1, OutboundKind::Admin, 1);
    assert_eq!(chain.apply(vec![statement]), 1);
    let mut far = FarSide::of(&chain);
    let struct_hash = admin::action(&chain.world.state, 2).unwrap().struct_hash();
    far.report(BaseEvent::AdminExecuted { admin_nonce: 2, struct_hash });
    far.report(BaseEvent::GuardianChanged { guardian: Address([2; 20]) });
    chain.follow(&mut far);
    let wanted = [1, 2, 3].map(|nonce| booking::wanted_hash(&chain.world.state, OutboundKind::Admin, nonce).is_some());
    assert_eq!(wanted, [false, false, true]);
    assert_eq!(inbound::applied(&chain.world.state).guardian, Address([2; 20]));
}

#[test]
fn nothing_is_sealed_while_base_is_paused_or_closed() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let mut far = FarSide::of(&chain);
    let now = |chain: &Chain<'_>| chain.world.now.time;
    let status = |paused_until, pause_nonce| BaseEvent::StatusChanged { paused_until, pause_nonce };
    far.report(status(UNTIL_UNPAUSE, 1));
    chain.follow(&mut far);
    assert_eq!(closed(&chain.world.state, now(&chain)), Some(NotSealing::Paused { until: UNTIL_UNPAUSE }));
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(3_000);
    chain.block(1);
    assert_eq!(chain.issued().batches, 0);
    // An Unpause names the pause that this chain has seen.
    chain.call(AUTHORITY, |ctx| admin::issue(ctx, AdminAction::Unpause)).unwrap();
    let preimage = admin::action(&chain.world.state, 1).unwrap();
    assert_eq!(preimage, AdminAction::Unpause.issue(1, 1));
    far.report(BaseEvent::AdminExecuted { admin_nonce: 1, struct_hash: preimage.struct_hash() });
    far.report(status(0, 2));
    far.report(BaseEvent::LimitsChanged { mint_capacity: Amount::ZERO, share_bps: 1_000, at: far.now });
    chain.follow(&mut far);
    assert_eq!(closed(&chain.world.state, now(&chain)), Some(NotSealing::ClosedOnBase));
    // A rise counts two days later, by the clock of either side.
    let at = far.now + 172_800;
    far.report(BaseEvent::LimitsChanged { mint_capacity: cents(100_000), share_bps: 1_000, at });
    chain.follow(&mut far);
    assert_eq!(closed(&chain.world.state, now(&chain)), Some(NotSealing::ClosedOnBase));
    chain.block(172_800_000);
    assert_eq!(closed(&chain.world.state, now(&chain)), None);
    chain.block(1);
    assert_eq!(chain.issued().batches, 1);
    // The guardian's pause ends by itself.
    far.report(status(now(&chain).millis() / 1_000 + 100, 3));
    chain.follow(&mut far);
    assert!(matches!(closed(&chain.world.state, now(&chain)), Some(NotSealing::Paused { .. })));
    chain.block(101_000);
    assert_eq!(closed(&chain.world.state, now(&chain)), None);
}

#[test]
fn what_this_chain_never_issued_is_a_breach_and_closes_nothing() {
    let base = empty();
    let struct_hash = [3; 32];
    let zero = Amount::ZERO;
    let executed = |batch_nonce, struct_hash, minted, fee, queued| BaseEvent::BatchExecuted {
        batch_nonce,
        struct_hash,
        relayer: Address([1; 20]),
        minted,
        fee,
        queued,
    };
    let genuine = |chain: &Chain<'_>| diem_bridge::sealing::batch(&chain.world.state, 1).unwrap().struct_hash();
    let (hash, other_totals) = {
        let mut chain = Chain::ready(&base);
        chain.sealed(ALICE, cents(100), cents(1));
        (genuine(&chain), cents(100))
    };
    for event in [
        executed(2, struct_hash, zero, zero, zero),
        // A batch replaced under its own nonce, with the same totals.
        executed(1, struct_hash, cents(100), cents(1), zero),
        executed(1, hash, other_totals, zero, zero),
        BaseEvent::Queued { queue_id: 1, batch_nonce: 1, index: 0, amount: cents(100), ready_at: 1 },
        BaseEvent::Released { queue_id: 1, amount: zero },
        BaseEvent::Cancelled { queue_id: 1, amount: cents(1) },
        BaseEvent::SetInstalled { nonce: 1, set_hash: [1; 32], submitter: Address([1; 20]) },
        BaseEvent::SetInstalled { nonce: 9, set_hash: [1; 32], submitter: Address([1; 20]) },
        BaseEvent::SetProposed { nonce: 9, set_hash: [1; 32], install_at: 1 },
        BaseEvent::AdminExecuted { admin_nonce: 1, struct_hash },
        BaseEvent::Veto { what: VetoOf::Item, id: 4, until: 0 },
        BaseEvent::Veto { what: VetoOf::Set, id: 4, until: 0 },
    ] {
        let mut chain = Chain::ready(&base);
        chain.sealed(ALICE, cents(100), cents(1));
        let mut far = FarSide::of(&chain);
        if let BaseEvent::BatchExecuted { minted, fee, .. } = event {
            far.supply = minted.saturating_add(fee);
        }
        far.report(event);
        chain.follow(&mut far);
        assert!(halted(&chain), "{event:?}");
        assert!(state::open_batch(&chain.world.state, 1).is_some(), "{event:?}");
        assert_eq!(inbound::applied(&chain.world.state).event_nonce, 1);
        assert_eq!(inbound::applied(&chain.world.state).set, 0);
        assert_eq!(chain.completed(), None);
        assert!(chain.world.state.get(&[7, 26]).is_some());
        assert_eq!(refusal(chain.call(ALICE, |ctx| admin::issue(ctx, AdminAction::Unpause))), "not_authority");
    }
}
