//! Providers: bond, listing, leaving, prices.

use diem_bank::Pool;
use diem_core::{Address, Amount, Denom};
use diem_credits::{
    Event, Msg,
    prices::{LongContext, ModelPrices, Price, PriceSheet, Unit},
};

use crate::world::*;

fn register(bond: Amount) -> Msg {
    Msg::RegisterProvider { bond, payout: bob(), endpoint: "https://bob.example".into(), moniker: "bob".into() }
}

fn list(provider: Address) -> Msg {
    Msg::ListProvider { provider }
}

fn delist(provider: Address, forfeit: bool) -> Msg {
    Msg::DelistProvider { provider, forfeit }
}

/// Alice with 1,000 DIEM staked.
fn with_credit() -> World {
    let mut world = World::with(&genesis(), 10_000);
    world.block_at(HOUR).run(alice(), stake_diem(whole(10_000)));
    world
}

#[test]
fn anyone_may_register_and_be_spent_to_but_only_listed_providers_count() {
    let mut world = with_credit();
    world.run(bob(), register(whole(1_000)));
    world.run(alice(), spend(bob(), FIRST, whole(10)));
    assert_eq!((world.provider(bob()).today.consumed, world.provider(bob()).today.counted), (whole(10), Amount::ZERO));
    world.run(authority(), list(bob()));
    world.run(alice(), spend(bob(), FIRST, whole(10)));
    assert_eq!(world.provider(bob()).today.counted, Amount::ZERO, "listing counts from the next day");
    world.midnight(1);
    world.run(alice(), spend(bob(), FIRST + 1, whole(10)));
    assert_eq!(world.provider(bob()).today.counted, whole(10));
}

#[test]
fn what_counts_is_at_most_the_bond() {
    let mut world = with_credit();
    world.run(alice(), spend(pia(), FIRST, whole(900)));
    assert_eq!(world.provider(pia()).left_to_earn, whole(100));
    world.run(alice(), spend(pia(), FIRST, whole(900)));
    let info = world.provider(pia());
    assert_eq!((info.today.consumed, info.today.counted), (whole(1_800), whole(1_000)));
    assert_eq!((world.today().day.consumed, world.today().day.counted), (whole(1_800), whole(1_000)));
}

#[test]
fn added_bond_counts_from_the_next_day() {
    let mut world = with_credit();
    world.run(pia(), Msg::AddBond { amount: whole(500) });
    world.run(alice(), spend(pia(), FIRST, whole(2_000)));
    assert_eq!(world.provider(pia()).today.counted, whole(1_000));
    world.midnight(1);
    world.run(alice(), spend(pia(), FIRST + 1, whole(2_000)));
    assert_eq!(world.provider(pia()).today.counted, whole(1_500));
    assert_eq!(world.pool(Pool::ProviderBonds, Denom::Vvv), whole(7_500));
}

#[test]
fn delisting_counts_at_once_for_every_unsettled_day() {
    let mut world = with_credit();
    world.run(alice(), spend(pia(), FIRST, whole(100)));
    world.run(alice(), spend(quin(), FIRST, whole(50)));
    world.midnight(1);
    world.run(alice(), spend(pia(), FIRST + 1, whole(100)));
    world.run(authority(), delist(pia(), false));
    assert_eq!((world.record(0).counted, world.today().day.counted), (whole(50), Amount::ZERO));
    world.run(alice(), spend(pia(), FIRST + 1, whole(100)));
    assert_eq!(world.today().day.counted, Amount::ZERO);
    world.run(authority(), list(pia()));
    world.run(alice(), spend(pia(), FIRST + 1, whole(100)));
    assert_eq!(world.today().day.counted, Amount::ZERO, "listed again, it counts from the next day");
    assert_eq!(world.pool(Pool::ProviderBonds, Denom::Vvv), whole(7_000));
}

#[test]
fn delisting_changes_nothing_of_a_settled_day() {
    let mut world = with_credit();
    world.add_rent(whole(100));
    world.run(alice(), spend(pia(), FIRST, whole(100)));
    world.midnight(1).block_with(DAY + 3 * HOUR, 0);
    world.run(authority(), delist(pia(), true));
    world.block_at(DAY + 4 * HOUR);
    assert!(world.events.iter().any(|event| matches!(event, Event::ProviderPaid { amount, .. } if !amount.is_zero())));
}

#[test]
fn delisting_may_forfeit_the_bond_to_the_treasury() {
    let mut world = with_credit();
    world.run(authority(), delist(pia(), true));
    assert_eq!(world.pool(Pool::Treasury, Denom::Vvv), whole(1_000));
    assert_eq!(world.provider(pia()).provider.bond, Amount::ZERO);
    world.refuses(authority(), delist(pia(), true), "not_listed");
    world.refuses(authority(), list(pia()), "bond_too_small");
    world.run(pia(), Msg::AddBond { amount: whole(1_000) });
    world.run(authority(), list(pia()));
}

#[test]
fn a_leaving_provider_counts_its_last_day_and_gets_its_bond_back_by_itself() {
    let mut world = with_credit();
    world.run(pia(), Msg::Deregister);
    world.run(alice(), spend(pia(), FIRST, whole(10)));
    assert_eq!(world.provider(pia()).today.counted, whole(10));
    world.refuses(pia(), Msg::Deregister, "provider_left");
    world.refuses(pia(), Msg::AddBond { amount: whole(1) }, "provider_left");
    world.refuses(authority(), list(pia()), "provider_left");
    world.midnight(1);
    world.refuses(alice(), spend(pia(), FIRST + 1, whole(10)), "provider_left");
    world.block_at(7 * DAY);
    let before = world.balance(pia(), Denom::Vvv);
    world.block_at(7 * DAY + HOUR);
    assert_eq!(world.balance(pia(), Denom::Vvv).checked_sub(before), Ok(whole(1_000)));
    world.refuses(pia(), register(whole(1_000)), "already_provider");
}

#[test]
fn a_bond_waits_for_the_settlement_of_the_last_day() {
    let mut world = with_credit();
    world.run(pia(), Msg::Deregister);
    world.block_at(8 * DAY);
    let before = world.balance(pia(), Denom::Vvv);
    world.run(authority(), delist(pia(), false));
    world.block_at(8 * DAY + 2 * HOUR);
    assert_eq!(world.balance(pia(), Denom::Vvv), before, "the day that it served is in its grace");
    world.block_at(8 * DAY + 2 * HOUR + 1);
    assert_eq!(world.balance(pia(), Denom::Vvv).checked_sub(before), Ok(whole(1_000)));
}

#[test]
fn the_bond_of_a_leaving_provider_can_be_forfeited() {
    let mut world = with_credit();
    world.run(pia(), Msg::Deregister);
    world.midnight(3);
    world.run(authority(), delist(pia(), true));
    world.block_at(9 * DAY);
    assert_eq!(world.pool(Pool::Treasury, Denom::Vvv), whole(1_000));
}

#[test]
fn the_prices_of_a_provider_that_left_go_with_its_bond() {
    /// The table of price sheets.
    const SHEETS: u8 = 13;
    let mut world = with_credit();
    assert_eq!(world.rows(SHEETS), 3);
    for provider in [pia(), quin()] {
        world.run(provider, Msg::Deregister);
    }
    // Quin's bond is taken before it is paid back, rita's before she leaves.
    world.run(authority(), delist(quin(), true));
    assert_eq!(world.rows(SHEETS), 2);
    world.run(authority(), delist(rita(), true));
    assert_eq!(world.rows(SHEETS), 2, "she may put up another bond");
    world.run(rita(), Msg::Deregister);
    assert_eq!(world.rows(SHEETS), 1);
    world.midnight(1).block_at(7 * DAY);
    assert_eq!(world.rows(SHEETS), 1);
    world.block_at(7 * DAY + HOUR);
    assert_eq!(world.rows(SHEETS), 0);
    assert_eq!(world.provider(pia()).sheets.today, PriceSheet::default());
}

#[test]
fn what_no_provider_may_do_is_refused() {
    let mut world = with_credit();
    world.refuses(bob(), register(whole(999)), "bond_too_small");
    world.refuses(bob(), register(Amount::ZERO), "zero_amount");
    world.refuses(bob(), register(whole(100_001)), "insufficient_funds");
    world.refuses(pia(), register(whole(1_000)), "already_provider");
    world.refuses(bob(), Msg::AddBond { amount: whole(1) }, "no_provider");
    world.refuses(pia(), Msg::AddBond { amount: Amount::ZERO }, "zero_amount");
    world.refuses(bob(), Msg::Deregister, "no_provider");
    world.refuses(bob(), Msg::EditProvider { payout: None, endpoint: None, moniker: None }, "no_provider");
    let text = |moniker: &str| Msg::EditProvider { payout: None, endpoint: None, moniker: Some(moniker.into()) };
    world.refuses(pia(), text(""), "text");
    world.refuses(pia(), text("two\nlines"), "text");
    world.refuses(pia(), text("two\" and more"), "text");
    world.refuses(pia(), text(&"x".repeat(129)), "text");
    for blank in [" ", "  \u{a0}\u{3000}", "\u{2800}"] {
        world.refuses(pia(), text(blank), "blank_moniker");
    }
    let endpoint = |url: &str| Msg::EditProvider { payout: None, endpoint: Some(url.into()), moniker: None };
    for url in ["e", " ", "ftp://ai.example", "javascript:alert(1)", "https://", "https://bank.example@ai.example"] {
        world.refuses(pia(), endpoint(url), "endpoint");
    }
    world.run(pia(), endpoint("http://[::1]:8402/v1?tier=1"));
    let nobody = Msg::EditProvider { payout: Some(Address::ZERO), endpoint: None, moniker: None };
    world.refuses(pia(), nobody, "zero_address");
    for msg in [list(rita()), delist(pia(), true)] {
        world.refuses(alice(), msg, "not_authority");
    }
    world.refuses(authority(), list(bob()), "no_provider");
    world.refuses(authority(), list(pia()), "already_listed");
    world.refuses(authority(), delist(rita(), false), "not_listed");
}

fn model(name: &str, prices: &[(Unit, u128)], long_context: Option<(u64, u32)>) -> ModelPrices {
    ModelPrices {
        model: name.into(),
        long_context: long_context.map(|(threshold, multiplier_bps)| LongContext { threshold, multiplier_bps }),
        prices: prices.iter().map(|(unit, price)| Price { unit: *unit, price: Amount::new(*price) }).collect(),
    }
}

fn sheet(models: &[ModelPrices]) -> PriceSheet {
    PriceSheet { models: models.to_vec() }
}

fn publish(models: &[ModelPrices]) -> Msg {
    Msg::PublishPrices { sheet: sheet(models) }
}

#[test]
fn a_lower_price_counts_at_once_and_a_raised_one_from_the_next_day() {
    use Unit::{InputToken, OutputToken};
    let mut world = with_credit();
    let first = model("m", &[(InputToken, 10), (OutputToken, 30)], Some((1_000, 15_000)));
    world.run(pia(), publish(std::slice::from_ref(&first)));
    assert_eq!(world.provider(pia()).sheets.today, sheet(&[first]), "what is new counts at once");
    let second = model("m", &[(InputToken, 12), (OutputToken, 20)], Some((500, 14_000)));
    world.run(pia(), publish(std::slice::from_ref(&second)));
    let today = model("m", &[(InputToken, 10), (OutputToken, 20)], Some((1_000, 14_000)));
    assert_eq!(world.provider(pia()).sheets.today, sheet(&[today]));
    assert_eq!(world.provider(pia()).sheets.next, sheet(std::slice::from_ref(&second)));
    world.midnight(1);
    let info = world.provider(pia());
    assert_eq!((info.sheets.today, info.sheet_hash), (sheet(std::slice::from_ref(&second)), sheet(&[second]).hash()));
}

#[test]
fn leaving_a_model_out_and_bringing_it_back_dearer_is_a_raise() {
    let mut world = with_credit();
    let cheap = model("m", &[(Unit::Call, 10)], None);
    world.run(pia(), publish(std::slice::from_ref(&cheap)));
    world.run(pia(), publish(&[]));
    world.run(pia(), publish(&[model("m", &[(Unit::Call, 99)], Some((1, 20_000)))]));
    assert_eq!(world.provider(pia()).sheets.today, sheet(&[cheap]));
}

#[test]
fn sixteen_sheets_a_day() {
    let mut world = with_credit();
    for price in 1..=16 {
        world.run(pia(), publish(&[model("m", &[(Unit::Call, price)], None)]));
    }
    world.refuses(pia(), publish(&[]), "too_many_sheets");
    world.midnight(1);
    world.run(pia(), publish(&[]));
}

#[test]
fn a_sheet_has_one_form() {
    let mut world = with_credit();
    let (a, b) = (model("a", &[(Unit::Call, 1)], None), model("b", &[(Unit::Call, 1)], None));
    world.refuses(bob(), publish(std::slice::from_ref(&a)), "no_provider");
    world.refuses(pia(), publish(&[b, a.clone()]), "prices");
    world.refuses(pia(), publish(&[a.clone(), a]), "prices");
    world.refuses(pia(), publish(&[model("a", &[], None)]), "prices");
    world.refuses(pia(), publish(&[model("a", &[(Unit::Call, 1), (Unit::Image, 1)], None)]), "prices");
    world.refuses(pia(), publish(&[model("a b", &[(Unit::Call, 1)], None)]), "prices");
    world.refuses(pia(), publish(&[model("", &[(Unit::Call, 1)], None)]), "prices");
    world.refuses(pia(), publish(&[model("a", &[(Unit::Call, 1)], Some((1, 10_000)))]), "prices");
    let many = |prefix: &str, count: usize| -> Vec<_> {
        (0..count).map(|n| model(&format!("{prefix}{n:03}"), &[(Unit::Call, 1)], None)).collect()
    };
    world.refuses(pia(), publish(&many("a", 65)), "prices");
    world.run(pia(), publish(&many("a", 64)));
    world.run(pia(), publish(&many("b", 64)));
    world.refuses(pia(), publish(&many("c", 1)), "too_many_models");
    world.midnight(1);
    world.run(pia(), publish(&many("c", 1)));
}
