//! Random histories against a count of every single DIEM.
//!
//! The model knows no rows and no rolling: it holds each DIEM as a token with its place and remembers, token by token,
//! for which day it last gave credit to whom. That a token gives credit twice on one day is a failed assertion there.

use std::collections::BTreeMap;

use diem_core::{Address, Amount};
use diem_credits::Msg;
use proptest::{collection::vec, prelude::*};

use crate::world::*;

const PEOPLE: u8 = 4;
const TOKENS_EACH: u128 = 6;

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Stake { staker: u8, beneficiary: u8, amount: u128 },
    Unstake { staker: u8, beneficiary: u8, amount: u128 },
    Cancel { staker: u8, nth: usize },
    Transfer { from: u8, to: u8, amount: u128 },
    Gift { from: u8, to: u8, amount: u128 },
    Offer { seller: u8, amount: u128 },
    Buy { buyer: u8, seller: u8, amount: u128 },
    Spend { account: u8, amount: u128 },
    Allocate { account: u8, amount: u128 },
    Voucher { account: u8, yesterday: bool, amount: u128 },
}

fn step() -> impl Strategy<Value = Step> {
    let person = || 1..=PEOPLE;
    let amount = || 1..=TOKENS_EACH;
    let wait = prop_oneof![
        4 => Just(HOUR),
        3 => Just(11 * HOUR),
        2 => Just(DAY - 1),
        2 => Just(DAY),
        1 => Just(3 * DAY + HOUR),
        1 => 0..DAY,
    ];
    prop_oneof![
        5 => wait.prop_map(Step::Wait),
        4 => (person(), person(), amount())
            .prop_map(|(staker, beneficiary, amount)| Step::Stake { staker, beneficiary, amount }),
        4 => (person(), person(), amount())
            .prop_map(|(staker, beneficiary, amount)| Step::Unstake { staker, beneficiary, amount }),
        3 => (person(), 0..3_usize).prop_map(|(staker, nth)| Step::Cancel { staker, nth }),
        2 => (person(), person(), amount()).prop_map(|(from, to, amount)| Step::Transfer { from, to, amount }),
        2 => (person(), person(), amount()).prop_map(|(from, to, amount)| Step::Gift { from, to, amount }),
        2 => (person(), amount()).prop_map(|(seller, amount)| Step::Offer { seller, amount }),
        3 => (person(), person(), amount()).prop_map(|(buyer, seller, amount)| Step::Buy { buyer, seller, amount }),
        2 => (person(), amount()).prop_map(|(account, amount)| Step::Spend { account, amount }),
        1 => (person(), 0..=TOKENS_EACH).prop_map(|(account, amount)| Step::Allocate { account, amount }),
        1 => (person(), any::<bool>(), amount())
            .prop_map(|(account, yesterday, amount)| Step::Voucher { account, yesterday, amount }),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Wallet,
    Staked { beneficiary: u8 },
    Cooling { beneficiary: u8, tranche: u64, due: u64 },
}

#[derive(Debug, Clone)]
struct Token {
    owner: u8,
    place: Place,
    /// The last day on which it gave credit.
    gave: Option<u64>,
}

/// The DIEM that people own and can use, one at a time.
#[derive(Debug, Clone, Default)]
struct Model {
    tokens: Vec<Token>,
    day: u64,
    /// Credit that tokens gave and people passed on, by (day, account).
    credit: BTreeMap<(u64, u8), u128>,
    /// Credit that is spent, by (day, account).
    spent: BTreeMap<(u64, u8), u128>,
    tranches: u64,
}

impl Model {
    fn new() -> Self {
        let token = |owner| Token { owner, place: Place::Wallet, gave: None };
        let tokens = (1..=PEOPLE).flat_map(|owner| (0..TOKENS_EACH).map(move |_| token(owner))).collect();
        Self { tokens, day: FIRST, ..Self::default() }
    }

    /// Token `index` gives today's credit to `to`.
    fn give(&mut self, index: usize, to: u8) {
        let token = &mut self.tokens[index];
        assert_ne!(token.gave, Some(self.day), "one DIEM backs two credits on one day");
        token.gave = Some(self.day);
        *self.credit.entry((self.day, to)).or_default() += 1;
    }

    fn indices(&self, owner: u8, place: impl Fn(Place) -> bool) -> Vec<usize> {
        let tokens = self.tokens.iter().enumerate();
        tokens.filter(|(_, token)| token.owner == owner && place(token.place)).map(|(index, _)| index).collect()
    }

    /// A block: the chain says which day is open; tokens whose tranche is due are free.
    fn block(&mut self, now: u64, day: u64) {
        for token in &mut self.tokens {
            if matches!(token.place, Place::Cooling { due, .. } if due <= now) {
                token.place = Place::Wallet;
            }
        }
        if day > self.day {
            self.day = day;
            for index in 0..self.tokens.len() {
                if let Place::Staked { beneficiary } = self.tokens[index].place {
                    self.give(index, beneficiary);
                }
            }
        }
    }

    fn stake(&mut self, staker: u8, beneficiary: u8, amount: u128) {
        let free = self.indices(staker, |place| place == Place::Wallet);
        for index in &free[..usize::try_from(amount).unwrap()] {
            self.tokens[*index].place = Place::Staked { beneficiary };
            self.give(*index, beneficiary);
        }
    }

    fn unstake(&mut self, staker: u8, beneficiary: u8, amount: u128, due: u64) {
        let staked = self.indices(staker, |place| place == Place::Staked { beneficiary });
        for index in &staked[..usize::try_from(amount).unwrap()] {
            self.tokens[*index].place = Place::Cooling { beneficiary, tranche: self.tranches, due };
        }
        self.tranches += 1;
    }

    fn cancel(&mut self, staker: u8, id: u64) {
        let cooling = |place| matches!(place, Place::Cooling { tranche, .. } if tranche == id);
        for index in self.indices(staker, cooling) {
            let Place::Cooling { beneficiary, .. } = self.tokens[index].place else { unreachable!() };
            self.tokens[index].place = Place::Staked { beneficiary };
            // A token gives today's credit only if it has not given it yet.
            if self.tokens[index].gave != Some(self.day) {
                self.give(index, beneficiary);
            }
        }
    }

    fn pass(&mut self, from: u8, to: u8, amount: u128) {
        *self.credit.entry((self.day, from)).or_default() -= amount;
        *self.credit.entry((self.day, to)).or_default() += amount;
    }

    fn staked_for(&self, account: u8) -> u128 {
        let staked = |token: &&Token| token.place == Place::Staked { beneficiary: account };
        self.tokens.iter().filter(staked).count() as u128
    }

    fn of(map: &BTreeMap<(u64, u8), u128>, day: u64, account: u8) -> Amount {
        whole(map.get(&(day, account)).copied().unwrap_or(0))
    }
}

/// The chain and the model side by side.
struct Both {
    world: World,
    model: Model,
}

impl Both {
    fn new() -> Self {
        let mut both = Self { world: World::with(&genesis(), TOKENS_EACH), model: Model::new() };
        both.world.block_at(HOUR);
        both
    }

    fn run(&mut self, step: &Step) {
        let (day, now) = (self.model.day, self.world.time);
        match *step {
            Step::Wait(ms) => {
                self.world.block_at(now - FIRST * DAY + ms);
                let open = self.world.today().open_day.day;
                self.model.block(self.world.time, open);
            }
            Step::Stake { staker, beneficiary, amount } => {
                let msg = Msg::StakeDiem { amount: whole(amount), beneficiary: Some(who(beneficiary)) };
                if self.world.call(who(staker), &msg).is_ok() {
                    self.model.stake(staker, beneficiary, amount);
                }
            }
            Step::Unstake { staker, beneficiary, amount } => {
                let msg = Msg::UnstakeDiem { amount: whole(amount), beneficiary: Some(who(beneficiary)) };
                if self.world.call(who(staker), &msg).is_ok() {
                    self.model.unstake(staker, beneficiary, amount, now + DAY);
                }
            }
            Step::Cancel { staker, nth } => self.cancel(staker, nth),
            Step::Transfer { from, to, amount } => self.transfer(from, to, amount),
            Step::Gift { from, to, amount } => {
                let msg = Msg::GiftCredit { to: who(to), day, amount: whole(amount) };
                if self.world.call(who(from), &msg).is_ok() {
                    self.model.pass(from, to, amount);
                }
            }
            Step::Offer { seller, amount } => {
                let msg = Msg::OfferCredit { day, amount: whole(amount), price: whole(1) };
                let _refused = self.world.call(who(seller), &msg);
            }
            Step::Buy { buyer, seller, amount } => {
                let msg = Msg::BuyCredit { seller: who(seller), day, amount: whole(amount), max_price: whole(1) };
                if self.world.call(who(buyer), &msg).is_ok() {
                    self.model.pass(seller, buyer, amount);
                }
            }
            Step::Spend { account, amount } => {
                if self.world.call(who(account), &spend(pia(), day, whole(amount))).is_ok() {
                    *self.model.spent.entry((day, account)).or_default() += amount;
                }
            }
            Step::Allocate { account, amount } => {
                let _refused = self.world.call(who(account), &allocate(quin(), whole(amount)));
            }
            Step::Voucher { account, yesterday, amount } => {
                let day = if yesterday { self.world.account(who(account)).previous.day } else { day };
                self.voucher(account, day, amount);
            }
        }
    }

    fn cancel(&mut self, staker: u8, nth: usize) {
        let mut ids: Vec<u64> = self.model.tokens.iter().filter_map(|token| cooling(token, staker)).collect();
        ids.dedup();
        let Some(id) = ids.get(nth) else { return };
        self.world.run(who(staker), Msg::CancelUnstake { tranche: *id });
        self.model.cancel(staker, *id);
    }

    fn transfer(&mut self, from: u8, to: u8, amount: u128) {
        if self.world.transfer_diem(who(from), who(to), whole(amount)).is_ok() {
            let free = self.model.indices(from, |place| place == Place::Wallet);
            for index in &free[..usize::try_from(amount).unwrap()] {
                self.model.tokens[*index].owner = to;
            }
        }
    }

    fn voucher(&mut self, account: u8, day: u64, amount: u128) {
        let voucher = signed(account, quin(), day, whole(amount));
        let paid = self.world.settle(quin(), vec![voucher])[0].paid;
        // Allocations are scaled to whole DIEM or a fraction: count in base units.
        *self.model.spent.entry((day, account)).or_default() += paid.get() / whole(1).get();
    }

    /// Every row is what the tokens say.
    fn compare(&self) -> Result<(), TestCaseError> {
        let sold = |token: &Token| token.place == Place::Wallet && token.gave == Some(self.model.day);
        prop_assert!(!self.model.tokens.iter().any(sold), "a DIEM that gave credit today is free to give it again");
        for account in 1..=PEOPLE {
            let rows = self.world.account(who(account));
            prop_assert_eq!(rows.today.staked, whole(self.model.staked_for(account)));
            prop_assert_eq!(rows.today.allowance, Model::of(&self.model.credit, self.model.day, account));
            prop_assert_eq!(rows.today.spent, Model::of(&self.model.spent, self.model.day, account));
            prop_assert_eq!(rows.previous.allowance, Model::of(&self.model.credit, rows.previous.day, account));
            prop_assert_eq!(rows.previous.spent, Model::of(&self.model.spent, rows.previous.day, account));
            let wallet = self.model.indices(account, |place| place == Place::Wallet).len() as u128;
            prop_assert_eq!(self.world.balance(who(account), diem_core::Denom::Diem), whole(wallet));
        }
        let today = self.model.credit.iter().filter(|((day, _), _)| *day == self.model.day);
        prop_assert_eq!(self.world.today().open_day.allowance, whole(today.map(|(_, credit)| credit).sum()));
        Ok(())
    }
}

fn cooling(token: &Token, staker: u8) -> Option<u64> {
    match token.place {
        Place::Cooling { tranche, .. } if token.owner == staker => Some(tranche),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_rolled_rows_are_a_count_of_every_diem(steps in vec(step(), 1..80)) {
        let mut both = Both::new();
        for step in &steps {
            both.run(step);
            both.compare()?;
        }
    }
}

#[test]
fn the_model_would_notice_a_diem_that_gives_twice() {
    let mut model = Model::new();
    model.stake(1, 1, 1);
    model.tokens[0].place = Place::Wallet;
    assert!(std::panic::catch_unwind(move || model.stake(1, 2, 1)).is_err());
}

/// The address is the key's: the model names people by number.
#[test]
fn people_are_different() {
    let mut all: Vec<Address> = (1..=PEOPLE).map(who).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), usize::from(PEOPLE));
}
