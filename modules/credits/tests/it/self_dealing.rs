//! Who is provider and customer in one takes nothing that belongs to others.

use std::cell::Cell;

use diem_bank::Pool;
use diem_core::{Amount, Denom};
use diem_credits::{Event, Msg};
use proptest::{collection::vec, prelude::*};

use crate::world::*;

/// One random day of others, and what the attacker brings.
#[derive(Debug, Clone)]
struct Day {
    /// DIEM staked by honest customers, and what each consumes: (customer, staked, at pia or quin, consumed).
    honest: Vec<(u8, u128, bool, u128)>,
    /// DIEM that nobody stakes.
    idle: u128,
    rent: u128,
    /// The attacker's DIEM, his bond as a provider, and whether he got himself listed.
    stake: u128,
    bond: u128,
    listed: bool,
    /// DIEM that he mints for the last hour and burns after the close.
    flash: u128,
    /// His deals with himself: (how, amount), where 0 stands for all that he has left.
    deals: Vec<(u8, u128)>,
}

fn day() -> impl Strategy<Value = Day> {
    let honest = vec((1..8_u8, 1..500_u128, any::<bool>(), 0..500_u128), 0..6);
    let deal = prop_oneof![2 => 1..500_u128, 1 => Just(0)];
    let attack = (1..500_u128, 1_000..1_500_u128, any::<bool>(), 0..500_u128, vec((0..4_u8, deal), 0..10));
    (honest, 0..1_000_u128, 0..100_000_u128, attack).prop_map(
        |(honest, idle, rent, (stake, bond, listed, flash, deals))| Day {
            honest,
            idle,
            rent,
            stake,
            bond,
            listed,
            flash,
            deals,
        },
    )
}

/// The outcome of a day.
#[derive(Debug)]
struct Result {
    pia: Amount,
    quin: Amount,
    treasury: Amount,
    attacker: Amount,
    base: Amount,
    /// The number of deals of each kind that succeeded.
    deals: [u32; 4],
}

const ATTACKER: u8 = 20;

/// Plays the day; `deals` says whether the attacker consumes at himself or leaves his credit alone.
fn play(day: &Day, deals: bool) -> Result {
    let attacker = who(ATTACKER);
    let mut genesis = genesis();
    let mut own = genesis.providers[0].clone();
    (own.provider, own.bond, own.listed) = (attacker, whole(day.bond), day.listed);
    genesis.providers.push(own);
    let mut world = World::with(&genesis, 0);
    for (customer, staked, ..) in &day.honest {
        world.mint(who(*customer), whole(*staked));
    }
    world.mint(who(9), whole(day.idle));
    world.mint(attacker, whole(day.stake));
    world.block_at(0);
    for (customer, staked, at_pia, consumed) in &day.honest {
        world.run(who(*customer), stake_diem(whole(*staked)));
        let provider = if *at_pia { pia() } else { quin() };
        let _too_much = world.call(who(*customer), &spend(provider, FIRST, whole(*consumed)));
    }
    world.run(attacker, stake_diem(whole(day.stake)));
    let mut succeeded = [0; 4];
    for (how, amount) in day.deals.iter().filter(|_| deals) {
        succeeded[usize::from(*how)] += u32::from(deal(&mut world, *how, whole(*amount)));
    }
    world.block_at(DAY - HOUR).mint(attacker, whole(day.flash));
    world.add_rent(whole(day.rent));
    let vvv = |world: &World, who| world.balance(who, Denom::Vvv);
    let before = [pia(), quin(), attacker].map(|who| vvv(&world, who));
    world.block_at(DAY).burn(attacker, whole(day.flash));
    world.block_at(DAY + 3 * HOUR);
    let after = [pia(), quin(), attacker].map(|who| vvv(&world, who));
    let got = |index: usize| after[index].checked_sub(before[index]).unwrap();
    let treasury = world.pool(Pool::Treasury, Denom::Vvv);
    Result { pia: got(0), quin: got(1), treasury, attacker: got(2), base: world.record(0).base, deals: succeeded }
}

/// One of the ways to use credit at oneself, of `amount` or with 0 of all that is left; says whether it did anything.
/// Some are refused, which is fine.
fn deal(world: &mut World, how: u8, amount: Amount) -> bool {
    let attacker = who(ATTACKER);
    let all = amount.is_zero();
    let amount = if all { world.account(attacker).free } else { amount };
    match how {
        0 => world.call(attacker, &spend(attacker, FIRST, amount)).is_ok(),
        1 => world.call(attacker, &allocate(attacker, amount)).is_ok() && !amount.is_zero(),
        2 => {
            // A voucher of more than is left takes what is left.
            let amount = if all { whole(1_000) } else { amount };
            let vouchers = vec![signed(ATTACKER, attacker, FIRST, amount)];
            let events = world.run(attacker, Msg::SettleVouchers { provider: attacker, vouchers });
            let [Event::VouchersSettled { outcomes, .. }] = &events[..] else { panic!("{events:?}") };
            outcomes.iter().any(|outcome| !outcome.paid.is_zero())
        }
        _ => {
            // This goes through a second account, so that nothing looks alike.
            let gift = Msg::GiftCredit { to: who(21), day: FIRST, amount };
            world.call(attacker, &gift).is_ok() && world.call(who(21), &spend(attacker, FIRST, amount)).is_ok()
        }
    }
}

const CASES: u32 = 150;

/// Says how many deals of each kind succeeded, and whether the attacker got exactly the part of his own DIEM.
fn self_dealing_case(day: &Day) -> std::result::Result<([u32; 4], bool), TestCaseError> {
    let (with, without) = (play(day, true), play(day, false));
    prop_assert_eq!((with.pia, with.quin, with.base), (without.pia, without.quin, without.base));
    prop_assert_eq!(without.attacker, Amount::ZERO);
    // He gets at most the part of the rent that his own DIEM carries, rounded down, and only from what nobody earned.
    let own = whole(day.rent).mul_div_floor(whole(day.stake).get(), with.base.get()).unwrap();
    prop_assert!(with.attacker <= own, "{:?} of {:?}", with, own);
    let taken = without.treasury.checked_sub(with.treasury).unwrap();
    // Rounding leaves at most one avvv for each provider in the pot.
    prop_assert!(with.attacker <= taken && taken.get() - with.attacker.get() <= 3);
    if !day.listed {
        prop_assert_eq!(with.attacker, Amount::ZERO);
    }
    Ok((with.deals, with.attacker == own && !own.is_zero()))
}

#[test]
fn self_dealing_gains_nothing_that_belongs_to_others() {
    let (deals, full) = (Cell::new([0; 4]), Cell::new(0));
    proptest!(ProptestConfig { cases: CASES, ..ProptestConfig::default() }, |(day in day())| {
        let (succeeded, got_all) = self_dealing_case(&day)?;
        let sums = deals.get();
        deals.set(std::array::from_fn(|kind| sums[kind] + succeeded[kind]));
        full.set(full.get() + u32::from(got_all));
    });
    // Otherwise the bounds above were kept by nobody trying.
    assert!(deals.get().iter().all(|count| *count > 0), "deals that succeeded: {deals:?}");
    assert!(full.get() > 0, "the attacker never got what his own DIEM carries");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]
    #[test]
    fn diem_that_comes_for_the_close_takes_nothing_from_others(day in day()) {
        let calm = Day { flash: 0, ..day.clone() };
        let (with, without) = (play(&day, true), play(&calm, true));
        // Idle DIEM can only make the others' parts smaller by the hour that it was there, and never its owner's
        // larger.
        prop_assert!(with.attacker <= without.attacker);
        prop_assert!(with.base.get() <= without.base.get() + whole(day.flash).get() / 24 + 1);
    }
}
