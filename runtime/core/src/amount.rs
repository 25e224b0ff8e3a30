//! Amounts of VVV and DIEM in base units, with checked arithmetic only.

use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use ruint::aliases::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::shortened;

/// Decimals of VVV, DIEM and credit.
pub const DECIMALS: usize = 18;

/// Why a computation with amounts fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MathError {
    /// The result does not fit 128 bits.
    #[error("the result is larger than 2^128 - 1 base units")]
    Overflow,
    /// A subtraction would have gone below zero.
    #[error("the result would be below zero")]
    Underflow,
    /// A division by zero.
    #[error("division by zero")]
    DivisionByZero,
}

/// A number of base units (10^-18 of a VVV, a DIEM or a credit).
///
/// Arithmetic is checked: nothing wraps, nothing is lost silently, and where a division rounds its direction is in
/// the function's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Amount(u128);

impl Amount {
    /// The amount of zero.
    pub const ZERO: Self = Self(0);
    /// One whole VVV, DIEM or credit: 10^18 base units.
    pub const ONE: Self = Self(1_000_000_000_000_000_000);
    /// The largest amount there can be.
    pub const MAX: Self = Self(u128::MAX);

    /// An amount of `units` base units.
    pub const fn new(units: u128) -> Self {
        Self(units)
    }

    /// The number of base units.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or [`MathError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MathError> {
        self.0.checked_add(other.0).map(Self).ok_or(MathError::Overflow)
    }

    /// The sum, or [`Amount::MAX`] where it does not fit: for bounds, never for what is booked.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or [`MathError::Underflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MathError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MathError::Underflow)
    }

    /// The difference, or zero where it would be negative.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self * factor`, or [`MathError::Overflow`].
    pub fn checked_mul(self, factor: u128) -> Result<Self, MathError> {
        self.0.checked_mul(factor).map(Self).ok_or(MathError::Overflow)
    }

    /// `floor(self * numerator / denominator)` with a 256-bit product: what a user gets.
    pub fn mul_div_floor(self, numerator: u128, denominator: u128) -> Result<Self, MathError> {
        let (quotient, _) = self.mul_div(numerator, denominator)?;
        Ok(Self(quotient))
    }

    /// `ceil(self * numerator / denominator)` with a 256-bit product: what a user pays.
    pub fn mul_div_ceil(self, numerator: u128, denominator: u128) -> Result<Self, MathError> {
        let (quotient, exact) = self.mul_div(numerator, denominator)?;
        if exact { Ok(Self(quotient)) } else { Self(quotient).checked_add(Self(1)) }
    }

    /// The floored quotient, and whether the division left nothing.
    fn mul_div(self, numerator: u128, denominator: u128) -> Result<(u128, bool), MathError> {
        if denominator == 0 {
            return Err(MathError::DivisionByZero);
        }
        // Two 128-bit factors cannot overflow 256 bits.
        let product = U256::from(self.0).wrapping_mul(U256::from(numerator));
        let (quotient, rest) = product.div_rem(U256::from(denominator));
        let quotient = u128::try_from(quotient).map_err(|_| MathError::Overflow)?;
        Ok((quotient, rest.is_zero()))
    }

    /// The amount with its unit, for people: `12.5 VVV`.
    pub fn display(self, denom: Denom) -> String {
        format!("{self} {denom}")
    }
}

/// The decimal form in whole units, without trailing zeros: `12.5`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0>width$}", self.0, width = DECIMALS + 1);
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(DECIMALS));
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { f.write_str(whole) } else { write!(f, "{whole}.{fraction}") }
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmountError {
    /// The text is no decimal number.
    #[error("`{0}` is not an amount: write a decimal number such as 12.5")]
    NotANumber(String),
    /// The number has more than 18 decimals.
    #[error("`{0}` has more than 18 decimals")]
    TooPrecise(String),
    /// The number needs more than 128 bits of base units.
    #[error("`{0}` is larger than any amount can be")]
    TooLarge(String),
    /// The unit is missing or unknown.
    #[error("`{0}` needs a unit: write it as 12.5VVV, 3DIEM, 100avvv or 100adiem")]
    Unit(String),
}

/// Parses the decimal form in whole units (`12.5`).
impl FromStr for Amount {
    type Err = ParseAmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(fraction) || text.ends_with('.') {
            return Err(ParseAmountError::NotANumber(shortened(text)));
        }
        if fraction.len() > DECIMALS {
            return Err(ParseAmountError::TooPrecise(shortened(text)));
        }
        let units = format!("{whole}{fraction:0<DECIMALS$}");
        units.parse().map(Self).map_err(|_| ParseAmountError::TooLarge(shortened(text)))
    }
}

/// In JSON and TOML an amount is a string of base units, so that no reader loses digits.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let units = plain.then(|| text.parse().ok()).flatten();
        units.map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "`{}` is not an amount: write base units as a string of digits",
                shortened(&text)
            ))
        })
    }
}

/// The two native denominations.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "UPPERCASE")]
#[repr(u8)]
pub enum Denom {
    /// VVV is staked, and pays fees.
    Vvv = 0,
    /// DIEM is minted against locked stake, and gives credit.
    Diem = 1,
}

impl Denom {
    /// Every denomination, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Vvv, Self::Diem];

    /// The symbol of a whole unit.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Vvv => "VVV",
            Self::Diem => "DIEM",
        }
    }

    /// Parses an amount with its unit: `12.5VVV`, `3 DIEM`, `100avvv`.
    ///
    /// # Errors
    /// [`ParseAmountError`] says which part is wrong.
    pub fn parse_amount(text: &str) -> Result<(Amount, Self), ParseAmountError> {
        let start = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(start);
        let number = number.trim_end();
        let base_units = |denom| {
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                return Err(ParseAmountError::NotANumber(shortened(text)));
            }
            let units = number.parse().map_err(|_| ParseAmountError::TooLarge(shortened(text)))?;
            Ok((Amount(units), denom))
        };
        match unit {
            "VVV" | "vvv" => Ok((number.parse()?, Self::Vvv)),
            "DIEM" | "diem" => Ok((number.parse()?, Self::Diem)),
            "avvv" => base_units(Self::Vvv),
            "adiem" => base_units(Self::Diem),
            _ => Err(ParseAmountError::Unit(shortened(text))),
        }
    }
}

impl fmt::Display for Denom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}
