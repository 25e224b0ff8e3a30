//! emissions and the sharing below it against plain numbers: random stakes, locks, rates, fees and times.

use diem_bank::{Pool, supply};
use diem_core::{Amount, Denom};
use diem_emissions::{Params, progress};
use proptest::{collection::vec, prelude::*};

use crate::chain::{ADA, BOB, Chain, NORTH, SOUTH, Start, after, empty, flat, whole};

/// A validator as the model sees it, in whole VVV: nobody claims or moves here, and shares are worth one VVV.
#[derive(Debug, Clone)]
struct Validator {
    /// The shares of the operator, which are free.
    own: u128,
    /// The shares of Ada, of which `locked` are locked.
    ada: u128,
    locked: u128,
    commission: u128,
    /// The commission that it should have been paid by now, in avvv.
    due: u128,
    /// The least and the most that Ada should have earned.
    earned: [u128; 2],
}

impl Validator {
    fn tokens(&self) -> u128 {
        self.own + self.ada
    }

    /// Shares a part; returns the protocol fee in it. With D free and locked shares by weight, Ada's part of what
    /// remains is (10^4 free + (10^4 - q) locked) / D of it.
    fn share(&mut self, part: u128, q: u128) -> u128 {
        let fee = part * q * self.locked / (10_000 * self.tokens());
        let commission = (part - fee) * self.commission / 10_000;
        let rest = part - fee - commission;
        let weight = |free: u128, locked: u128| 10_000 * free + (10_000 - q) * locked;
        let all = weight(self.tokens() - self.locked, self.locked);
        let adas = rest * weight(self.ada - self.locked, self.locked);
        self.due += commission;
        self.earned[0] += adas / all;
        self.earned[1] += adas.div_ceil(all);
        fee
    }
}

/// Shares an amount; returns the fee and what is left.
fn share(validators: &mut [Validator], amount: u128, q: u128) -> (u128, u128) {
    let total: u128 = validators.iter().map(Validator::tokens).sum();
    let (mut fee, mut left) = (0, amount);
    for validator in validators {
        let part = amount * validator.tokens() / total;
        left -= part;
        fee += validator.share(part, q);
    }
    (fee, left)
}

fn validator() -> impl Strategy<Value = Validator> {
    (1_000..5_000u128, 1..5_000u128, 0..=100u128, 0..=10_000u128).prop_map(|(own, ada, percent, commission)| {
        Validator { own, ada, locked: ada * percent / 100, commission, due: 0, earned: [0, 0] }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn random_blocks_agree_with_the_model(
        mut validators in vec(validator(), 2), q in 0..=5_000u16, rate in 0..1_000_000u128,
        blocks in vec((0..20_000u64, prop_oneof![Just(0u128), 1..1_000_000u128]), 1..25),
    ) {
        let base = empty();
        let mut start = Start::emitting(flat(Amount::new(rate * 31_536_000)));
        start.emissions.params = Params { fee_bps: q };
        start.purses = vec![(BOB, whole(1))];
        for (operator, model) in [NORTH, SOUTH].into_iter().zip(&validators) {
            let commission = u16::try_from(model.commission).unwrap();
            start.validators.push((operator, commission, whole(model.own)));
            start.stakes.push((ADA, operator, whole(model.ada)));
        }
        let mut chain = Chain::new(&base, &start);
        for (operator, model) in [NORTH, SOUTH].into_iter().zip(&validators) {
            chain.lock(ADA, operator, whole(model.locked));
        }
        let before = supply(&chain.state, Denom::Vvv).get();
        let (mut time, mut emitted, mut paid, mut rent, mut carry) = (0, 0, 0, 0, 0);
        for (ms, fees) in blocks {
            time += ms;
            let new = rate * u128::from(time) / 1_000 - emitted;
            emitted += new;
            paid += fees;
            let (fee, left) = share(&mut validators, new + carry, q.into());
            let (_, left_of_fees) = share(&mut validators, fees, 0);
            (rent, carry) = (rent + fee, left + left_of_fees);

            chain.pay_fees(BOB, Amount::new(fees));
            chain.block(after(time));
            let progress = progress(&chain.state);
            let got = [progress.emitted, progress.fees, progress.rent, progress.carry].map(Amount::get);
            prop_assert_eq!(got, [emitted, paid, rent, carry]);
            prop_assert_eq!(chain.pool(Pool::Rent).get(), rent);
            prop_assert_eq!(chain.pool(Pool::Rewards).get(), emitted + paid - rent);
            prop_assert_eq!(supply(&chain.state, Denom::Vvv).get(), before + emitted);
        }
        for (operator, model) in [NORTH, SOUTH].into_iter().zip(&validators) {
            let row = diem_staking::validator(&chain.state, &operator).unwrap();
            prop_assert_eq!(row.commission_due.get(), model.due);
            let earned = chain.pending(ADA, operator).get();
            // One less than the sum of floors: the indices are floored at 36 decimals.
            prop_assert!(earned + 1 >= model.earned[0] && earned <= model.earned[1], "{earned}, not {:?}", model.earned);
        }
    }
}
