//! The mint curve: what the next DIEM costs in sVVV, step by step.
//!
//! A table of steps is the truth. It is given digit for digit, or computed once from
//!
//! ```text
//! rate(S) = base * exp(power * (S / target)^3)
//! ```
//!
//! where each step is charged at the rate of its upper edge. The computation is in integers between two proven bounds
//! (the file `exp.rs`), so that every entry is the exact floor and equal on every machine.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::Amount;
use ruint::{UintTryFrom as _, aliases::U256};
use serde::{Deserialize, Serialize};

use crate::exp::{self, Bounds, FRACTION_BITS, Wide};

/// The most steps of a curve.
pub const MAX_STEPS: u32 = 1_024;
/// The largest power: exp of it has more than 1,400 bits, and no rate can have more than 256.
pub const MAX_POWER: Amount = Amount::new(1_000 * Amount::ONE.get());
/// The largest power that counts as a mistake. So few units of 10^-18 were meant as a whole number, and would make a
/// flat curve; 0 alone is accepted below it.
pub(crate) const TINY_POWER: Amount = Amount::new(1_000);

/// A price: base units of sVVV for 10^18 base units of DIEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub U256);

/// A rate is 32 bytes, little-endian.
impl BorshSerialize for Rate {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        BorshSerialize::serialize(&self.0.to_le_bytes::<32>(), writer)
    }
}

impl BorshDeserialize for Rate {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        <[u8; 32] as BorshDeserialize>::deserialize_reader(reader).map(|bytes| Self(U256::from_le_bytes(bytes)))
    }
}

impl From<Amount> for Rate {
    fn from(amount: Amount) -> Self {
        Self(U256::from(amount.get()))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One step of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Step {
    /// The supply of DIEM at which the step ends, in adiem. It begins where the step before it ends; the first begins
    /// at 0.
    pub edge: Amount,
    /// The price of DIEM inside the step.
    pub rate: Rate,
}

/// The numbers of the formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Formula {
    /// The price at a supply of 0, in avvv per DIEM.
    pub base: Amount,
    /// The exponent at the target, in units of 10^-18 as every amount.
    pub power: Amount,
    /// The supply at which the exponent is `power`, in adiem.
    pub target: Amount,
    /// The width of a step, in adiem.
    pub step: Amount,
    /// The number of steps.
    pub steps: u32,
}

/// The default costs 90 sVVV at first and 90 e^2 at 38,000 DIEM, in 256 steps of 500.
impl Default for Formula {
    fn default() -> Self {
        let whole = |units: u128| Amount::new(units.saturating_mul(Amount::ONE.get()));
        Self { base: whole(90), power: whole(2), target: whole(38_000), step: whole(500), steps: 256 }
    }
}

/// A curve as genesis gives it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Curve {
    /// The numbers from which genesis computes the table.
    Formula(Formula) = 0,
    /// The table itself, digit for digit.
    Table(Vec<Step>) = 1,
}

impl Default for Curve {
    fn default() -> Self {
        Self::Formula(Formula::default())
    }
}

/// The reason why a curve is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurveError {
    /// The curve has no step, or too many.
    #[error("the curve has {0} steps; it may have 1 to {MAX_STEPS}")]
    Steps(usize),
    /// An edge is not above the one before (or 0).
    #[error("step {0} of the curve ends where it begins or before: edges must ascend from above 0")]
    Edges(usize),
    /// A step has a rate of zero.
    #[error("step {0} of the curve has a rate of 0: DIEM is never free")]
    ZeroRate(usize),
    /// A step has a lower rate than the one before.
    #[error("step {0} of the curve is cheaper than the one before: rates may not fall")]
    FallingRate(usize),
    /// The price of a whole step does not fit 256 bits.
    #[error("step {0} of the curve is too dear: its rate times its width must be below 2^256")]
    TooLarge(usize),
    /// The computed bounds of an entry have different floors.
    #[error("step {0} of the curve cannot be computed exactly: choose another step or target")]
    Undecided(usize),
    /// The exponent is out of bounds.
    #[error("the power of the curve is {0}; it may be 0, or above {TINY_POWER} and up to {MAX_POWER}")]
    Power(Amount),
    /// The target is zero.
    #[error("the target of the curve is 0: the rate would have no scale")]
    ZeroTarget,
}

/// A curve that can be minted from: 1 to [`MAX_STEPS`] steps, edges ascending, rates above zero and not falling, and
/// no step whose rate times width reaches 2^256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table(Vec<Step>);

impl Table {
    /// The table of these steps.
    ///
    /// # Errors
    /// [`CurveError`] names the first step that breaks a rule.
    pub fn new(steps: Vec<Step>) -> Result<Self, CurveError> {
        if steps.is_empty() || steps.len() > MAX_STEPS as usize {
            return Err(CurveError::Steps(steps.len()));
        }
        Self::collect(steps.into_iter().map(Ok))
    }

    /// Checks each step as it comes, so that the first bad one is named.
    fn collect(steps: impl Iterator<Item = Result<Step, CurveError>>) -> Result<Self, CurveError> {
        let mut before = Step { edge: Amount::ZERO, rate: Rate(U256::ZERO) };
        let checked = steps.enumerate().map(|(number, step)| {
            let step = step?;
            check(before, step, number)?;
            before = step;
            Ok(step)
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// The steps in ascending order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

/// Checks a step against the one `before`.
fn check(before: Step, step: Step, number: usize) -> Result<(), CurveError> {
    let width = step.edge.saturating_sub(before.edge);
    if width.is_zero() {
        return Err(CurveError::Edges(number));
    }
    if step.rate.0.is_zero() {
        return Err(CurveError::ZeroRate(number));
    }
    if step.rate < before.rate {
        return Err(CurveError::FallingRate(number));
    }
    step.rate.0.checked_mul(U256::from(width.get())).map(|_| ()).ok_or(CurveError::TooLarge(number))
}

impl Curve {
    /// The table that this curve means.
    ///
    /// # Errors
    /// [`CurveError`] says what is wrong with it.
    pub fn table(&self) -> Result<Table, CurveError> {
        match self {
            Self::Formula(formula) => formula.table(),
            Self::Table(steps) => Table::new(steps.clone()),
        }
    }
}

impl Formula {
    /// Computes the table: step `i` ends at `step * (i + 1)` and is charged at the rate there, floored.
    ///
    /// # Errors
    /// [`CurveError`] says what is wrong with the numbers, or which entry cannot be decided.
    pub fn table(&self) -> Result<Table, CurveError> {
        let tiny = !self.power.is_zero() && self.power <= TINY_POWER;
        if tiny || self.power > MAX_POWER {
            return Err(CurveError::Power(self.power));
        }
        if self.target.is_zero() {
            return Err(CurveError::ZeroTarget);
        }
        if !(1..=MAX_STEPS).contains(&self.steps) {
            return Err(CurveError::Steps(self.steps as usize));
        }
        Table::collect((0..self.steps).map(|number| self.step(number)))
    }

    fn step(&self, number: u32) -> Result<Step, CurveError> {
        let nth = u128::from(number).saturating_add(1);
        let too_large = || CurveError::TooLarge(number as usize);
        let edge = self.step.checked_mul(nth).map_err(|_| too_large())?;
        let bounds = self.exp_at(edge).ok_or_else(too_large)?;
        let rate = exact_floor(self.base, bounds, number as usize)?;
        Ok(Step { edge, rate })
    }

    /// The bounds of `exp(power * (supply / target)^3)`; `None` if no rate could hold it.
    fn exp_at(&self, supply: Amount) -> Option<Bounds> {
        let cube = |amount: Amount| {
            let wide = Wide::from(amount.get());
            wide.checked_mul(wide)?.checked_mul(wide)
        };
        let numerator = cube(supply)?.checked_mul(Wide::from(self.power.get()))?;
        let denominator = cube(self.target)?.checked_mul(Wide::from(Amount::ONE.get()))?;
        exp::exp(numerator, denominator)
    }
}

/// Computes `floor(base * value)` for the value between `bounds`, if there is no doubt about it.
fn exact_floor(base: Amount, bounds: Bounds, number: usize) -> Result<Rate, CurveError> {
    let floor = |factor: Wide| {
        let product = Wide::from(base.get()).checked_mul(factor)?.wrapping_shr(FRACTION_BITS);
        U256::uint_try_from(product).ok()
    };
    let low = floor(bounds.low).ok_or(CurveError::TooLarge(number))?;
    if Some(low) == floor(bounds.high) { Ok(Rate(low)) } else { Err(CurveError::Undecided(number)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

    use super::*;

    #[test]
    fn an_entry_whose_bounds_floor_differently_is_refused() {
        let one = Wide::ONE << FRACTION_BITS;
        let around_one = Bounds { low: one - Wide::ONE, high: one };
        assert_eq!(exact_floor(Amount::ONE, around_one, 7), Err(CurveError::Undecided(7)));
        let above_one = Bounds { low: one, high: one + Wide::ONE };
        assert_eq!(exact_floor(Amount::ONE, above_one, 7), Ok(Rate(U256::from(Amount::ONE.get()))));
    }

    #[test]
    fn an_entry_above_256_bits_is_refused() {
        let bounds = Bounds { low: Wide::ONE << (FRACTION_BITS + 200), high: Wide::ONE << (FRACTION_BITS + 200) };
        assert!(exact_floor(Amount::new(1 << 55), bounds, 0).is_ok());
        assert_eq!(exact_floor(Amount::new(1 << 56), bounds, 3), Err(CurveError::TooLarge(3)));
    }
}
