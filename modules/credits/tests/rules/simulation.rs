//! Every call in random order over random days, the invariants after each: no history ends in a broken sum, a day that
//! settles twice, or rent that is lost.

use std::collections::BTreeMap;

use diem_bank::Pool;
use diem_core::{Address, Amount, Denom};
use diem_credits::{Event, Msg};
use proptest::{collection::vec, prelude::*};

use crate::world::*;

/// A call by numbers: (what, who, whom, how much, when).
type Dice = (u8, u8, u8, u128, u8);

fn dice() -> impl Strategy<Value = Dice> {
    (0..24_u8, 1..=6_u8, 1..=6_u8, 1..2_000_u128, any::<u8>())
}

/// Cents of a unit, so that scaling and sales leave fractions.
fn cents(units: u128) -> Amount {
    Amount::new(units * 10_000_000_000_000_000)
}

fn provider(number: u8) -> Address {
    who(10 + number)
}

/// The call that the numbers stand for.
fn msg(world: &World, (what, _, whom, units, when): Dice) -> Msg {
    let today = world.today().global.day;
    // Mostly today, now and then another day.
    let day = if when < 8 { today + 1 } else { today };
    let amount = cents(units);
    let session = 40 + whom;
    match what {
        0..=2 => Msg::StakeDiem { amount, beneficiary: Some(who(whom)) },
        3 | 4 => Msg::UnstakeDiem { amount, beneficiary: Some(who(whom)) },
        5 => Msg::CancelUnstake { tranche: u64::from(when) % 20 },
        6 | 7 => allocate(provider(whom), if when < 40 { Amount::ZERO } else { amount }),
        8 => {
            Msg::Grant { key: who(session), last_day: today + u64::from(when) % 4, limits: vec![limit(pia(), amount)] }
        }
        9 => Msg::Revoke { key: who(session) },
        10 | 11 => spend(provider(whom), day, amount),
        12 => Msg::GiftCredit { to: who(whom), day, amount },
        13 => Msg::OfferCredit { day, amount, price: cents(u128::from(when) + 1) },
        14 | 15 => Msg::BuyCredit { seller: who(whom), day, amount, max_price: whole(3) },
        16 => Msg::WithdrawOffer,
        17 => Msg::AddBond { amount: whole(units) },
        18 => Msg::Deregister,
        19 => Msg::ListProvider { provider: provider(whom) },
        20 => Msg::DelistProvider { provider: provider(whom), forfeit: when < 60 },
        _ => Msg::RegisterProvider {
            bond: whole(1_000),
            payout: who(whom),
            endpoint: "https://a.example".into(),
            moniker: "a".into(),
        },
    }
}

/// Who sends it: providers for their own calls, the authority for its own, customers for the rest.
fn sender((what, from, ..): Dice) -> Address {
    match what {
        17 | 18 | 21.. => provider(from),
        19 | 20 => authority(),
        _ => who(from),
    }
}

fn wait(when: u8, units: u128) -> u64 {
    match when {
        0..=150 => u64::try_from(units).unwrap() * 20_000,
        151..=240 => 9 * HOUR,
        _ => 3 * DAY + HOUR,
    }
}

/// Vouchers of everybody at pia, good and bad, for today and the day before.
fn vouchers(world: &World, units: u128) -> Msg {
    let today = world.today().global;
    let previous = today.previous.map_or(today.day, |previous| previous.day);
    let of = |number: u8| {
        [today.day, previous].into_iter().flat_map(move |day| {
            [signed(number, pia(), day, cents(units)), by_session(number, 40 + number, pia(), day, cents(units / 2))]
        })
    };
    Msg::SettleVouchers { vouchers: (1..=3).flat_map(of).collect() }
}

#[derive(Default)]
struct Seen {
    closed: BTreeMap<u64, u32>,
    settled: BTreeMap<u64, u32>,
    paid: BTreeMap<(u64, Address), u32>,
}

impl Seen {
    fn note(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::DayClosed { day, .. } => *self.closed.entry(*day).or_default() += 1,
                Event::DaySettled { day, .. } => *self.settled.entry(*day).or_default() += 1,
                Event::ProviderPaid { day, provider, .. } => {
                    *self.paid.entry((*day, *provider)).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    fn all_once(&self) -> bool {
        let counts = self.closed.values().chain(self.settled.values()).chain(self.paid.values());
        counts.copied().all(|count| count == 1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]
    #[test]
    fn no_history_breaks_a_sum_or_settles_a_day_twice(history in vec(dice(), 1..120)) {
        let mut world = World::with(&genesis(), 40);
        let mut seen = Seen::default();
        world.block_at(1);
        for dice in history {
            let (what, _, _, units, when) = dice;
            match what {
                22 => {
                    world.add_rent(cents(units));
                    world.block_with(world.time - FIRST * DAY + wait(when, units), usize::from(when % 4));
                    seen.note(&world.events.clone());
                }
                23 => { let _no_provider = world.call(pia(), &vouchers(&world, units)); }
                _ => { let _refused = world.call(sender(dice), &msg(&world, dice)); }
            }
        }
        // The queues drain, and everything that came as rent is somewhere.
        for _ in 0..3 {
            world.block_at(world.time - FIRST * DAY + 8 * DAY);
            seen.note(&world.events.clone());
        }
        prop_assert!(seen.all_once(), "{:?} {:?} {:?}", seen.closed, seen.settled, seen.paid);
        prop_assert_eq!(seen.closed.len() - seen.settled.len(), 1, "only the last closed day is in its grace");
        let held = world.pool(Pool::Payouts, Denom::Vvv);
        let last = world.today().unsettled.map(|day| day.record.rent).unwrap_or_default();
        prop_assert_eq!(held, last);
    }
}
