//! The rules of session keys and their grants.

use diem_core::Amount;
use diem_credits::{Msg, SignedVoucher, query, vouchers::Verdict};

use crate::{genesis::exported_and_started_again, world::*};

/// A session key that alice grants.
const SESSION: u8 = 40;

fn grant(last_day: u64, amount: Amount) -> Msg {
    Msg::Grant { key: who(SESSION), last_day, limits: vec![limit(pia(), amount)] }
}

/// Alice with 100 staked, 60 allocated to pia, and a key that may spend 10 a day there until day 2.
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
fn all_signers_count_against_the_one_allocation() {
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
    let known = |world: &World| query::grants(&world.ctx(), &alice()).len();
    assert_eq!(known(&world), 17, "the revoked one is still known for yesterday's vouchers");
    world.midnight(2);
    assert_eq!(known(&world), 16);
}

/// The tables of grants, of the keys that an account has, and of the days on which keys end.
const ROWS: [u8; 3] = [7, 17, 19];

fn rows(world: &World) -> [usize; 3] {
    ROWS.map(|table| world.rows(table))
}

fn key_until(number: u8, last_day: u64) -> Msg {
    Msg::Grant { key: who(number), last_day, limits: vec![limit(pia(), whole(1))] }
}

#[test]
fn the_rows_of_a_key_go_by_themselves_when_no_voucher_of_it_can_come() {
    let mut world = granted();
    assert_eq!(rows(&world), [1, 1, 1]);
    for number in 41..=43 {
        world.run(alice(), key_until(number, FIRST + 1));
    }
    world.run(bob(), key_until(41, FIRST + 1));
    assert_eq!(rows(&world), [5, 2, 3], "keys that end on one day have one place in the queue");
    world.midnight(1).midnight(2);
    // Their last day is the one in its grace.
    assert_eq!(rows(&world), [5, 2, 3]);
    assert_eq!(one(&mut world, by_session(1, 41, pia(), FIRST + 1, whole(1))), (Verdict::Paid, whole(1)));
    exported_and_started_again(&world);
    world.midnight(3);
    assert_eq!(rows(&world), [1, 1, 1], "one of alice's lasts until the day before");
    exported_and_started_again(&world);
    world.midnight(4);
    assert_eq!(rows(&world), [0, 0, 0]);
}

#[test]
fn a_revoked_key_leaves_no_row_either() {
    let mut world = granted();
    world.run(alice(), key_until(41, u64::MAX));
    world.run(alice(), Msg::Revoke { key: who(41) });
    world.run(alice(), Msg::Revoke { key: who(SESSION) });
    assert_eq!(rows(&world), [2, 1, 1]);
    world.midnight(1).midnight(2);
    assert_eq!(rows(&world), [0, 0, 0]);
}

#[test]
fn who_grants_one_key_again_and_again_makes_no_rows() {
    let mut world = granted();
    world.run(alice(), key_until(41, FIRST + 2));
    for last_day in [FIRST + 9, u64::MAX, FIRST, FIRST + 3] {
        world.run(alice(), key_until(41, last_day));
        assert_eq!(rows(&world), [2, 1, 2]);
        exported_and_started_again(&world);
    }
    world.run(alice(), key_until(41, FIRST + 2));
    assert_eq!(rows(&world), [2, 1, 1], "the same day as the other key");
    // A key that ended is granted again before its rows are gone.
    world.midnight(3);
    world.run(alice(), key_until(41, FIRST + 4));
    world.midnight(4);
    assert_eq!(rows(&world), [1, 1, 1]);
    world.midnight(5).midnight(6);
    assert_eq!(rows(&world), [0, 0, 0]);
}

#[test]
fn ended_keys_go_a_few_accounts_a_block() {
    let mut world = World::new();
    world.block_at(HOUR);
    for number in 1..=5 {
        for key in 41..=44 {
            world.run(who(number), key_until(key, FIRST));
        }
    }
    world.midnight(1).block_at(DAY + 3 * HOUR);
    for left in [3, 1, 0, 0] {
        world.block_with(2 * DAY + 1_000 + world.height, 2);
        assert_eq!(rows(&world), [4 * left, left, left]);
        exported_and_started_again(&world);
    }
}

#[test]
fn an_account_has_few_rows_of_keys_even_while_their_queue_stands_still() {
    let mut world = World::new();
    world.block_at(HOUR);
    for day in 0..4 {
        world.block_with(day * DAY + 1_000, 0).block_with(day * DAY + 3 * HOUR, 0);
        for number in 0..16 {
            world.run(alice(), key_until(40 + 16 * u8::try_from(day).unwrap() + number, FIRST + day));
        }
    }
    world.block_with(4 * DAY + 1_000, 0).block_with(4 * DAY + 3 * HOUR, 0);
    assert_eq!(rows(&world), [64, 1, 4]);
    world.refuses(alice(), key_until(200, FIRST + 4), "too_many_keys");
    world.block();
    world.run(alice(), key_until(200, FIRST + 4));
    assert_eq!(rows(&world), [17, 1, 2]);
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
