//! Close, open, settle, pay: each exactly once.

use diem_bank::Pool;
use diem_core::{Amount, Denom};
use diem_credits::{Event, Msg, vouchers::Verdict};
use diem_overlay::{Empty, Overlay};

use crate::world::*;

fn closed(events: &[Event]) -> Vec<u64> {
    events.iter().filter_map(|event| if let Event::DayClosed { day, .. } = event { Some(*day) } else { None }).collect()
}

fn settled(events: &[Event]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|event| if let Event::DaySettled { day, .. } = event { Some(*day) } else { None })
        .collect()
}

/// Everybody together owns 1,000 DIEM, alice has 800 of them staked since the day began.
fn eight_hundred_of_a_thousand() -> World {
    let mut world = World::unfunded();
    let genesis = diem_credits::Genesis { stakes: vec![staked(1, whole(800))], ..genesis() };
    for number in [11, 12, 13] {
        let vvv = whole(100_000);
        diem_bank::mint(world.state(), diem_core::ModuleId::BANK, &who(number), Denom::Vvv, vvv).unwrap();
    }
    diem_bank::mint(world.state(), diem_core::ModuleId::BANK, &alice(), Denom::Diem, whole(1_000)).unwrap();
    world.start(&genesis).unwrap();
    world
}

#[test]
fn rent_100_supply_1000_staked_800_p_consumed_300_q_100() {
    let mut world = eight_hundred_of_a_thousand();
    world.add_rent(whole(100));
    world.block_at(HOUR).run(alice(), spend(pia(), FIRST, whole(300)));
    world.run(alice(), spend(quin(), FIRST, whole(100)));
    let (p, q) = (world.balance(pia(), Denom::Vvv), world.balance(quin(), Denom::Vvv));
    world.midnight(1).block_at(DAY + 3 * HOUR);
    let got = |world: &World, who, before: Amount| world.balance(who, Denom::Vvv).checked_sub(before).unwrap();
    assert_eq!((got(&world, pia(), p), got(&world, quin(), q)), (whole(30), whole(10)));
    assert_eq!(world.pool(Pool::Treasury, Denom::Vvv), whole(60));
    let day = world.day(0);
    assert_eq!(day.utilisation_bps, 5_000);
    assert_eq!((day.record.allowance, day.record.supply, day.record.base), (whole(800), whole(1_000), whole(1_000)));
    assert_eq!((day.record.consumed, day.record.counted, day.record.paid), (whole(400), whole(400), whole(40)));
    assert_eq!(world.pool(Pool::Payouts, Denom::Vvv), Amount::ZERO);
}

#[test]
fn a_day_closes_once_and_settles_once_after_the_grace() {
    let mut world = World::new();
    assert!(closed(&world.block_at(DAY - 1).events).is_empty());
    assert_eq!(closed(&world.block_at(DAY).events), [FIRST]);
    assert!(closed(&world.block_at(DAY + 1).events).is_empty());
    assert!(settled(&world.block_at(DAY + 2 * HOUR).events).is_empty(), "the grace counts from the closing block");
    assert_eq!(settled(&world.block_at(DAY + 2 * HOUR + 1).events), [FIRST]);
    for hour in 3..24 {
        world.block_at(DAY + hour * HOUR);
        assert!(closed(&world.events).is_empty() && settled(&world.events).is_empty());
    }
}

#[test]
fn a_halt_of_three_days_skips_them_and_settles_every_day_once() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    world.run(alice(), allocate(pia(), whole(60)));
    world.add_rent(whole(50));
    // Vouchers of the first day are outstanding when the chain stands still.
    let (mut closes, mut settles) = (Vec::new(), Vec::new());
    let times = [4 * DAY, 4 * DAY + 1_000, 4 * DAY + 2 * HOUR, 4 * DAY + 2 * HOUR + 1, 5 * DAY, 5 * DAY + 3 * HOUR];
    for time in times {
        world.block_at(time);
        closes.extend(closed(&world.events));
        settles.extend(settled(&world.events));
        if time == 4 * DAY + 2 * HOUR {
            let outcomes = world.settle(pia(), vec![signed(1, pia(), FIRST, whole(60))]);
            assert_eq!((outcomes[0].verdict, outcomes[0].paid), (Verdict::Paid, whole(60)));
        }
    }
    assert_eq!((closes, settles), (vec![FIRST, FIRST + 4], vec![FIRST, FIRST + 4]));
    assert_eq!(world.record(0).counted, whole(60));
    assert!(diem_credits::query::day(&world.ctx(), FIRST + 2).is_err(), "no such day");
}

#[test]
fn a_day_does_not_open_while_a_closed_one_is_in_its_grace() {
    let mut world = World::new();
    world.midnight(1);
    // Day 1 is closed late on day 4; its grace reaches into day 5.
    world.block_at(4 * DAY + 23 * HOUR).run(alice(), stake_diem(whole(10)));
    assert_eq!(world.today().open_day.day, FIRST + 4);
    world.block_at(5 * DAY + HOUR / 2);
    assert_eq!(world.today().open_day.day, FIRST + 4);
    world.run(alice(), spend(pia(), FIRST + 4, whole(1)));
    world.refuses(alice(), spend(pia(), FIRST + 5, whole(1)), "not_today");
    world.block_at(5 * DAY + HOUR + 1);
    assert_eq!((settled(&world.events), closed(&world.events)), (vec![FIRST + 1], vec![FIRST + 4]));
    assert_eq!(world.today().open_day.day, FIRST + 5);
}

#[test]
fn the_previous_day_is_the_last_one_that_had_blocks() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), spend(pia(), FIRST, whole(3)));
    world.midnight(9);
    let account = world.account(alice());
    assert_eq!((account.previous.day, account.previous.spent, account.today.day), (FIRST, whole(3), FIRST + 9));
}

#[test]
fn the_base_counts_idle_diem_by_the_time_that_it_was_idle() {
    let mut world = eight_hundred_of_a_thousand();
    // 200 idle for a quarter of the day, then 100 more staked: 100 idle for the rest.
    world.block_at(DAY / 4).run(alice(), stake_diem(whole(100)));
    world.block_at(DAY);
    assert_eq!(world.record(0).base, whole(900 + 200 / 4 + 100 * 3 / 4).min(whole(1_000)));
}

#[test]
fn the_base_is_at_most_the_supply_at_the_close() {
    let mut world = eight_hundred_of_a_thousand();
    // 200 burned just before the close: the average says they were there all day, the supply says they are not.
    world.block_at(DAY - 1_000).burn(alice(), whole(200));
    world.block_at(DAY);
    assert_eq!((world.record(0).supply, world.record(0).base), (whole(800), whole(800)));
}

#[test]
fn diem_minted_just_before_the_close_moves_next_to_nothing() {
    let mut world = eight_hundred_of_a_thousand();
    world.block_at(DAY - 1_000).mint(bob(), whole(86_400));
    world.block_at(DAY);
    assert_eq!(world.record(0).base, whole(1_001), "86,400 for a second of 86,400");
}

#[test]
fn minting_and_burning_within_one_block_weighs_nothing() {
    let mut world = eight_hundred_of_a_thousand();
    world.block_at(HOUR).mint(bob(), whole(1_000_000));
    world.burn(bob(), whole(1_000_000));
    world.block_at(DAY);
    assert_eq!(world.record(0).base, whole(1_000));
}

#[test]
fn the_average_rounds_up() {
    let mut world = eight_hundred_of_a_thousand();
    world.block_at(DAY - 1).mint(bob(), Amount::new(1));
    world.block_at(DAY);
    assert_eq!(world.record(0).base, Amount::new(whole(1_000).get() + 1));
}

#[test]
fn without_diem_all_rent_goes_to_the_treasury() {
    let mut world = World::with(&genesis(), 0);
    world.add_rent(whole(5));
    world.midnight(1).block_at(DAY + 3 * HOUR);
    assert_eq!(world.record(0).base, Amount::ZERO);
    assert_eq!(world.pool(Pool::Treasury, Denom::Vvv), whole(5));
}

#[test]
fn without_diem_stakers_get_no_part_of_the_rent() {
    let mut world = World::with(&genesis(), 0);
    diem_credits::params::set_params(world.state(), &diem_credits::Params { stakers_bps: 2_500, ..params() }).unwrap();
    world.add_rent(whole(8));
    world.midnight(1).block_at(DAY + 3 * HOUR);
    assert_eq!((world.record(0).treasury, world.record(0).stakers), (whole(8), Amount::ZERO));
    assert_eq!(world.pool(Pool::Fees, Denom::Vvv), Amount::ZERO);
}

#[test]
fn a_part_of_what_no_provider_earned_can_go_to_stakers() {
    let mut world = World::new();
    world.state();
    diem_credits::params::set_params(world.state(), &diem_credits::Params { stakers_bps: 2_500, ..params() }).unwrap();
    world.add_rent(whole(8));
    world.midnight(1).block_at(DAY + 3 * HOUR);
    assert_eq!(world.pool(Pool::Fees, Denom::Vvv), whole(2));
    assert_eq!(world.pool(Pool::Treasury, Denom::Vvv), whole(6));
}

#[test]
fn rent_of_the_grace_belongs_to_the_next_day() {
    let mut world = eight_hundred_of_a_thousand();
    world.add_rent(whole(100));
    world.midnight(1).add_rent(whole(7));
    world.block_at(DAY + 3 * HOUR);
    world.midnight(2);
    assert_eq!((world.record(0).rent, world.record(1).rent), (whole(100), whole(7)));
}

#[test]
fn dust_of_payouts_joins_the_next_rent() {
    let mut world = eight_hundred_of_a_thousand();
    world.add_rent(Amount::new(1_000));
    // A base of 1,000 with 1.5 consumed at two providers each: 1.5 avvv each, 3 in the pot.
    world.block_at(HOUR);
    for provider in [pia(), quin()] {
        world.run(alice(), spend(provider, FIRST, amount("1.5")));
    }
    world.midnight(1).block_at(DAY + 3 * HOUR);
    let record = world.record(0);
    assert_eq!((record.pot.get(), record.paid.get(), record.treasury.get()), (3, 2, 997));
    assert_eq!(world.pool(Pool::Rent, Denom::Vvv), Amount::new(1));
}

#[test]
fn payouts_are_paid_a_limit_a_block_and_only_once() {
    let mut world = eight_hundred_of_a_thousand();
    world.add_rent(whole(100));
    world.block_at(HOUR);
    for provider in [pia(), quin(), rita()] {
        world.run(alice(), spend(provider, FIRST, whole(100)));
    }
    world.midnight(1).block_with(DAY + 3 * HOUR, 0);
    assert_eq!(world.record(0).pot, whole(20));
    let mut paid = Vec::new();
    for block in 1..6 {
        world.block_with(DAY + 3 * HOUR + block, 1);
        let payments = world.events.iter().filter(|event| matches!(event, Event::ProviderPaid { .. }));
        paid.push((payments.count(), world.record(0).paid));
    }
    assert_eq!(paid.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [1, 1, 1, 0, 0]);
    assert_eq!(paid.last().unwrap().1, whole(20));
}

#[test]
fn the_closing_block_repeated_gives_the_same_and_nothing_twice() {
    // A node killed in that block runs it again from the state before it.
    let mut world = eight_hundred_of_a_thousand();
    world.add_rent(whole(100));
    world.block_at(HOUR).run(alice(), spend(pia(), FIRST, whole(300)));
    let before = world.state.0.writes().clone();
    world.midnight(1);
    let once = world.record(0);
    world.state = State(Overlay::with_writes(&Empty, before));
    world.midnight(1);
    assert_eq!(world.record(0), once);
    // The same time again, as a next block of the same second would have it, closes nothing.
    world.midnight(1);
    assert_eq!(world.record(0), once);
    assert!(closed(&world.events).is_empty());
}

#[test]
fn today_says_when_the_day_ends() {
    let mut world = World::new();
    assert_eq!(world.today().closes_at.millis(), (FIRST + 1) * DAY);
    world.midnight(1);
    world.block_at(4 * DAY + 23 * HOUR);
    let today = world.today();
    assert_eq!(today.unsettled.unwrap().day, FIRST + 1);
    assert_eq!(today.settles_after.unwrap().millis(), FIRST * DAY + 5 * DAY + HOUR);
    assert_eq!(today.closes_at.millis(), FIRST * DAY + 5 * DAY + HOUR + 1, "in that moment vouchers still count");
    world.block_at(5 * DAY + HOUR);
    assert_eq!(world.today().open_day.day, FIRST + 4);
    world.block_at(5 * DAY + HOUR + 1);
    assert_eq!(world.today().open_day.day, FIRST + 5);
}

#[test]
fn a_payout_goes_to_the_address_that_the_provider_names() {
    let mut world = eight_hundred_of_a_thousand();
    world.add_rent(whole(100));
    world.block_at(HOUR).run(alice(), spend(pia(), FIRST, whole(300)));
    world.run(pia(), Msg::EditProvider { payout: Some(who(20)), endpoint: None, moniker: None });
    world.midnight(1).block_at(DAY + 3 * HOUR);
    assert_eq!(world.balance(who(20), Denom::Vvv), whole(30));
}
