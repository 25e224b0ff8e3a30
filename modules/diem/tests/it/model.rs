//! diem against a model of a few lines: every single adiem has its price, and locks are plain numbers.

use std::collections::BTreeMap;

use diem_core::{Address, Amount};
use diem_diem::{Curve, Msg, Step};
use diem_svvv::{Lock, lock_of};
use proptest::{collection::vec, prelude::*};

use crate::chain::{ADA, BOB, Chain, NORTH, SOUTH, empty, start};
use crate::curves::step;

/// The stake of each staker with each validator, in avvv.
const STAKE: u128 = 300;
const PEOPLE: [Address; 2] = [ADA, BOB];
const VALIDATORS: [Address; 2] = [NORTH, SOUTH];

/// A call that can be made: the account, the validator, the amount, and the bound that comes with it.
#[derive(Debug, Clone)]
enum Do {
    Mint { lock: u128, min_out: u128 },
    MintExact { out: u128, max_lock: u128 },
    Burn { amount: u128 },
    Send { amount: u128 },
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![10 => 0..40u128, 3 => 40..400u128, 1 => Just(u128::MAX)]
}

fn steps() -> impl Strategy<Value = (usize, usize, Do)> {
    let what = prop_oneof![
        3 => (amount(), 0..10u128).prop_map(|(lock, min_out)| Do::Mint { lock, min_out }),
        3 => (0..25u128, amount()).prop_map(|(out, max_lock)| Do::MintExact { out, max_lock }),
        3 => (0..15u128).prop_map(|amount| Do::Burn { amount }),
        1 => (0..15u128).prop_map(|amount| Do::Send { amount }),
    ];
    (0..2usize, 0..2usize, what)
}

/// The state that should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    /// The price of each adiem in avvv, the first one first.
    prices: Vec<u128>,
    balances: BTreeMap<usize, u128>,
    /// (locked, outstanding) by staker and validator.
    locks: BTreeMap<(usize, usize), (u128, u128)>,
}

impl Model {
    fn supply(&self) -> usize {
        self.balances.values().sum::<u128>() as usize
    }

    /// Carries out a step; `None`, and nothing changed, if it must fail.
    fn run(&mut self, who: usize, with: usize, what: &Do) -> Option<()> {
        let free = STAKE - self.locks.get(&(who, with)).map_or(0, |lock| lock.0);
        let rest = &self.prices[self.supply()..];
        match *what {
            Do::Mint { lock, min_out } => {
                let (mut paid, mut out) = (0, 0);
                for price in rest {
                    if paid + price > lock {
                        break;
                    }
                    (paid, out) = (paid + price, out + 1);
                }
                let all_spent = (out as usize) < rest.len() || paid == lock;
                (lock <= free && out > 0 && out >= min_out && all_spent).then(|| self.mint(who, with, lock, out))
            }
            Do::MintExact { out, max_lock } => {
                let cost: u128 = rest.get(..usize::try_from(out).ok()?)?.iter().sum();
                (out > 0 && cost <= max_lock.min(free)).then(|| self.mint(who, with, cost, out))
            }
            Do::Burn { amount } => {
                let (locked, outstanding) = self.locks.get(&(who, with)).copied()?;
                let balance = self.balances.get(&who).copied()?;
                (amount > 0 && amount <= outstanding && amount <= balance).then(|| {
                    self.balances.insert(who, balance - amount);
                    self.locks.insert((who, with), (locked - locked * amount / outstanding, outstanding - amount));
                })
            }
            Do::Send { amount } => {
                let balance = self.balances.get(&who).copied().unwrap_or(0);
                (amount <= balance).then(|| {
                    self.balances.insert(who, balance - amount);
                    *self.balances.entry(1 - who).or_default() += amount;
                })
            }
        }
    }

    fn mint(&mut self, who: usize, with: usize, lock: u128, out: u128) {
        *self.balances.entry(who).or_default() += out;
        let old = self.locks.entry((who, with)).or_default();
        *old = (old.0 + lock, old.1 + out);
    }
}

fn run(chain: &mut Chain<'_>, who: usize, with: usize, what: &Do) -> Option<()> {
    let units = Amount::new;
    let (sender, validator) = (PEOPLE[who], VALIDATORS[with]);
    let msg = match *what {
        Do::Mint { lock, min_out } => Msg::Mint { validator, lock: units(lock), min_out: units(min_out) },
        Do::MintExact { out, max_lock } => Msg::MintExact { validator, out: units(out), max_lock: units(max_lock) },
        Do::Burn { amount } => Msg::Burn { validator, amount: units(amount) },
        Do::Send { amount } => {
            let enough = chain.diem(sender).get() >= amount;
            return enough.then(|| chain.send(sender, PEOPLE[1 - who], units(amount)));
        }
    };
    chain.call(sender, &msg).ok().map(|_| ())
}

/// A curve of some steps of 1 to 12 adiem at whole prices, and the price of each adiem.
fn curves() -> impl Strategy<Value = (Vec<Step>, Vec<u128>)> {
    vec((1..12u128, 0..4u128), 1..7).prop_map(|parts| {
        let (mut curve, mut prices, mut price) = (vec![], vec![], 1);
        for (width, rise) in parts {
            price += rise;
            prices.extend(vec![price; width as usize]);
            curve.push(step(prices.len() as u128, &(price * Amount::ONE.get()).to_string()));
        }
        (curve, prices)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_histories_agree_with_the_model((curve, prices) in curves(), history in vec(steps(), 1..60)) {
        let base = empty();
        let mut start = start(Curve::Table(curve));
        start.staking.stakes.iter_mut().for_each(|stake| stake.amount = Amount::new(STAKE));
        let mut chain = Chain::new(&base, &start);
        let mut model = Model { prices, ..Model::default() };
        for (who, with, what) in history {
            let expected = model.run(who, with, &what);
            prop_assert_eq!(run(&mut chain, who, with, &what), expected, "{:?}", what);
            prop_assert_eq!(chain.supply().get(), model.supply() as u128);
            for (who, account) in PEOPLE.iter().enumerate() {
                prop_assert_eq!(chain.diem(*account).get(), model.balances.get(&who).copied().unwrap_or(0));
                for (with, validator) in VALIDATORS.iter().enumerate() {
                    let (shares, outstanding) = model.locks.get(&(who, with)).copied().unwrap_or_default();
                    let lock = Lock { shares, outstanding: Amount::new(outstanding) };
                    prop_assert_eq!(lock_of(&chain.state, account, validator), lock);
                }
            }
        }
    }
}
