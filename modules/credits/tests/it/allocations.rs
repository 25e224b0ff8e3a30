//! Allocations, and direct spending beside them.

use diem_bank::{self as bank, Bank};
use diem_core::{Address, Amount, Denom, Module as _};
use diem_credits::{Msg, allocations::MAX_ROWS};

use crate::{genesis::exported_and_started_again, world::*};

/// The table of allocations.
const ALLOCATIONS: u8 = 6;

/// Alice with 80 DIEM staked and allocations of 60 + 60, on the day after.
fn scaled() -> World {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(80)));
    world.run(alice(), allocate(pia(), whole(60)));
    world.run(alice(), allocate(quin(), whole(60)));
    world.midnight(1);
    world
}

/// The allocations of alice today to pia and to quin.
fn allocated(world: &World) -> (Amount, Amount) {
    let allocations = world.account(alice()).allocations;
    let to = |provider| {
        allocations.iter().find(|allocation| allocation.provider == provider).map(|p| p.today.amount).unwrap()
    };
    (to(pia()), to(quin()))
}

#[test]
fn sixty_and_sixty_on_eighty_staked_are_forty_and_forty() {
    let mut world = scaled();
    assert_eq!(allocated(&world), (whole(40), whole(40)));
    assert_eq!(world.account(alice()).free, Amount::ZERO);
    world.run(alice(), stake_diem(whole(40)));
    assert_eq!(allocated(&world), (whole(40), whole(40)), "later stake does not rescale");
    assert_eq!(world.account(alice()).free, whole(40));
    world.run(alice(), allocate(pia(), whole(60)));
    assert_eq!(allocated(&world), (whole(60), whole(40)));
    assert_eq!(world.account(alice()).free, whole(20));
    world.midnight(2);
    assert_eq!(allocated(&world), (whole(60), whole(60)), "120 staked carry both in full");
}

#[test]
fn tomorrows_allocations_are_shown_scaled_before_they_are() {
    let world = scaled();
    let allocations = world.account(alice()).allocations;
    let shown: Vec<_> = allocations.iter().map(|allocation| (allocation.next, allocation.tomorrow)).collect();
    assert_eq!(shown, [(whole(60), whole(40)), (whole(60), whole(40))]);
}

#[test]
fn scaling_rounds_down_and_never_allocates_more_than_is_staked() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(1)));
    for provider in [pia(), quin(), rita()] {
        world.run(alice(), allocate(provider, whole(1)));
    }
    world.midnight(1);
    let third = amount("0.333333333333333333");
    assert!(world.account(alice()).allocations.iter().all(|allocation| allocation.today.amount == third));
    assert_eq!(world.account(alice()).free, Amount::new(1));
}

#[test]
fn a_raise_counts_today_as_far_as_free_credit_reaches() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), spend(quin(), FIRST, whole(4)));
    world.run(alice(), allocate(pia(), whole(100)));
    let account = world.account(alice());
    assert_eq!((account.allocations[0].today.amount, account.allocations[0].next), (whole(6), whole(100)));
    world.refuses(alice(), spend(quin(), FIRST, whole(1)), "insufficient_credit");
}

#[test]
fn a_cut_counts_from_tomorrow() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), allocate(pia(), whole(8)));
    world.run(alice(), allocate(pia(), whole(3)));
    assert_eq!(world.account(alice()).allocations[0].today.amount, whole(8));
    world.midnight(1);
    assert_eq!(world.account(alice()).allocations[0].today.amount, whole(3));
    world.run(alice(), allocate(pia(), Amount::ZERO));
    assert_eq!(world.account(alice()).today.allocated, whole(3));
    world.midnight(2);
    assert_eq!(world.account(alice()).today.allocated, Amount::ZERO);
    world.midnight(3);
    assert_eq!(world.account(alice()).allocations, [], "nothing of it is left");
}

#[test]
fn allocations_fill_themselves_up_on_days_when_nobody_touches_the_account() {
    let mut world = scaled();
    world.run(pia(), Msg::SettleVouchers { provider: pia(), vouchers: vec![signed(1, pia(), FIRST + 1, whole(40))] });
    world.midnight(2).midnight(3).midnight(4);
    assert_eq!(allocated(&world), (whole(40), whole(40)));
    assert_eq!(world.account(alice()).previous.allocated, whole(80));
}

#[test]
fn a_provider_that_left_frees_its_allocations_the_next_day() {
    let mut world = scaled();
    world.run(quin(), Msg::Deregister);
    assert_eq!(allocated(&world), (whole(40), whole(40)), "today it still serves");
    world.refuses(alice(), allocate(quin(), whole(70)), "provider_left");
    world.midnight(2);
    assert_eq!(allocated(&world), (whole(60), Amount::ZERO), "left out before scaling");
    assert_eq!(world.account(alice()).free, whole(20));
}

#[test]
fn a_provider_that_left_is_left_out_on_the_day_before_as_well_when_nobody_touched_the_account() {
    let mut world = scaled();
    world.run(quin(), Msg::Deregister);
    world.midnight(2).midnight(3);
    let account = world.account(alice());
    assert_eq!((account.today.allocated, account.previous.allocated), (whole(60), whole(60)));
}

#[test]
fn sixteen_providers_at_most() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    for number in 14..=30 {
        let register = Msg::RegisterProvider {
            bond: whole(1_000),
            payout: who(number),
            endpoint: "https://provider.example".into(),
            moniker: "one of many".into(),
        };
        world.run(who(number), register);
    }
    for number in 14..=29 {
        world.run(alice(), allocate(who(number), whole(1)));
    }
    world.refuses(alice(), allocate(who(30), whole(1)), "too_many_allocations");
    world.run(alice(), allocate(who(14), Amount::ZERO));
    world.refuses(alice(), allocate(who(30), whole(1)), "too_many_allocations");
    world.midnight(1);
    world.run(alice(), allocate(who(30), whole(1)));
}

/// A provider of its own for each number.
fn another_provider(world: &mut World, number: u16) -> Address {
    let mut address = [0xee; 20];
    address[..2].copy_from_slice(&number.to_be_bytes());
    let address = Address(address);
    bank::mint(world.state(), Bank::ID, &address, Denom::Vvv, whole(1_000)).unwrap();
    let (endpoint, moniker) = ("https://provider.example".into(), "one of many".into());
    world.run(address, Msg::RegisterProvider { bond: whole(1_000), payout: address, endpoint, moniker });
    address
}

#[test]
fn allocations_made_and_ended_on_one_day_leave_nothing_and_an_export_starts_again() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(1)));
    // Without free credit an allocation of today is one of nothing.
    world.run(alice(), Msg::OfferCredit { day: FIRST, amount: whole(1), price: whole(1) });
    for number in 0..260 {
        let provider = another_provider(&mut world, number);
        world.run(alice(), allocate(provider, Amount::new(1)));
        world.run(alice(), allocate(provider, Amount::ZERO));
        assert_eq!(world.account(alice()).allocations, []);
        world.refuses(alice(), allocate(provider, Amount::ZERO), "no_allocation");
    }
    assert_eq!(world.rows(ALLOCATIONS), 0);
    let mut twin = exported_and_started_again(&world);
    assert_eq!(twin.midnight(1).events, world.midnight(1).events);
}

#[test]
fn an_account_has_thirty_two_allocations_at_most_those_of_the_day_before_among_them() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    for day in 0..3 {
        let mut providers = Vec::new();
        for number in 0..16 {
            providers.push(another_provider(&mut world, day * 100 + number));
            world.run(alice(), allocate(*providers.last().unwrap(), whole(1)));
        }
        // What was allocated for today counts until tomorrow, and takes vouchers of today until it is settled.
        for provider in providers {
            world.run(alice(), allocate(provider, Amount::ZERO));
        }
        let another = another_provider(&mut world, day * 100 + 50);
        world.refuses(alice(), allocate(another, whole(1)), "too_many_allocations");
        let expected = if day == 0 { 16 } else { MAX_ROWS };
        assert_eq!(world.account(alice()).allocations.len(), expected);
        exported_and_started_again(&world);
        world.midnight(u64::from(day) + 1);
    }
}

#[test]
fn what_cannot_be_allocated_is_refused() {
    let mut world = World::new();
    world.block_at(HOUR);
    world.refuses(alice(), allocate(pia(), whole(1)), "too_little_credit");
    world.run(alice(), stake_diem(amount("0.099999999999999999")));
    world.refuses(alice(), allocate(pia(), whole(1)), "too_little_credit");
    world.run(alice(), stake_diem(Amount::new(1)));
    world.refuses(alice(), allocate(bob(), whole(1)), "no_provider");
    world.refuses(alice(), allocate(pia(), Amount::ZERO), "no_allocation");
    world.run(alice(), allocate(pia(), Amount::MAX));
    world.refuses(alice(), allocate(quin(), whole(1)), "math");
    world.midnight(1);
    assert_eq!(world.account(alice()).today.allocated, amount("0.1"));
}

#[test]
fn cutting_an_allocation_needs_no_credit() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(1)));
    world.run(alice(), allocate(pia(), whole(1)));
    world.run(alice(), unstake_diem(whole(1)));
    world.midnight(1);
    world.refuses(alice(), allocate(pia(), whole(2)), "too_little_credit");
    world.run(alice(), allocate(pia(), amount("0.5")));
}

#[test]
fn allocated_credit_cannot_be_spent_given_or_offered() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), allocate(pia(), whole(10)));
    world.refuses(alice(), spend(quin(), FIRST, whole(1)), "insufficient_credit");
    world.refuses(alice(), Msg::GiftCredit { to: bob(), day: FIRST, amount: whole(1) }, "insufficient_credit");
    let offer = Msg::OfferCredit { day: FIRST, amount: whole(1), price: whole(1) };
    world.refuses(alice(), offer, "insufficient_credit");
}

#[test]
fn direct_spending_takes_free_credit_of_today_only() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world.run(alice(), spend(rita(), FIRST, whole(10)));
    world.refuses(alice(), spend(rita(), FIRST, Amount::new(1)), "insufficient_credit");
    world.refuses(alice(), spend(rita(), FIRST, Amount::ZERO), "zero_amount");
    world.refuses(alice(), spend(bob(), FIRST, whole(1)), "no_provider");
    world.refuses(alice(), spend(pia(), FIRST + 1, whole(1)), "not_today");
    world.refuses(bob(), spend(pia(), FIRST, whole(1)), "too_little_credit");
    let reference = "x".repeat(65);
    let long = Msg::Spend { provider: pia(), day: FIRST, amount: whole(1), reference };
    world.refuses(alice(), long, "reference");
    let bent = Msg::Spend { provider: pia(), day: FIRST, amount: whole(1), reference: "two\" and more".into() };
    world.refuses(alice(), bent, "reference");
    world.midnight(1);
    world.refuses(alice(), spend(pia(), FIRST, whole(1)), "not_today");
    assert_eq!(world.record(0).consumed, whole(10));
}
