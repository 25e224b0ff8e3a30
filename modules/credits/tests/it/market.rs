//! Today's free credit, given away and sold.

use diem_core::{Address, Amount, Denom, Page};
use diem_credits::{
    Msg, accounts,
    query::{self, OfferInfo},
};

use crate::{genesis::exported_and_started_again, world::*};

fn gift(to: Address, amount: Amount) -> Msg {
    Msg::GiftCredit { to, day: FIRST, amount }
}

fn offer(amount: Amount, price: Amount) -> Msg {
    Msg::OfferCredit { day: FIRST, amount, price }
}

fn buy(amount: Amount, max_price: Amount) -> Msg {
    Msg::BuyCredit { seller: alice(), day: FIRST, amount, max_price }
}

fn with_ten() -> World {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(10)));
    world
}

#[test]
fn an_offer_of_ten_of_ten_leaves_nothing_to_spend_and_its_sale_leaves_zero_of_zero() {
    let mut world = with_ten();
    world.run(alice(), offer(whole(10), amount("0.5")));
    world.refuses(alice(), spend(pia(), FIRST, whole(10)), "insufficient_credit");
    world.run(bob(), buy(whole(10), amount("0.5")));
    let seller = world.account(alice()).today;
    assert_eq!((seller.allowance, seller.spent, seller.allocated, seller.offered), Default::default());
    assert_eq!(seller.staked, whole(10));
    assert_eq!(world.account(bob()).free, whole(10));
    assert_eq!(world.balance(alice(), Denom::Vvv), whole(100_005));
    assert_eq!(world.balance(bob(), Denom::Vvv), whole(99_995));
    world.midnight(1);
    assert_eq!((world.account(alice()).free, world.account(bob()).free), (whole(10), Amount::ZERO));
}

#[test]
fn a_gift_moves_credit_of_today_only() {
    let mut world = with_ten();
    world.run(alice(), gift(bob(), whole(4)));
    assert_eq!((world.account(alice()).free, world.account(bob()).free), (whole(6), whole(4)));
    world.run(bob(), spend(pia(), FIRST, whole(4)));
    world.midnight(1);
    assert_eq!((world.account(alice()).free, world.account(bob()).free), (whole(10), Amount::ZERO));
}

#[test]
fn a_purchase_rounds_what_is_paid_up() {
    let mut world = with_ten();
    world.run(alice(), offer(whole(10), Amount::new(1)));
    world.run(bob(), buy(amount("0.010000000000000001"), whole(1)));
    assert_eq!(world.balance(bob(), Denom::Vvv), Amount::new(whole(100_000).get() - 1));
}

#[test]
fn an_offer_is_bought_in_parts_replaced_and_withdrawn() {
    let mut world = with_ten();
    world.run(alice(), offer(whole(10), whole(1)));
    world.run(bob(), buy(whole(4), whole(1)));
    assert_eq!(world.account(alice()).today.offered, whole(6));
    world.run(alice(), offer(whole(2), whole(3)));
    let offer = OfferInfo { seller: alice(), amount: whole(2), price: whole(3) };
    assert_eq!(query::offers(&world.ctx(), &Page::largest(None)), [offer]);
    assert_eq!(world.account(alice()).offer_price, Some(whole(3)));
    world.refuses(bob(), buy(whole(1), whole(2)), "price");
    world.refuses(bob(), buy(whole(3), whole(3)), "more_than_offered");
    world.run(alice(), Msg::WithdrawOffer);
    world.refuses(alice(), Msg::WithdrawOffer, "no_offer");
    world.refuses(bob(), buy(whole(1), whole(3)), "no_offer");
    assert_eq!(world.account(alice()).free, whole(6));
}

#[test]
fn an_offer_ends_with_its_day() {
    let mut world = with_ten();
    world.run(alice(), offer(whole(10), whole(1)));
    world.midnight(1);
    world.refuses(bob(), buy(whole(1), whole(1)), "not_today");
    let tomorrow = Msg::BuyCredit { seller: alice(), day: FIRST + 1, amount: whole(1), max_price: whole(1) };
    world.refuses(bob(), tomorrow, "no_offer");
    assert_eq!(world.account(alice()).free, whole(10));
    assert_eq!(query::offers(&world.ctx(), &Page::largest(None)), []);
}

/// The tables of accounts and of those without stake.
const ACCOUNTS: u8 = 5;
const LAPSING: u8 = 18;

#[test]
fn a_first_credit_is_worth_a_row() {
    let least = accounts::MIN_NEW_CREDIT;
    assert_eq!(least, amount("0.01"));
    let dust = Amount::new(least.get() - 1);
    let mut world = with_ten();
    world.run(alice(), offer(whole(1), whole(1)));
    world.refuses(alice(), gift(bob(), dust), "new_credit");
    world.refuses(bob(), buy(dust, whole(1)), "new_credit");
    assert_eq!(world.rows(ACCOUNTS), 1);
    world.run(alice(), gift(bob(), least));
    world.run(bob(), buy(Amount::new(1), whole(1)));
    world.run(alice(), gift(bob(), Amount::new(1)));
    assert_eq!(world.account(bob()).free, Amount::new(least.get() + 2));
}

#[test]
fn what_was_given_lapses_with_its_row_once_nothing_of_it_counts() {
    let mut world = with_ten();
    for number in 3..=8 {
        world.run(alice(), gift(who(number), whole(1)));
    }
    // Who is given more later stays longer, and who stakes stays.
    assert_eq!((world.rows(ACCOUNTS), world.rows(LAPSING)), (7, 6));
    world.midnight(1);
    world.run(alice(), Msg::GiftCredit { to: who(3), day: FIRST + 1, amount: whole(1) });
    world.run(who(4), stake_diem(whole(1)));
    // A voucher of the first day might have come until its settlement, and yesterday is shown until a day later.
    world.block_at(DAY + 3 * HOUR);
    assert_eq!(world.rows(ACCOUNTS), 7);
    world.midnight(2);
    assert_eq!((world.rows(ACCOUNTS), world.rows(LAPSING)), (3, 1));
    assert_eq!(world.account(who(3)).previous.allowance, whole(1));
    exported_and_started_again(&world);
    world.block_at(2 * DAY + 3 * HOUR);
    world.midnight(3);
    assert_eq!((world.rows(ACCOUNTS), world.rows(LAPSING)), (2, 0));
    assert_eq!(world.account(who(4)).free, whole(1));
}

#[test]
fn lapsed_rows_go_a_few_a_block() {
    let mut world = with_ten();
    for number in 3..=8 {
        world.run(alice(), gift(who(number), whole(1)));
    }
    world.midnight(1).block_at(DAY + 3 * HOUR);
    for left in [4, 2, 0, 0] {
        world.block_with(2 * DAY + 1_000 + world.height, 2);
        assert_eq!(world.rows(LAPSING), left);
        exported_and_started_again(&world);
    }
}

#[test]
fn a_row_stays_while_its_owner_allocates_something_and_goes_when_all_is_given_away() {
    let mut world = with_ten();
    world.run(alice(), gift(bob(), whole(1)));
    world.run(bob(), allocate(pia(), whole(1)));
    world.run(alice(), gift(who(3), whole(1)));
    world.run(who(3), gift(who(4), whole(1)));
    assert_eq!(world.rows(ACCOUNTS), 3, "alice, bob and the last of the line");
    for day in 1..4 {
        world.midnight(day).block_at(day * DAY + 3 * HOUR);
    }
    assert_eq!(world.rows(ACCOUNTS), 2);
    assert_eq!(world.account(bob()).allocations[0].next, whole(1));
    // The allocation is carried out when there is stake again, and the row goes after it has ended.
    world.run(bob(), stake_diem(whole(2)));
    world.midnight(4).block_at(4 * DAY + 3 * HOUR);
    assert_eq!(world.account(bob()).today.allocated, whole(1));
    world.run(bob(), unstake_diem(whole(2)));
    world.run(bob(), allocate(pia(), Amount::ZERO));
    for day in 5..8 {
        world.midnight(day).block_at(day * DAY + 3 * HOUR);
    }
    assert_eq!((world.rows(ACCOUNTS), world.rows(LAPSING)), (1, 0));
}

#[test]
fn credit_may_be_sold_on() {
    let mut world = with_ten();
    world.run(alice(), gift(bob(), whole(10)));
    world.run(bob(), offer(whole(10), whole(1)));
    let seller = bob();
    world.run(who(3), Msg::BuyCredit { seller, day: FIRST, amount: whole(10), max_price: whole(1) });
    assert_eq!(world.account(who(3)).free, whole(10));
}

#[test]
fn what_cannot_be_given_or_sold_is_refused() {
    let mut world = with_ten();
    world.refuses(alice(), gift(bob(), Amount::ZERO), "zero_amount");
    world.refuses(alice(), gift(bob(), whole(11)), "insufficient_credit");
    world.refuses(alice(), gift(alice(), whole(1)), "to_oneself");
    world.refuses(alice(), gift(Address::ZERO, whole(1)), "zero_address");
    world.refuses(bob(), gift(alice(), Amount::new(1)), "too_little_credit");
    world.refuses(alice(), Msg::GiftCredit { to: bob(), day: FIRST + 1, amount: whole(1) }, "not_today");
    world.refuses(alice(), offer(Amount::ZERO, whole(1)), "zero_amount");
    world.refuses(alice(), offer(whole(1), Amount::ZERO), "zero_price");
    world.refuses(alice(), offer(whole(11), whole(1)), "insufficient_credit");
    world.refuses(bob(), offer(whole(1), whole(1)), "too_little_credit");
    world.refuses(alice(), Msg::OfferCredit { day: FIRST + 1, amount: whole(1), price: whole(1) }, "not_today");
    world.run(alice(), offer(whole(10), Amount::MAX));
    world.refuses(bob(), buy(whole(10), Amount::MAX), "math");
    world.refuses(bob(), buy(whole(1), Amount::MAX), "insufficient_funds");
    world.refuses(bob(), buy(Amount::ZERO, Amount::MAX), "zero_amount");
    world.refuses(alice(), buy(whole(1), Amount::MAX), "to_oneself");
    world.midnight(1);
    world.refuses(alice(), gift(bob(), whole(1)), "not_today");
    world.refuses(alice(), offer(whole(1), whole(1)), "not_today");
}
