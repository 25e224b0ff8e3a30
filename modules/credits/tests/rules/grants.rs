//! Session keys.

use diem_core::Amount;
use diem_credits::{Answer, Msg, Query, SignedVoucher, vouchers::Verdict};

use crate::world::*;

/// A key of alice's.
const SESSION: u8 = 40;

fn grant(last_day: u64, amount: Amount) -> Msg {
    Msg::Grant { key: who(SESSION), last_day, limits: vec![limit(pia(), amount)] }
}

/// Alice with 100 staked, 60 promised to pia, and a key that may spend 10 a day there until day 2.
fn granted() -> World {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    world.run(alice(), allocate(pia(), whole(60)));
    world.run(alice(), grant(FIRST + 2, whole(10)));
    world
}

fn by_key(day: u64, amount: Amount) -> SignedVoucher {
    by_session(1, SESSION, pia(), FIRST + day, amount)
}

fn one(world: &mut World, voucher: SignedVoucher) -> (Verdict, Amount) {
    let outcome = world.settle(pia(), vec![voucher])[0];
    (outcome.verdict, outcome.paid)
}

fn refused(name: &str) -> (Verdict, Amount) {
    (Verdict::Refused(error_code(name)), Amount::ZERO)
}

#[test]
fn a_key_spends_up_to_its_limit_a_day() {
    let mut world = granted();
    assert_eq!(one(&mut world, by_key(0, whole(7))), (Verdict::Paid, whole(7)));
    assert_eq!(one(&mut world, by_key(0, whole(12))), (Verdict::Capped, whole(3)));
    world.midnight(1);
    assert_eq!(one(&mut world, by_key(1, whole(10))), (Verdict::Paid, whole(10)));
    assert_eq!(world.account(alice()).previous.spent, whole(10));
}

#[test]
fn all_signers_count_against_the_one_promise() {
    let mut world = granted();
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(55))), (Verdict::Paid, whole(55)));
    assert_eq!(one(&mut world, by_key(0, whole(8))), (Verdict::Capped, whole(5)));
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(56))), (Verdict::Capped, Amount::ZERO));
}

#[test]
fn a_grant_does_not_reach_back_to_yesterday() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    world.run(alice(), allocate(pia(), whole(60)));
    world.midnight(1);
    world.run(alice(), grant(FIRST + 2, whole(10)));
    assert_eq!(one(&mut world, by_key(0, whole(1))), refused("no_grant"));
    assert_eq!(one(&mut world, by_key(1, whole(1))), (Verdict::Paid, whole(1)));
}

#[test]
fn a_raise_counts_today_and_a_cut_tomorrow() {
    let mut world = granted();
    world.run(alice(), grant(FIRST + 2, whole(20)));
    world.run(alice(), grant(FIRST + 2, whole(5)));
    assert_eq!(one(&mut world, by_key(0, whole(30))), (Verdict::Capped, whole(20)));
    world.midnight(1);
    assert_eq!(one(&mut world, by_key(1, whole(30))), (Verdict::Capped, whole(5)));
    assert_eq!(one(&mut world, by_key(0, whole(30))), (Verdict::Capped, Amount::ZERO));
}

#[test]
fn a_revoked_key_counts_until_the_day_ends_and_through_its_grace() {
    let mut world = granted();
    world.run(alice(), Msg::Revoke { key: who(SESSION) });
    assert_eq!(one(&mut world, by_key(0, whole(4))), (Verdict::Paid, whole(4)));
    world.midnight(1);
    assert_eq!(one(&mut world, by_key(1, whole(1))), refused("grant_expired"));
    assert_eq!(one(&mut world, by_key(0, whole(9))), (Verdict::Paid, whole(5)));
}

#[test]
fn a_key_ends_after_its_last_day() {
    let mut world = granted();
    world.midnight(2);
    assert_eq!(one(&mut world, by_key(2, whole(1))), (Verdict::Paid, whole(1)));
    world.midnight(3);
    assert_eq!(one(&mut world, by_key(3, whole(1))), refused("grant_expired"));
    assert_eq!(one(&mut world, by_key(2, whole(2))), (Verdict::Paid, whole(1)));
    world.run(alice(), grant(FIRST + 3, whole(10)));
    assert_eq!(one(&mut world, by_key(3, whole(1))), (Verdict::Paid, whole(1)));
}

#[test]
fn a_key_spends_at_its_providers_only() {
    let mut world = granted();
    world.run(alice(), allocate(quin(), whole(10)));
    let outcome = world.settle(quin(), vec![by_session(1, SESSION, quin(), FIRST, whole(1))])[0];
    assert_eq!(outcome.verdict, Verdict::Refused(error_code("no_grant")));
    let strangers = by_session(2, SESSION, pia(), FIRST, whole(1));
    assert_eq!(one(&mut world, strangers), refused("no_grant"));
}

#[test]
fn sixteen_keys_at_most() {
    let mut world = granted();
    let with_key = |number| Msg::Grant { key: who(number), last_day: FIRST + 5, limits: vec![limit(pia(), whole(1))] };
    for number in 41..=55 {
        world.run(alice(), with_key(number));
    }
    world.refuses(alice(), with_key(56), "too_many_keys");
    world.run(alice(), Msg::Revoke { key: who(41) });
    world.refuses(alice(), with_key(56), "too_many_keys");
    world.midnight(1);
    world.run(alice(), with_key(56));
    let Answer::Grants(grants) = world.query(Query::Grants(alice())) else { panic!() };
    assert_eq!(grants.len(), 17, "the revoked one is still known for yesterday's vouchers");
    world.midnight(2);
    let Answer::Grants(grants) = world.query(Query::Grants(alice())) else { panic!() };
    assert_eq!(grants.len(), 16);
}

#[test]
fn rows_of_ended_keys_do_not_pile_up() {
    let mut world = granted();
    for day in 1..100 {
        world.midnight(day);
        let key = who(40 + u8::try_from(day).unwrap());
        world.run(alice(), Msg::Grant { key, last_day: FIRST + day, limits: vec![limit(pia(), whole(1))] });
    }
    let Answer::Grants(grants) = world.query(Query::Grants(alice())) else { panic!() };
    assert_eq!(grants.len(), 2);
}

#[test]
fn what_cannot_be_granted_is_refused() {
    let mut world = granted();
    let with = |limits| Msg::Grant { key: who(SESSION), last_day: FIRST, limits };
    world.refuses(alice(), with(vec![]), "limits");
    world.refuses(alice(), with(vec![limit(pia(), whole(1)); 2]), "limits");
    world.refuses(alice(), with(vec![limit(pia(), Amount::ZERO)]), "zero_amount");
    world.refuses(alice(), with(vec![limit(bob(), whole(1))]), "no_provider");
    world.refuses(alice(), grant(FIRST - 1, whole(1)), "grant_expired");
    let own = Msg::Grant { key: alice(), last_day: FIRST, limits: vec![limit(pia(), whole(1))] };
    world.refuses(alice(), own, "own_key");
    let nobody = Msg::Grant { key: diem_core::Address::ZERO, last_day: FIRST, limits: vec![limit(pia(), whole(1))] };
    world.refuses(alice(), nobody, "zero_address");
    world.refuses(alice(), Msg::Revoke { key: who(50) }, "no_grant");
    world.refuses(bob(), Msg::Revoke { key: who(SESSION) }, "no_grant");
    world.run(alice(), Msg::Revoke { key: who(SESSION) });
    world.midnight(1);
    world.refuses(alice(), Msg::Revoke { key: who(SESSION) }, "no_grant");
}
