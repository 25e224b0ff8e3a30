//! Credit that is not there or not free, DIEM that is not staked, offers that are not made.

use diem_core::{Address, Amount};
use diem_credits::{Msg, Query, grants::ProviderLimit};
use diem_testkit::{
    Economy,
    economy::{PROVIDER, milli, whole},
    story::{allocate, cancel_diem, deregister, offer, settle, stake_diem, unstake_diem},
};
use diem_types::Call;

use super::{Scene, staking::NOBODY};

/// A provider that is not listed, and one that leaves with the day.
pub(crate) const UNLISTED: usize = 2;
pub(crate) const LEAVING: usize = 4;

pub(crate) fn call(msg: Msg) -> Call {
    Call::Credits(msg)
}

pub(crate) fn spend(provider: Address, day: u64, amount: Amount) -> Call {
    call(Msg::Spend { provider, day, amount, reference: String::new() })
}

pub(crate) fn gift(to: Address, day: u64, amount: Amount) -> Call {
    call(Msg::GiftCredit { to, day, amount })
}

pub(crate) fn offer_at(day: u64, amount: Amount, price: Amount) -> Call {
    call(Msg::OfferCredit { day, amount, price })
}

pub(crate) fn buy(seller: Address, day: u64, amount: Amount, max_price: Amount) -> Call {
    call(Msg::BuyCredit { seller, day, amount, max_price })
}

pub(crate) fn grant(key: Address, last_day: u64, limits: Vec<(Address, Amount)>) -> Call {
    let limits = limits.into_iter().map(|(provider, limit)| ProviderLimit { provider, limit }).collect();
    call(Msg::Grant { key, last_day, limits })
}

pub(crate) fn register() -> Msg {
    let (endpoint, moniker) = ("https://two.example".into(), "two".into());
    Msg::RegisterProvider { bond: whole(1_500), payout: Address([7; 20]), endpoint, moniker }
}

/// The first person: 8.5 DIEM staked, tranche 0 of 0.5; 4 allocated to the listed provider, 1.5 and 0.7 of it used by
/// the account and by the sixth person's key; 1 for sale at 2 VVV; so 4 are free. The second has 0.05, the sixth sells
/// 2 at a price beyond all.
pub(crate) fn economy() -> Economy {
    let mut economy = Economy::new();
    let today = economy.today();
    let provider = economy.who(PROVIDER);
    let key = grant(economy.who(5), today + 5, vec![(provider, whole(2))]);
    let short = grant(economy.chain.people[1].address, today, vec![(provider, whole(2))]);
    economy.people_block(
        1_000,
        vec![
            (0, vec![stake_diem(whole(6), None), allocate(provider, whole(4)), unstake_diem(milli(500), None)]),
            (0, vec![key, short, offer(today)]),
            (1, vec![stake_diem(milli(50), None)]),
            (UNLISTED, vec![call(register())]),
            (LEAVING, vec![call(register()), deregister()]),
            (5, vec![stake_diem(whole(3), None), offer_at(today, whole(2), Amount::MAX)]),
        ],
    );
    let by_key = diem_credits::Voucher { signer: economy.who(5), ..economy.voucher(0, PROVIDER, today, milli(700)) };
    let by_key = by_key.sign(&economy.chain.people[5].key);
    let own = economy.signed(0, PROVIDER, today, milli(1_500));
    economy.people_block(1_000, vec![(PROVIDER, vec![settle(provider, vec![own, by_key])])]);
    economy
}

pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(economy());
    stakes(&mut scene);
    allocations(&mut scene);
    grants(&mut scene);
    spends(&mut scene);
    gifts(&mut scene);
    trades(&mut scene);
    scene.refuses_query(diem_types::Query::Credits(Query::Day(0)), "credits/no_day");
    scene.refuses_query(diem_types::Query::Credits(Query::Day(scene.today() + 1)), "credits/no_day");
    scene.refuses_query(diem_types::Query::Credits(Query::Provider(NOBODY)), "credits/no_provider");
    scene
}

fn stakes(scene: &mut Scene) {
    for stake in [stake_diem, unstake_diem] {
        scene.refuses(0, stake(Amount::ZERO, None), "credits/zero_amount");
        scene.refuses(0, stake(whole(1), Some(Address::ZERO)), "credits/zero_address");
    }
    scene.refuses(0, stake_diem(whole(2), None), "bank/insufficient_funds");
    scene.refuses(0, stake_diem(Amount::MAX, None), "bank/insufficient_funds");
    scene.refuses(UNLISTED, unstake_diem(whole(1), None), "credits/no_position");
    // The second person's credit is not backed by the first, nor is the stake of one the other's.
    scene.refuses(0, unstake_diem(whole(1), Some(scene.who(1))), "credits/no_position");
    scene.refuses(1, unstake_diem(whole(1), Some(scene.who(0))), "credits/no_position");
    scene.refuses(0, unstake_diem(milli(8_501), None), "credits/more_than_staked");
    scene.refuses(0, unstake_diem(Amount::MAX, None), "credits/more_than_staked");
    scene.refuses(0, unstake_diem(milli(9), None), "credits/dust");
    scene.refuses(0, unstake_diem(Amount::new(1), None), "credits/dust");
    scene.refuses(0, unstake_diem(milli(8_491), None), "credits/would_leave_dust");
    scene.refuses(0, stake_diem(milli(9), Some(scene.who(UNLISTED))), "credits/position_too_small");
    for tranche in [1, u64::MAX] {
        scene.refuses(0, cancel_diem(tranche), "credits/no_tranche");
    }
    scene.refuses(1, cancel_diem(0), "credits/no_tranche");
    let collect = |id| call(Msg::CollectTranche { id });
    scene.refuses(1, collect(0), "credits/no_tranche");
    scene.refuses(0, collect(1), "credits/no_tranche");
    scene.refuses(0, collect(0), "credits/not_due");
}

fn allocations(scene: &mut Scene) {
    let [provider, unlisted, leaving] = [PROVIDER, UNLISTED, LEAVING].map(|person| scene.who(person));
    scene.refuses(0, allocate(NOBODY, whole(1)), "credits/no_provider");
    scene.refuses(0, allocate(leaving, whole(1)), "credits/provider_left");
    for nothing in [NOBODY, unlisted, leaving] {
        scene.refuses(0, allocate(nothing, Amount::ZERO), "credits/no_allocation");
    }
    scene.refuses(1, allocate(provider, Amount::new(1)), "credits/too_little_credit");
    scene.refuses(UNLISTED, allocate(provider, whole(1)), "credits/too_little_credit");
    // The sum with the allocation that there is does not fit a number.
    scene.refuses(0, allocate(unlisted, Amount::MAX), "credits/math");
}

fn grants(scene: &mut Scene) {
    let (provider, today, key) = (scene.who(PROVIDER), scene.today(), Address([8; 20]));
    let one = || vec![(provider, whole(1))];
    scene.refuses(0, grant(Address::ZERO, today, one()), "credits/zero_address");
    scene.refuses(0, grant(scene.who(0), today, one()), "credits/own_key");
    scene.refuses(0, grant(key, today - 1, one()), "credits/grant_expired");
    scene.refuses(0, grant(key, 0, one()), "credits/grant_expired");
    scene.refuses(0, grant(key, today, vec![(provider, Amount::ZERO)]), "credits/zero_amount");
    scene.refuses(0, grant(key, today, vec![]), "credits/limits");
    scene.refuses(0, grant(key, today, vec![(provider, whole(1)); 2]), "credits/limits");
    scene.refuses(
        0,
        grant(key, today, vec![(Address([2; 20]), whole(1)), (Address([1; 20]), whole(1))]),
        "credits/limits",
    );
    let many = (1..=17).map(|number| (Address([number; 20]), whole(1))).collect();
    scene.refuses(0, grant(key, today, many), "credits/limits");
    scene.refuses(0, grant(key, today, vec![(NOBODY, whole(1))]), "credits/no_provider");
    scene.refuses(0, grant(key, today, vec![(scene.who(LEAVING), whole(1))]), "credits/provider_left");
    for (person, key) in [(0, key), (0, scene.who(0)), (1, scene.who(5))] {
        scene.refuses(person, call(Msg::Revoke { key }), "credits/no_grant");
    }
}

fn spends(scene: &mut Scene) {
    let (provider, today) = (scene.who(PROVIDER), scene.today());
    scene.refuses(0, spend(provider, today, Amount::ZERO), "credits/zero_amount");
    for day in [0, today - 1, today + 1, u64::MAX] {
        scene.refuses(0, spend(provider, day, whole(1)), "credits/not_today");
    }
    scene.refuses(0, spend(NOBODY, today, whole(1)), "credits/no_provider");
    // What is allocated, spent or for sale is not free.
    scene.refuses(0, spend(provider, today, milli(4_001)), "credits/insufficient_credit");
    scene.refuses(0, spend(provider, today, Amount::MAX), "credits/insufficient_credit");
    scene.refuses(1, spend(provider, today, Amount::new(1)), "credits/too_little_credit");
    scene.refuses(PROVIDER, spend(provider, today, Amount::new(1)), "credits/too_little_credit");
    for reference in ["r".repeat(65), "two\nlines".into(), "\" and more".into(), "\u{202e}".into()] {
        let spend = Msg::Spend { provider, day: today, amount: whole(1), reference };
        scene.refuses(0, call(spend), "credits/reference");
    }
}

fn gifts(scene: &mut Scene) {
    let (to, today) = (scene.who(1), scene.today());
    scene.refuses(0, gift(to, today, Amount::ZERO), "credits/zero_amount");
    scene.refuses(0, gift(Address::ZERO, today, whole(1)), "credits/zero_address");
    for day in [today - 1, today + 1] {
        scene.refuses(0, gift(to, day, whole(1)), "credits/not_today");
    }
    scene.refuses(0, gift(scene.who(0), today, whole(1)), "credits/to_oneself");
    scene.refuses(0, gift(to, today, milli(4_001)), "credits/insufficient_credit");
    scene.refuses(0, gift(to, today, Amount::MAX), "credits/insufficient_credit");
    scene.refuses(1, gift(scene.who(0), today, Amount::new(1)), "credits/too_little_credit");
    scene.refuses(0, gift(NOBODY, today, milli(9)), "credits/new_credit");
}

fn trades(scene: &mut Scene) {
    let (today, seller, dear) = (scene.today(), scene.who(0), scene.who(5));
    scene.refuses(0, offer_at(today, Amount::ZERO, whole(1)), "credits/zero_amount");
    scene.refuses(0, offer_at(today, whole(1), Amount::ZERO), "credits/zero_price");
    for day in [today - 1, today + 1] {
        scene.refuses(0, offer_at(day, whole(1), whole(1)), "credits/not_today");
        scene.refuses(1, buy(seller, day, milli(1), whole(2)), "credits/not_today");
    }
    // A new offer takes the place of the old one: 5 are free for it, no more.
    scene.refuses(0, offer_at(today, milli(5_001), whole(1)), "credits/insufficient_credit");
    scene.refuses(1, offer_at(today, Amount::new(1), whole(1)), "credits/too_little_credit");
    scene.refuses(1, call(Msg::WithdrawOffer), "credits/no_offer");
    scene.refuses(1, buy(seller, today, Amount::ZERO, whole(2)), "credits/zero_amount");
    scene.refuses(0, buy(seller, today, milli(1), whole(2)), "credits/to_oneself");
    scene.refuses(0, buy(scene.who(1), today, milli(1), whole(2)), "credits/no_offer");
    scene.refuses(1, buy(NOBODY, today, milli(1), whole(2)), "credits/no_offer");
    scene.refuses(1, buy(seller, today, milli(1_001), whole(2)), "credits/more_than_offered");
    scene.refuses(1, buy(seller, today, Amount::MAX, whole(2)), "credits/more_than_offered");
    scene.refuses(1, buy(seller, today, milli(1), milli(1_999)), "credits/price");
    scene.refuses(1, buy(seller, today, milli(1), Amount::ZERO), "credits/price");
    scene.refuses(PROVIDER, buy(seller, today, milli(9), whole(2)), "credits/new_credit");
    // Amount times price is no amount, or more than anybody has.
    scene.refuses(1, buy(dear, today, whole(2), Amount::MAX), "credits/math");
    scene.refuses(1, buy(dear, today, milli(500), Amount::MAX), "bank/insufficient_funds");
}

#[test]
fn bad_uses_of_credit() {
    scene();
}
