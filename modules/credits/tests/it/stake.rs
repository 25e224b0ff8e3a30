//! DIEM in and out of stake, and the credit that it gives.

use diem_bank::Bank;
use diem_core::{Amount, Denom, GenesisContext, Module as _, Page, Time};
use diem_credits::{Credits, Msg, query};

use crate::world::*;

#[test]
fn staked_diem_gives_credit_at_once() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(80)));
    let account = world.account(alice());
    assert_eq!((account.today.staked, account.today.allowance, account.free), (whole(80), whole(80), whole(80)));
    assert_eq!(world.balance(alice(), Denom::Diem), whole(920));
    assert_eq!(world.today().open_day.allowance, whole(80));
}

#[test]
fn a_day_opens_with_what_is_staked_and_forgets_what_was_left() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(80)));
    world.run(alice(), spend(pia(), FIRST, whole(30)));
    world.midnight(1);
    let account = world.account(alice());
    assert_eq!((account.today.allowance, account.today.spent, account.free), (whole(80), Amount::ZERO, whole(80)));
    assert_eq!((account.previous.allowance, account.previous.spent), (whole(80), whole(30)));
}

#[test]
fn unstaking_leaves_todays_credit_and_takes_tomorrows() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(80)));
    world.run(alice(), unstake_diem(whole(30)));
    assert_eq!(world.account(alice()).free, whole(80));
    assert_eq!(world.account(alice()).tomorrow, whole(50));
    world.midnight(1);
    assert_eq!(world.account(alice()).free, whole(50));
    assert_eq!(world.balance(alice(), Denom::Diem), whole(920), "the cooldown is not over");
    world.block_at(DAY + HOUR);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(950), "paid by itself");
    assert_eq!(query::positions(&world.ctx(), &alice(), &Page::largest(None)), [(alice(), whole(50))]);
    assert_eq!(query::tranches(&world.ctx(), &alice()), []);
}

#[test]
fn a_tranche_shows_when_it_is_paid() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(80)));
    world.run(alice(), unstake_diem(whole(30)));
    let [(id, tranche)] = &query::tranches(&world.ctx(), &alice())[..] else { panic!() };
    assert_eq!((*id, tranche.amount, tranche.due.millis()), (0, whole(30), world.time + DAY));
}

#[test]
fn a_tranche_brought_back_on_its_own_day_adds_nothing_to_that_day() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(80)));
    world.run(alice(), unstake_diem(whole(80)));
    world.run(alice(), Msg::CancelUnstake { tranche: 0 });
    assert_eq!(world.account(alice()).free, whole(80));
    assert_eq!(world.account(alice()).tomorrow, whole(80));
}

#[test]
fn a_tranche_brought_back_a_day_later_adds_to_that_day() {
    let mut world = World::new();
    world.block_at(23 * HOUR).run(alice(), stake_diem(whole(80)));
    world.run(alice(), unstake_diem(whole(30)));
    world.midnight(1);
    assert_eq!(world.account(alice()).free, whole(50));
    world.run(alice(), Msg::CancelUnstake { tranche: 0 });
    assert_eq!(world.account(alice()).free, whole(80));
    world.midnight(2);
    assert_eq!(world.account(alice()).free, whole(80));
}

#[test]
fn the_same_diem_cannot_be_sold_and_staked_again_on_the_same_day() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(1_000)));
    world.run(alice(), unstake_diem(whole(1_000)));
    world.block_at(23 * HOUR);
    assert_eq!(world.balance(alice(), Denom::Diem), Amount::ZERO);
    world.refuses(alice(), stake_diem(whole(1)), "insufficient_funds");
}

#[test]
fn a_tranche_outlasts_its_day_even_when_a_late_settlement_keeps_that_day_open() {
    let mut world = World::new();
    // The chain stands still from day 1 until late on day 4. Day 1 closes there, so day 4 goes on into day 5.
    world.midnight(1);
    world.block_at(4 * DAY + 23 * HOUR);
    assert_eq!(world.today().open_day.day, FIRST + 4);
    world.run(alice(), stake_diem(whole(10)));
    world.run(alice(), unstake_diem(whole(10)));
    world.block_at(5 * DAY + HOUR / 2);
    assert_eq!(world.today().open_day.day, FIRST + 4, "day 1 is still unsettled");
    assert_eq!((world.account(alice()).free, world.balance(alice(), Denom::Diem)), (whole(10), whole(990)));
    world.block_at(5 * DAY + 23 * HOUR);
    assert_eq!(world.today().open_day.day, FIRST + 5);
    assert_eq!((world.account(alice()).free, world.balance(alice(), Denom::Diem)), (Amount::ZERO, whole(1_000)));
}

#[test]
fn credit_goes_to_the_beneficiary_and_the_diem_back_to_the_staker() {
    let mut world = World::new();
    let for_bob = Some(bob());
    world.block_at(HOUR).run(alice(), Msg::StakeDiem { amount: whole(10), beneficiary: for_bob });
    assert_eq!(world.account(bob()).free, whole(10));
    assert_eq!(world.account(alice()).free, Amount::ZERO);
    world.refuses(bob(), unstake_diem(whole(10)), "no_position");
    world.refuses(bob(), Msg::UnstakeDiem { amount: whole(10), beneficiary: for_bob }, "no_position");
    world.run(alice(), Msg::UnstakeDiem { amount: whole(10), beneficiary: for_bob });
    world.refuses(bob(), Msg::CancelUnstake { tranche: 0 }, "no_tranche");
    world.block_at(2 * DAY);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(1_000));
    assert_eq!(world.account(bob()).free, Amount::ZERO);
}

#[test]
fn what_cannot_be_staked_or_unstaked_is_refused() {
    let mut world = World::new();
    world.block_at(HOUR);
    world.refuses(alice(), stake_diem(Amount::ZERO), "zero_amount");
    world.refuses(alice(), stake_diem(whole(1_001)), "insufficient_funds");
    let nobody = Some(diem_core::Address::ZERO);
    world.refuses(alice(), Msg::StakeDiem { amount: whole(1), beneficiary: nobody }, "zero_address");
    world.refuses(alice(), unstake_diem(whole(1)), "no_position");
    world.run(alice(), stake_diem(whole(1)));
    world.refuses(alice(), unstake_diem(Amount::ZERO), "zero_amount");
    world.refuses(alice(), unstake_diem(whole(2)), "more_than_staked");
    world.refuses(alice(), unstake_diem(amount("0.009")), "dust");
    world.refuses(alice(), unstake_diem(amount("0.995")), "would_leave_dust");
    world.run(alice(), unstake_diem(amount("0.99")));
    world.run(alice(), unstake_diem(amount("0.01")));
    world.refuses(alice(), Msg::CancelUnstake { tranche: 2 }, "no_tranche");
    world.refuses(bob(), Msg::CancelUnstake { tranche: 0 }, "no_tranche");
}

#[test]
fn no_beneficiary_is_new_enough_to_make_a_tranche_of_dust() {
    let mut world = World::new();
    world.block_at(HOUR);
    let stake_for = |number, amount| Msg::StakeDiem { amount, beneficiary: Some(who(number)) };
    for beneficiary in 1..=30 {
        world.refuses(alice(), stake_for(beneficiary, amount("0.009999999999999999")), "position_too_small");
    }
    world.run(alice(), stake_for(20, amount("0.01")));
    // Beside a stake, any amount may come, and none of it leaves alone.
    world.run(alice(), stake_for(20, amount("0.000000000000000001")));
    let of_20 = |amount| Msg::UnstakeDiem { amount, beneficiary: Some(who(20)) };
    world.refuses(alice(), of_20(amount("0.000000000000000001")), "dust");
    world.refuses(alice(), of_20(amount("0.01")), "would_leave_dust");
    world.run(alice(), of_20(amount("0.010000000000000001")));
}

fn collect(id: u64) -> Msg {
    Msg::CollectTranche { id }
}

#[test]
fn a_tranche_that_is_due_is_collected_whatever_waits_before_it() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    world.run(bob(), stake_diem(whole(100)));
    for _ in 0..5 {
        world.block().run(alice(), unstake_diem(whole(1)));
    }
    world.run(bob(), unstake_diem(whole(7)));
    // Queues of this block serve nobody.
    world.block_with(3 * DAY, 0);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(900));
    world.refuses(alice(), collect(5), "no_tranche");
    world.run(bob(), collect(5));
    world.refuses(bob(), collect(5), "no_tranche");
    assert_eq!(world.balance(bob(), Denom::Diem), whole(907));
    world.block_with(3 * DAY + HOUR, 1_000);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(905));
    assert_eq!(world.balance(bob(), Denom::Diem), whole(907), "it is paid once");
}

#[test]
fn a_tranche_of_today_and_one_that_cools_down_are_not_collected() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), unstake_diem(whole(5)));
    world.refuses(alice(), collect(0), "not_due");
    world.block_with(DAY + HOUR / 2, 0).refuses(alice(), collect(0), "not_due");
    // An import may say that one of today is past its date: it still backs the credit of today.
    let mut genesis = Credits::export_genesis(&world.state.0);
    let rows = genesis.rows.as_mut().unwrap();
    (rows.tranches[0].1.day, rows.tranches[0].1.due) = (rows.open_day.day, Time(world.time));
    let balances = Bank::export_genesis(&world.state.0);
    let mut world = World { time: world.time, ..World::unfunded() };
    let mut ctx = GenesisContext { state: &mut world.state.0, time: Time(world.time) };
    Bank::init_genesis(&mut ctx, &balances).unwrap();
    world.start(&genesis).unwrap();
    world.refuses(alice(), collect(0), "not_due");
    world.midnight(2);
    assert_eq!(world.balance(alice(), Denom::Diem), whole(995), "the queue pays it on the next day");
}

#[test]
fn an_account_has_at_most_32_tranches() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    for _ in 0..32 {
        world.run(alice(), unstake_diem(whole(1)));
    }
    world.refuses(alice(), unstake_diem(whole(1)), "too_many_tranches");
    world.run(alice(), Msg::CancelUnstake { tranche: 7 });
    world.run(alice(), unstake_diem(whole(1)));
    world.refuses(alice(), Msg::CancelUnstake { tranche: 7 }, "no_tranche");
}

#[test]
fn matured_tranches_are_paid_a_limit_a_block_in_the_order_of_their_dates() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    for _ in 0..5 {
        world.block().run(alice(), unstake_diem(whole(1)));
    }
    for paid in [2, 4, 5, 5] {
        world.block_with(3 * DAY + paid, 2);
        assert_eq!(world.balance(alice(), Denom::Diem), whole(900 + u128::from(paid)));
    }
}
