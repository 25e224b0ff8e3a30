//! Every call in random order over random days, the invariants after each: no history ends in a broken sum, a day that
//! settles twice, or rent that is lost.

use std::collections::BTreeMap;

use diem_bank::Pool;
use diem_core::{Address, Amount, Denom, Page};
use diem_credits::{Event, Genesis, Msg, Voucher, query};
use proptest::{collection::vec, prelude::*};

use crate::world::*;

/// Customers 1 to 3; providers are 11 to 13.
const PEOPLE: u8 = 3;

/// A call by numbers: (what, who, whom, how much, how).
type Dice = (u8, u8, u8, u128, u8);

fn dice() -> impl Strategy<Value = Dice> {
    (0..33_u8, 1..=PEOPLE, 1..=PEOPLE, 1..400_u128, any::<u8>())
}

/// Hundredths of a unit, so that scaling and sales leave fractions.
fn cents(units: u128) -> Amount {
    Amount::new(units * 10_000_000_000_000_000)
}

fn provider(number: u8) -> Address {
    who(10 + number)
}

/// The call that the numbers stand for: mostly one that can succeed, sometimes one that cannot.
fn msg(world: &World, (what, from, whom, units, how): Dice) -> Msg {
    let today = world.today().open_day.day;
    let day = if how < 8 { today + 1 } else { today };
    let amount = cents(units);
    // Now and then it is more than there is.
    let most = |there: Amount| if how < 16 || there.is_zero() { amount } else { amount.min(there) };
    let free = world.account(who(from)).free;
    match what {
        0..=2 => Msg::StakeDiem { amount, beneficiary: (how < 80).then(|| who(whom)) },
        3 | 4 => {
            let positions = query::positions(&world.ctx(), &who(from), &Page { after: None, limit: 10 });
            let (beneficiary, staked) = positions.get(usize::from(how % 2)).copied().unwrap_or((who(whom), amount));
            Msg::UnstakeDiem { amount: most(staked), beneficiary: Some(beneficiary) }
        }
        5 => {
            let tranche = query::tranches(&world.ctx(), &who(from)).first().map_or(u64::from(how), |(id, _)| *id);
            Msg::CancelUnstake { tranche }
        }
        6 | 7 => {
            let provider = if how % 2 == 0 { pia() } else { provider(whom) };
            allocate(provider, if how < 40 { Amount::ZERO } else { amount })
        }
        8 => {
            let limits = vec![limit(pia(), amount)];
            Msg::Grant { key: who(40 + from), last_day: today + u64::from(how) % 4, limits }
        }
        9 => Msg::Revoke { key: who(40 + from) },
        10 | 11 => spend(provider(whom), day, most(free)),
        12 => Msg::GiftCredit { to: who(whom), day, amount: most(free) },
        13 | 31.. => Msg::OfferCredit { day, amount: most(free), price: cents(u128::from(how) + 1) },
        14 | 15 => {
            let offers = query::offers(&world.ctx(), &Page { after: None, limit: 3 });
            let offer = offers.iter().find(|offer| offer.seller != who(from));
            let (seller, offered) = offer.map_or((who(whom), amount), |offer| (offer.seller, offer.amount));
            Msg::BuyCredit { seller, day, amount: most(offered), max_price: whole(3) }
        }
        16 => Msg::WithdrawOffer,
        17 => Msg::AddBond { amount: whole(units) },
        18 if how < 50 => Msg::Deregister,
        18 | 19 => Msg::ListProvider { provider: provider(whom) },
        _ => Msg::DelistProvider { provider: provider(whom), forfeit: how < 60 },
    }
}

/// The sender of a call: providers for their own calls, the authority for its own, customers for the rest.
fn sender((what, from, _, _, how): Dice) -> Address {
    match what {
        17 => provider(from),
        // Pia stays, so that vouchers have somewhere to go.
        18 if how < 50 => provider(from.max(2)),
        18..=20 => authority(),
        _ => who(from),
    }
}

/// The time until the next block: seconds, hours, to half an hour before midnight, over it, or a halt of days, also one
/// that ends so late that the grace reaches into the next day.
fn wait(world: &World, how: u8, units: u128) -> u64 {
    let to_midnight = DAY - world.time % DAY;
    match how {
        0..=80 => u64::try_from(units).unwrap() * 1_000,
        81..=130 => HOUR,
        131..=170 => to_midnight.saturating_sub(HOUR / 2).max(1),
        171..=220 => to_midnight + 1,
        221..=238 => to_midnight + 3 * DAY - HOUR / 2,
        _ => 3 * DAY + HOUR,
    }
}

/// Vouchers of everybody at pia, by account and by session key, for today and the day before, each for a little more
/// than was paid so far.
fn vouchers(world: &World, units: u128) -> Msg {
    let today = world.today().open_day;
    let previous = today.previous.map_or(today.day, |previous| previous.day);
    let next = |number: u8, session: Option<u8>, day: u64| {
        let signer = session.unwrap_or(number);
        let info = query::voucher(&world.ctx(), &who(number), &who(signer), &pia());
        let on = if day == today.day { Some(info.today) } else { info.previous };
        let paid = on.map_or(Amount::ZERO, |on| on.signed.paid);
        let amount = paid.checked_add(cents(units / 4)).unwrap();
        let voucher = Voucher { signer: who(signer), requests: 3, ..voucher(number, pia(), day, amount) };
        voucher.sign(&key(signer))
    };
    let of =
        |number: u8| [today.day, previous].map(|day| [next(number, None, day), next(number, Some(40 + number), day)]);
    Msg::SettleVouchers { provider: pia(), vouchers: (1..=PEOPLE).flat_map(of).flatten().collect() }
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
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]
    #[test]
    fn no_history_breaks_a_sum_or_settles_a_day_twice(history in vec(dice(), 1..250)) {
        let mut world = World::with(&Genesis { stakes: (1..=PEOPLE).map(|n| staked(n, whole(10))).collect(), ..genesis() }, 40);
        let mut seen = Seen::default();
        world.block_at(1);
        for dice in history {
            let (what, _, _, units, when) = dice;
            match what {
                21..=28 => {
                    world.add_rent(cents(units));
                    let time = world.time - FIRST * DAY + wait(&world, when, units);
                    world.block_with(time, usize::from(when % 4));
                    seen.note(&world.events.clone());
                }
                29..=30 => { let _no_provider = world.call(pia(), &vouchers(&world, units)); }
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
