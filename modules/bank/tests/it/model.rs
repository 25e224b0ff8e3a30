//! bank against a model of a few lines: maps of plain numbers.

use std::collections::BTreeMap;

use diem_bank::{Bank, Msg, Output, Pool, ledger};
use diem_core::{Denom, Module as _, ModuleId, StateWrite};
use diem_overlay::Overlay;
use proptest::{collection::vec, prelude::*};

use crate::state::*;

/// Runs `step` in an overlay of its own and keeps its writes only if it succeeds.
fn all_or_nothing<T, E>(
    state: &mut Overlay<'_>,
    step: impl FnOnce(&mut dyn StateWrite) -> Result<T, E>,
) -> Result<T, E> {
    let (outcome, writes) = {
        let mut overlay = Overlay::new(&*state);
        let outcome = step(&mut overlay);
        (outcome, overlay.into_writes())
    };
    if outcome.is_ok() {
        state.apply(writes);
    }
    outcome
}

/// The number of accounts that act.
const PEOPLE: u8 = 5;
/// The number of accounts that have something from the start.
const RICH: u8 = 3;
/// Half a thousandth: the least first payment is a multiple of it, so that amounts meet that bound from both sides.
const GRAIN: u128 = 500_000_000_000_000;

/// Something that can be asked of bank.
#[derive(Debug, Clone)]
enum Step {
    Transfer {
        from: u8,
        to: u8,
        denom: Denom,
        amount: u128,
    },
    MultiTransfer {
        from: u8,
        denom: Denom,
        outputs: Vec<(u8, u128)>,
    },
    IntoPool {
        from: u8,
        pool: Pool,
        denom: Denom,
        amount: u128,
    },
    FromPool {
        pool: Pool,
        to: u8,
        denom: Denom,
        amount: u128,
    },
    Between {
        from: Pool,
        to: Pool,
        denom: Denom,
        amount: u128,
    },
    /// A transaction's fee, collected at once.
    Fee {
        sender: u8,
        ahead: u64,
        payer: u8,
        amount: u128,
    },
    Mint {
        by: u8,
        to: u8,
        denom: Denom,
        amount: u128,
    },
    MintToPool {
        by: u8,
        pool: Pool,
        denom: Denom,
        amount: u128,
    },
    Burn {
        by: u8,
        from: u8,
        denom: Denom,
        amount: u128,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 1..=PEOPLE;
    let denom = || prop_oneof![Just(Denom::Vvv), Just(Denom::Diem)];
    // The amounts are small enough to succeed often, large enough to fail sometimes, or the largest that there can be.
    let amount = || {
        prop_oneof![20 => (0..40u128).prop_map(|n| n * GRAIN), 4 => (40..400u128).prop_map(|n| n * GRAIN), 2 => 0..40u128,
            1 => Just(u128::MAX), 1 => Just(u128::MAX - 1_000 * GRAIN)]
    };
    let module = || prop_oneof![Just(1u8), Just(2), Just(4), Just(5), Just(6)];
    let pool = || prop_oneof![Just(Pool::Fees), Just(Pool::Bonded), Just(Pool::Treasury)];
    prop_oneof![
        4 => (who(), who(), denom(), amount()).prop_map(|(from, to, denom, amount)| Step::Transfer { from, to, denom, amount }),
        3 => (who(), denom(), vec((who(), amount()), 0..5))
            .prop_map(|(from, denom, outputs)| Step::MultiTransfer { from, denom, outputs }),
        2 => (who(), pool(), denom(), amount())
            .prop_map(|(from, pool, denom, amount)| Step::IntoPool { from, pool, denom, amount }),
        2 => (pool(), who(), denom(), amount())
            .prop_map(|(pool, to, denom, amount)| Step::FromPool { pool, to, denom, amount }),
        2 => (pool(), pool(), denom(), amount())
            .prop_map(|(from, to, denom, amount)| Step::Between { from, to, denom, amount }),
        2 => (who(), 0..2u64, who(), amount())
            .prop_map(|(sender, ahead, payer, amount)| Step::Fee { sender, ahead, payer, amount }),
        1 => (module(), who(), denom(), amount()).prop_map(|(by, to, denom, amount)| Step::Mint { by, to, denom, amount }),
        1 => (module(), pool(), denom(), amount())
            .prop_map(|(by, pool, denom, amount)| Step::MintToPool { by, pool, denom, amount }),
        1 => (module(), who(), denom(), amount()).prop_map(|(by, from, denom, amount)| Step::Burn { by, from, denom, amount }),
    ]
}

/// The balances that bank should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    balances: BTreeMap<(u8, Denom), u128>,
    pools: BTreeMap<(Pool, Denom), u128>,
    nonces: BTreeMap<u8, u64>,
}

impl Model {
    fn supply(&self, denom: Denom) -> u128 {
        let held = self.balances.iter().filter(|((_, of), _)| *of == denom).map(|(_, amount)| amount).sum::<u128>();
        held + self.pools.iter().filter(|((_, of), _)| *of == denom).map(|(_, amount)| amount).sum::<u128>()
    }

    /// Carries out a step; `None`, and nothing changed, if it must fail.
    fn run(&mut self, step: &Step) -> Option<()> {
        let mut next = self.clone();
        next.change(step)?;
        *self = next;
        Some(())
    }

    fn change(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Transfer { from, to, denom, amount } => self.pay(*from, *to, *denom, *amount),
            Step::MultiTransfer { from, denom, outputs } => {
                (!outputs.is_empty()).then_some(())?;
                outputs.iter().try_for_each(|(to, amount)| self.pay(*from, *to, *denom, *amount))
            }
            Step::IntoPool { from, pool, denom, amount } => {
                self.take(*from, *denom, *amount)?;
                self.fill(*pool, *denom, *amount)
            }
            Step::FromPool { pool, to, denom, amount } => {
                self.drain(*pool, *denom, *amount)?;
                self.give(*to, *denom, *amount)
            }
            Step::Between { from, to, denom, amount } => {
                self.drain(*from, *denom, *amount)?;
                self.fill(*to, *denom, *amount)
            }
            Step::Fee { sender, ahead, payer, amount } => {
                (*ahead == 0 && self.has_row(*sender)).then_some(())?;
                self.take(*payer, Denom::Vvv, *amount)?;
                *self.nonces.entry(*sender).or_default() += 1;
                self.fill(Pool::Fees, Denom::Vvv, *amount)
            }
            Step::Mint { by, to, denom, amount } => {
                self.may_mint(*by, *denom, *amount)?;
                self.give(*to, *denom, *amount)
            }
            Step::MintToPool { by, pool, denom, amount } => {
                self.may_mint(*by, *denom, *amount)?;
                self.fill(*pool, *denom, *amount)
            }
            Step::Burn { by, from, denom, amount } => {
                [(2, Denom::Vvv), (4, Denom::Diem)].contains(&(*by, *denom)).then_some(())?;
                self.take(*from, *denom, *amount)
            }
        }
    }

    fn may_mint(&self, by: u8, denom: Denom, amount: u128) -> Option<()> {
        let minters = [(1, Denom::Vvv), (1, Denom::Diem), (4, Denom::Diem), (5, Denom::Vvv)];
        self.supply(denom).checked_add(amount).filter(|_| minters.contains(&(by, denom))).map(|_| ())
    }

    fn give(&mut self, to: u8, denom: Denom, amount: u128) -> Option<()> {
        *self.balances.entry((to, denom)).or_default() += amount;
        Some(())
    }

    fn fill(&mut self, pool: Pool, denom: Denom, amount: u128) -> Option<()> {
        *self.pools.entry((pool, denom)).or_default() += amount;
        Some(())
    }

    fn drain(&mut self, pool: Pool, denom: Denom, amount: u128) -> Option<()> {
        let held = self.pools.entry((pool, denom)).or_default();
        *held = held.checked_sub(amount)?;
        Some(())
    }

    /// Whether the account has something, or has sent a transaction.
    fn has_row(&self, person: u8) -> bool {
        let has = |denom| self.balances.get(&(person, denom)).is_some_and(|held| *held > 0);
        self.nonces.get(&person).is_some_and(|nonce| *nonce > 0) || Denom::ALL.into_iter().any(has)
    }

    fn take(&mut self, from: u8, denom: Denom, amount: u128) -> Option<()> {
        let balance = self.balances.entry((from, denom)).or_default();
        *balance = balance.checked_sub(amount)?;
        Some(())
    }

    fn pay(&mut self, from: u8, to: u8, denom: Denom, amount: u128) -> Option<()> {
        (amount > 0).then_some(())?;
        let least = match denom {
            Denom::Vvv => 20 * GRAIN,
            Denom::Diem => 2 * GRAIN,
        };
        (self.has_row(to) || amount >= least).then_some(())?;
        self.take(from, denom, amount)?;
        self.give(to, denom, amount)
    }
}

/// Takes the step in bank; returns whether it succeeded.
fn run(state: &mut Overlay<'_>, step: &Step) -> bool {
    match step {
        Step::Transfer { from, to, denom, amount } => {
            let msg = Msg::Transfer { to: who(*to), denom: *denom, amount: units(*amount) };
            call(state, who(*from), &msg).is_ok()
        }
        Step::MultiTransfer { from, denom, outputs } => {
            let outputs = outputs.iter().map(|(to, amount)| Output { to: who(*to), amount: units(*amount) }).collect();
            call(state, who(*from), &Msg::MultiTransfer { denom: *denom, outputs }).is_ok()
        }
        Step::IntoPool { from, pool, denom, amount } => {
            all_or_nothing(state, |state| ledger::pay_into_pool(state, &who(*from), *pool, *denom, units(*amount)))
                .is_ok()
        }
        Step::FromPool { pool, to, denom, amount } => {
            all_or_nothing(state, |state| ledger::pay_from_pool(state, *pool, &who(*to), *denom, units(*amount)))
                .is_ok()
        }
        Step::Between { from, to, denom, amount } => {
            all_or_nothing(state, |state| ledger::move_between_pools(state, *from, *to, *denom, units(*amount))).is_ok()
        }
        Step::Fee { sender, ahead, payer, amount } => {
            let nonce = ledger::nonce(state, &who(*sender)) + ahead;
            let charged = ledger::charge(state, &who(*sender), nonce, &who(*payer), units(*amount)).is_ok();
            if charged {
                ledger::collect_fees(state, units(*amount)).unwrap();
            }
            charged
        }
        Step::Mint { by, to, denom, amount } => {
            all_or_nothing(state, |state| ledger::mint(state, ModuleId(*by), &who(*to), *denom, units(*amount))).is_ok()
        }
        Step::MintToPool { by, pool, denom, amount } => {
            all_or_nothing(state, |state| ledger::mint_to_pool(state, ModuleId(*by), *pool, *denom, units(*amount)))
                .is_ok()
        }
        Step::Burn { by, from, denom, amount } => {
            all_or_nothing(state, |state| ledger::burn(state, ModuleId(*by), &who(*from), *denom, units(*amount)))
                .is_ok()
        }
    }
}

proptest! {
    #[test]
    fn bank_agrees_with_its_model_after_every_step(steps in vec(step(), 1..60)) {
        let base = empty();
        let mut state = Overlay::new(&base);
        let mut model = Model::default();
        for person in 1..=RICH {
            for denom in Denom::ALL {
                fund(&mut state, who(person), denom, 100 * GRAIN);
                model.balances.insert((person, denom), 100 * GRAIN);
            }
        }
        for step in &steps {
            prop_assert_eq!(run(&mut state, step), model.run(step).is_some(), "{:?}", step);
            prop_assert_eq!(Bank::check_invariants(&state), Ok(()));
            for denom in Denom::ALL {
                prop_assert_eq!(ledger::supply(&state, denom).get(), model.supply(denom));
                for pool in Pool::ALL {
                    let held = model.pools.get(&(pool, denom)).copied().unwrap_or(0);
                    prop_assert_eq!(ledger::pool(&state, pool, denom).get(), held);
                }
                for person in 1..=PEOPLE {
                    let held = model.balances.get(&(person, denom)).copied().unwrap_or(0);
                    prop_assert_eq!(ledger::balance(&state, &who(person), denom).get(), held);
                }
            }
            for person in 1..=PEOPLE {
                let nonce = model.nonces.get(&person).copied().unwrap_or(0);
                prop_assert_eq!(ledger::nonce(&state, &who(person)), nonce);
                prop_assert_eq!(ledger::has_account(&state, &who(person)), model.has_row(person));
            }
        }
    }
}
