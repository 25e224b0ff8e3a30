//! What a block's emission and fees become, one sentence at a time.

use borsh::BorshDeserialize as _;
use diem_bank::{Pool, supply};
use diem_core::{Amount, BlockInfo, Denom, GenesisContext, Module as _, QueryContext, StateRead as _, Time};
use diem_emissions::{
    Emission, Emissions, Error, Event, Genesis, Params, Progress, RentPool, Schedule, Segment, change_schedule,
    progress, query, set_params,
};
use diem_overlay::Overlay;

use crate::chain::{ADA, BOB, Chain, GENESIS, NORTH, SOUTH, Start, after, empty, flat, whole};

/// One whole unit in base units: 10^18.
const ONE: u128 = Amount::ONE.get();
/// A schedule that makes 1 VVV a second.
const ONE_A_SECOND: u128 = 31_536_000;

/// NORTH alone validates, for this commission; half of all stake is Ada's, and locked.
fn half_locked(commission: u16) -> Start {
    let mut start = Start::emitting(flat(whole(ONE_A_SECOND)));
    start.validators = vec![(NORTH, commission, whole(1_000))];
    start.stakes = vec![(ADA, NORTH, whole(1_000))];
    start
}

fn lock_ada(chain: &mut Chain<'_>) {
    chain.lock(ADA, NORTH, whole(1_000));
}

fn commission(chain: &Chain<'_>) -> Amount {
    diem_staking::validator(&chain.state, &NORTH).unwrap().commission_due
}

#[test]
fn locked_stake_pays_a_fifth_into_the_rent_pool() {
    let base = empty();
    let mut chain = Chain::new(&base, &half_locked(0));
    lock_ada(&mut chain);
    let events = chain.block(after(1_000));
    assert_eq!(chain.pending(NORTH, NORTH).get(), ONE / 2);
    assert_eq!(chain.pending(ADA, NORTH).get(), ONE * 4 / 10);
    assert_eq!(chain.pool(Pool::Rent).get(), ONE / 10);
    assert_eq!(chain.pool(Pool::Rewards).get(), ONE * 9 / 10);
    let expected = Event::Shared { emitted: Amount::ONE, fees: Amount::ZERO, rent: Amount::new(ONE / 10) };
    assert_eq!((events[0], Event::try_from_slice(&events[1..]).unwrap()), (Emissions::ID.0, expected));
}

#[test]
fn the_commission_comes_after_the_protocol_fee() {
    let base = empty();
    let mut chain = Chain::new(&base, &half_locked(1_000));
    lock_ada(&mut chain);
    chain.block(after(1_000));
    assert_eq!(chain.pool(Pool::Rent).get(), ONE / 10);
    assert_eq!(commission(&chain).get(), ONE * 9 / 100);
    assert_eq!(chain.pending(NORTH, NORTH).get(), ONE * 45 / 100);
    assert_eq!(chain.pending(ADA, NORTH).get(), ONE * 36 / 100);
}

#[test]
fn a_full_commission_does_not_evade_the_fee() {
    let base = empty();
    let mut chain = Chain::new(&base, &half_locked(10_000));
    lock_ada(&mut chain);
    chain.block(after(1_000));
    assert_eq!(chain.pool(Pool::Rent).get(), ONE / 10);
    assert_eq!(commission(&chain).get(), ONE * 9 / 10);
}

#[test]
fn transaction_fees_are_shared_without_a_protocol_fee() {
    let base = empty();
    let mut start = half_locked(0);
    start.emissions.schedule = flat(Amount::ZERO);
    start.purses = vec![(BOB, whole(5))];
    let mut chain = Chain::new(&base, &start);
    lock_ada(&mut chain);
    chain.pay_fees(BOB, whole(3));
    let events = chain.block(after(1_000));
    assert_eq!(chain.pending(NORTH, NORTH).get(), ONE * 3 / 2);
    assert_eq!(chain.pending(ADA, NORTH).get(), ONE * 3 / 2, "locked or not");
    assert_eq!([Pool::Fees, Pool::Rent].map(|pool| chain.pool(pool)), [Amount::ZERO; 2]);
    assert_eq!((progress(&chain.state).fees, progress(&chain.state).emitted), (whole(3), Amount::ZERO));
    let expected = Event::Shared { emitted: Amount::ZERO, fees: whole(3), rent: Amount::ZERO };
    assert_eq!(Event::try_from_slice(&events[1..]).unwrap(), expected);
    assert!(chain.block(after(2_000)).is_empty(), "nothing to share, nothing to report");
}

#[test]
fn what_is_left_of_fees_joins_the_next_emission() {
    let base = empty();
    let mut start = Start::emitting(flat(Amount::ZERO));
    start.validators = vec![(NORTH, 0, whole(1_000)), (SOUTH, 0, whole(2_000))];
    start.purses = vec![(BOB, whole(1))];
    let mut chain = Chain::new(&base, &start);
    chain.pay_fees(BOB, Amount::new(8));
    chain.block(after(1_000));
    // floor(8/3) + floor(16/3) = 7.
    assert_eq!(progress(&chain.state).carry.get(), 1);
    chain.pay_fees(BOB, Amount::new(1));
    chain.block(after(2_000));
    // The carried one is shared by itself, before the new fee: neither can be divided.
    assert_eq!(progress(&chain.state).carry.get(), 2);
    assert_eq!(chain.pool(Pool::Rewards).get(), 9);
}

#[test]
fn what_divisions_leave_joins_the_next_blocks_emission() {
    let base = empty();
    // 10 avvv a second over 7 tokens of three stakers.
    let mut start = Start::emitting(flat(Amount::new(10 * ONE_A_SECOND)));
    start.validators = vec![(NORTH, 0, whole(1_000)), (SOUTH, 0, whole(2_000))];
    let mut chain = Chain::new(&base, &start);
    chain.block(after(1_000));
    // floor(10/3) + floor(20/3) = 9: one is left.
    assert_eq!(progress(&chain.state).carry.get(), 1);
    assert_eq!((chain.pending(NORTH, NORTH).get(), chain.pending(SOUTH, SOUTH).get()), (3, 6));
    chain.block(after(2_000));
    // 11: floor(11/3) + floor(22/3) = 10.
    assert_eq!(progress(&chain.state).carry.get(), 1);
    assert_eq!((chain.pending(NORTH, NORTH).get(), chain.pending(SOUTH, SOUTH).get()), (6, 13));
    chain.block(after(2_100));
    // 1 more with the carried one: 2 = 0 + 1 + 1 left.
    assert_eq!(progress(&chain.state).carry.get(), 1);
    assert_eq!(progress(&chain.state).emitted.get(), 21);
    assert_eq!(chain.pool(Pool::Rewards).get(), 21);
}

#[test]
fn while_nobody_validates_the_emission_waits() {
    let base = empty();
    let mut chain = Chain::new(&base, &Start::emitting(flat(whole(ONE_A_SECOND))));
    chain.block(after(1_000));
    chain.block(after(3_500));
    assert_eq!(progress(&chain.state).carry.get(), ONE * 35 / 10);
    assert_eq!(chain.pool(Pool::Rewards).get(), ONE * 35 / 10);
    assert_eq!(supply(&chain.state, Denom::Vvv).get(), ONE * 35 / 10);
}

#[test]
fn a_halt_is_emitted_for_and_blocks_of_one_moment_emit_nothing() {
    let base = empty();
    let mut chain = Chain::new(&base, &half_locked(0));
    assert!(chain.block(GENESIS).is_empty(), "the first block is of the genesis time");
    chain.block(after(1_000));
    let three_days = after(1_000 + 3 * 86_400_000);
    chain.block(three_days);
    assert_eq!(progress(&chain.state).emitted, whole(1 + 3 * 86_400));
    assert!(chain.block(three_days).is_empty());
    assert_eq!(progress(&chain.state).emitted, whole(1 + 3 * 86_400));
}

#[test]
fn a_schedule_of_before_genesis_counts_from_genesis() {
    let base = empty();
    let per_year = whole(ONE_A_SECOND);
    let old = Segment { from: Time(5), per_year: Amount::MAX.min(whole(7)) };
    let current = Segment { from: Time(6), per_year };
    let later = Segment { from: after(2_000), per_year: Amount::ZERO };
    let mut chain = Chain::new(&base, &Start::emitting(vec![old, current, later]));
    assert_eq!(query::schedule(&at(&chain, GENESIS)), [Segment { from: GENESIS, per_year }, later]);
    chain.block(after(9_000));
    assert_eq!(progress(&chain.state).emitted, whole(2));
}

#[test]
fn a_changed_schedule_and_fee_count_from_then_on() {
    let base = empty();
    let mut chain = Chain::new(&base, &half_locked(0));
    lock_ada(&mut chain);
    chain.block(after(1_000));
    let double = Segment { from: after(2_000), per_year: whole(2 * ONE_A_SECOND) };
    assert_eq!(
        change_schedule(&mut chain.state, Segment { from: after(1_000), ..double }),
        Err(Error::Past { from: after(1_000), now: after(1_000) })
    );
    change_schedule(&mut chain.state, double).unwrap();
    set_params(&mut chain.state, &Params { fee_bps: 0 }).unwrap();
    chain.block(after(3_000));
    assert_eq!(progress(&chain.state).emitted, whole(1 + 1 + 2));
    assert_eq!(chain.pool(Pool::Rent).get(), ONE / 10, "no fee since");
    assert_eq!(set_params(&mut chain.state, &Params { fee_bps: 5_001 }), Err(Error::Fee(5_001)));
}

fn at<'a>(chain: &'a Chain<'_>, time: Time) -> QueryContext<'a> {
    QueryContext { state: &chain.state, block: BlockInfo { height: 1, time } }
}

#[test]
fn queries_say_what_is_emitted_now_and_what_waits_as_rent() {
    let base = empty();
    let mut start = half_locked(0);
    let next = Segment { from: after(5_000), per_year: Amount::ZERO };
    start.emissions.schedule.push(next);
    let mut chain = Chain::new(&base, &start);
    lock_ada(&mut chain);
    chain.block(after(1_000));
    let expected = Emission {
        per_year: whole(ONE_A_SECOND),
        per_second: Amount::ONE,
        next: Some(next),
        emitted: Amount::ONE,
        fees: Amount::ZERO,
        rent: Amount::new(ONE / 10),
        fee_bps: 2_000,
    };
    assert_eq!(query::emission(&at(&chain, after(1_000))), expected);
    assert_eq!(query::rent_pool(&at(&chain, after(1_000))), RentPool { rent: Amount::new(ONE / 10) });
    let later = query::emission(&at(&chain, after(5_000)));
    assert_eq!((later.per_second, later.next), (Amount::ZERO, None));
}

#[test]
fn an_export_goes_on_where_the_chain_stood() {
    let base = empty();
    let mut chain = Chain::new(&base, &Start::emitting(flat(whole(ONE_A_SECOND))));
    chain.block(after(1_500));
    let exported = Emissions::export_genesis(&chain.state);
    let text = serde_json::to_string(&exported).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&text).unwrap(), exported);
    // The export starts a chain that holds the same pools a minute later.
    let mut state = Overlay::new(&base);
    let bank = diem_bank::Bank::export_genesis(&chain.state);
    let mut ctx = GenesisContext { state: &mut state, time: after(60_000) };
    diem_bank::Bank::init_genesis(&mut ctx, &bank).unwrap();
    Emissions::init_genesis(&mut ctx, &exported).unwrap();
    let mut again = Chain { state };
    again.block(after(61_500));
    assert_eq!(progress(&again.state).emitted.get(), ONE * 615 / 10, "the minute between is emitted for");
    // A chain that started before its last block could not go on.
    let mut state = Overlay::new(&base);
    let mut ctx = GenesisContext { state: &mut state, time: after(1_499) };
    diem_bank::Bank::init_genesis(&mut ctx, &bank).unwrap();
    assert_eq!(Emissions::init_genesis(&mut ctx, &exported).unwrap_err().code, 8);
}

/// The same VVV pays fees again and again, so no supply bounds what was paid: a count that is full stays so.
#[test]
fn full_counts_of_fees_and_rent_stop_no_chain() {
    let base = empty();
    let mut start = half_locked(0);
    start.purses = vec![(BOB, whole(5))];
    let almost = Amount::new(u128::MAX - 1);
    start.emissions.progress =
        Some(Progress { last: GENESIS, genesis: whole(2_005), fees: almost, rent: almost, ..Progress::default() });
    let mut chain = Chain::new(&base, &start);
    lock_ada(&mut chain);
    for seconds in 1..=2 {
        chain.pay_fees(BOB, whole(2));
        chain.block(after(1_000 * seconds));
        assert_eq!((progress(&chain.state).fees, progress(&chain.state).rent), (Amount::MAX, Amount::MAX));
    }
    assert_eq!(chain.pending(NORTH, NORTH).get(), ONE * 3, "half of all that came");
    assert_eq!(chain.pool(Pool::Rent).get(), ONE * 2 / 10);
}

#[test]
fn a_genesis_that_cannot_be_is_refused() {
    let base = empty();
    let refused = |genesis: Genesis| {
        let mut state = Overlay::new(&base);
        let mut ctx = GenesisContext { state: &mut state, time: GENESIS };
        Emissions::init_genesis(&mut ctx, &genesis).unwrap_err().message
    };
    let default = Genesis::default;
    assert!(refused(Genesis { schedule: vec![], ..default() }).contains("0 segments"));
    assert!(refused(Genesis { params: Params { fee_bps: 10_000 }, ..default() }).contains("up to 5000"));
    let progress = Some(Progress { carry: Amount::new(2), ..Default::default() });
    assert!(refused(Genesis { progress, ..default() }).contains("2 avvv are carried over"));
}

/// VVV so much that a schedule could fill a count of it would stop the chain one day: with the largest rate and as long
/// as time can be counted it still fits, with what was burned and could be burned yet.
#[test]
fn a_genesis_without_room_for_what_a_schedule_can_make_is_refused() {
    let base = empty();
    let start = |vvv: u128, burned: u128, progress| {
        let mut state = Overlay::new(&base);
        diem_bank::mint(&mut state, diem_bank::Bank::ID, &BOB, Denom::Vvv, Amount::new(vvv)).unwrap();
        let genesis =
            Genesis { schedule: flat(diem_emissions::schedule::MAX_PER_YEAR), progress, ..Genesis::default() };
        let mut ctx = GenesisContext { state: &mut state, time: GENESIS };
        let rows = diem_staking::genesis::Rows { burned: Amount::new(burned), ..Default::default() };
        let staking = diem_staking::Genesis { rows: Some(rows), ..Default::default() };
        diem_staking::Staking::init_genesis(&mut ctx, &staking).unwrap();
        Emissions::init_genesis(&mut ctx, &genesis)
    };
    let made = Schedule::new(vec![Segment { from: Time(0), per_year: diem_emissions::schedule::MAX_PER_YEAR }]);
    let most = u128::MAX - made.unwrap().emitted(Time(u64::MAX)).unwrap().get();
    let emitted = |emitted| Some(Progress { emitted: Amount::new(emitted), ..Progress::default() });
    for fits in
        [(most, 0, None), (0, most, None), (most - 7, 7, None), (0, 0, emitted(most)), (7, most - 7, emitted(most))]
    {
        start(fits.0, fits.1, fits.2).unwrap();
    }
    for full in [
        (most + 1, 0, None),
        (0, most + 1, None),
        (most - 7, 8, None),
        (0, u128::MAX, emitted(0)),
        (1, u128::MAX, emitted(0)),
        (0, 0, emitted(most + 1)),
    ] {
        assert_eq!(start(full.0, full.1, full.2).unwrap_err().code, 6, "{full:?}");
    }
}

#[test]
fn the_default_makes_ten_million_a_year() {
    let genesis = Genesis::default();
    assert_eq!(genesis.schedule, Schedule::default().segments());
    assert_eq!((genesis.schedule[0].per_year, genesis.params.fee_bps), (whole(10_000_000), 2_000));
    let text = r#"{"schedule": [{"from": "2026-12-01T00:00:00Z", "per_year": "31536000"}]}"#;
    let read: Genesis = serde_json::from_str(text).unwrap();
    assert_eq!((read.schedule[0].per_second().get(), read.params), (1, Params::default()));
    assert!(serde_json::from_str::<Genesis>(r#"{"schedul": []}"#).is_err());
}

#[test]
fn a_missing_avvv_of_rewards_is_noticed() {
    let base = empty();
    let mut chain = Chain::new(&base, &half_locked(0));
    chain.block(after(1_000));
    let one = Amount::new(1);
    diem_bank::move_between_pools(&mut chain.state, Pool::Rewards, Pool::Treasury, Denom::Vvv, one).unwrap();
    let words = Emissions::check_invariants(&chain.state).unwrap_err();
    assert!(words.contains("the pool of rewards holds 0.999999999999999999 VVV, but 1 are owed"), "{words}");
    diem_bank::move_between_pools(&mut chain.state, Pool::Treasury, Pool::Rewards, Denom::Vvv, one).unwrap();
    diem_bank::mint(&mut chain.state, Emissions::ID, &ADA, Denom::Vvv, one).unwrap();
    let words = Emissions::check_invariants(&chain.state).unwrap_err();
    assert!(words.contains("but genesis and the schedule made 2001"), "{words}");
}

#[test]
fn stored_bytes_never_change() {
    let base = empty();
    let mut chain = Chain::new(&base, &Start::emitting(flat(Amount::new(2 * ONE_A_SECOND))));
    chain.block(after(1_000));
    let rows = chain.state.range(&[Emissions::ID.0], Some(&[Emissions::ID.0 + 1]), 10);
    let rows: Vec<String> =
        rows.iter().map(|(key, row)| format!("{} {}", hex::encode(key), hex::encode(row))).collect();
    let amount = |amount: u128| hex::encode(amount.to_le_bytes());
    let time = |time: Time| hex::encode(time.millis().to_le_bytes());
    let zero = amount(0);
    assert_eq!(
        rows,
        [
            "0500 d007".to_owned(),
            format!("0501 01000000{}{}", time(GENESIS), amount(2 * ONE_A_SECOND)),
            format!("0502 {}{zero}{}{zero}{zero}{}", time(after(1_000)), amount(2), amount(2)),
        ]
    );
}
