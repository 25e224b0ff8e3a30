//! Who is provider and customer in one takes nothing that belongs to others.

use diem_bank::Pool;
use diem_core::{Amount, Denom};
use diem_credits::Msg;
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
    /// How he deals with himself: (how, amount).
    deals: Vec<(u8, u128)>,
}

fn day() -> impl Strategy<Value = Day> {
    let honest = vec((1..8_u8, 1..500_u128, any::<bool>(), 0..500_u128), 0..6);
    let attack = (1..500_u128, 1_000..1_500_u128, any::<bool>(), 0..500_u128, vec((0..4_u8, 1..500_u128), 0..10));
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

/// What a day left behind.
#[derive(Debug)]
struct Result {
    pia: Amount,
    quin: Amount,
    treasury: Amount,
    attacker: Amount,
    base: Amount,
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
    if deals {
        for (how, amount) in &day.deals {
            deal(&mut world, *how, whole(*amount));
        }
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
    Result { pia: got(0), quin: got(1), treasury, attacker: got(2), base: world.record(0).base }
}

/// One of the ways to use credit at oneself; some are refused, which is fine.
fn deal(world: &mut World, how: u8, amount: Amount) {
    let attacker = who(ATTACKER);
    let msg = match how {
        0 => spend(attacker, FIRST, amount),
        1 => allocate(attacker, amount),
        2 => Msg::SettleVouchers { vouchers: vec![signed(ATTACKER, attacker, FIRST, amount)] },
        _ => {
            // Through a second account, so that nothing looks alike.
            let gift = Msg::GiftCredit { to: who(21), day: FIRST, amount };
            if world.call(attacker, &gift).is_err() {
                return;
            }
            let _refused = world.call(who(21), &spend(attacker, FIRST, amount));
            return;
        }
    };
    let _refused = world.call(attacker, &msg);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn self_dealing_gains_nothing_that_belongs_to_others(day in day()) {
        let (with, without) = (play(&day, true), play(&day, false));
        prop_assert_eq!((with.pia, with.quin, with.base), (without.pia, without.quin, without.base));
        prop_assert_eq!(without.attacker, Amount::ZERO);
        // At most the part of the rent that his own DIEM carries, rounded down, and only from what nobody earned.
        let own = whole(day.rent).mul_div_floor(whole(day.stake).get(), with.base.get()).unwrap();
        prop_assert!(with.attacker <= own, "{:?} of {:?}", with, own);
        let taken = without.treasury.checked_sub(with.treasury).unwrap();
        // Rounding leaves at most one avvv for each provider in the pot.
        prop_assert!(with.attacker <= taken && taken.get() - with.attacker.get() <= 3);
        if !day.listed {
            prop_assert_eq!(with.attacker, Amount::ZERO);
        }
    }

    #[test]
    fn diem_that_comes_for_the_close_takes_nothing_from_others(day in day()) {
        let calm = Day { flash: 0, ..day.clone() };
        let (with, without) = (play(&day, true), play(&calm, true));
        // Idle DIEM can only make the others' parts smaller by the hour that it was there, and never its owner's larger.
        prop_assert!(with.attacker <= without.attacker);
        prop_assert!(with.base.get() <= without.base.get() + whole(day.flash).get() / 24 + 1);
    }
}
