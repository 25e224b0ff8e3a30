//! Wide numbers: rewards with 36 decimals below one avvv, and products that need more than 256 bits.

use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize, io};
use diem_core::{Amount, MathError};
use ruint::{
    Uint,
    aliases::{U256, U512},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A product of what the divisions below see: up to 128 + 128 + 128 bits of factors fit.
type Wide = U512;

/// The number of [`Scaled`] units in one avvv: 10^36.
const SCALE: u128 = 1_000_000_000_000_000_000_000_000_000_000_000_000;

/// A number of 10^-36 avvv: what a share has earned since the start of its validator, or what somebody is owed. So fine
/// that a day's rewards of the smallest position are not lost, and 256 bits, so that it never fills up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Scaled(U256);

impl Scaled {
    /// The number zero.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The number for `amount`, exactly: 128 bits times 10^36 fit 256 bits.
    pub fn from_amount(amount: Amount) -> Self {
        Self(U256::from(amount.get()).wrapping_mul(U256::from(SCALE)))
    }

    /// Whether the number is zero.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The whole avvv in it, and the rest below one avvv.
    ///
    /// # Errors
    /// [`MathError::Overflow`] if the whole part is no amount.
    pub fn split(self) -> Result<(Amount, Self), MathError> {
        let (whole, rest) = self.0.div_rem(U256::from(SCALE));
        let whole = u128::try_from(whole).map_err(|_| MathError::Overflow)?;
        Ok((Amount::new(whole), Self(rest)))
    }

    /// The sum, or [`MathError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MathError> {
        self.0.checked_add(other.0).map(Self).ok_or(MathError::Overflow)
    }

    /// The difference, or [`MathError::Underflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MathError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MathError::Underflow)
    }

    /// `self * shares`, or [`MathError::Overflow`]: what so many shares earn when one earns this.
    pub fn checked_mul(self, shares: u128) -> Result<Self, MathError> {
        self.0.checked_mul(U256::from(shares)).map(Self).ok_or(MathError::Overflow)
    }

    /// `floor(self * factor / (free_weight * free + locked_weight * locked))`: the rise of an index. Zero where nobody
    /// has a share.
    ///
    /// # Errors
    /// [`MathError::Overflow`] if the rise does not fit.
    pub fn rise(
        self,
        factor: u16,
        [free_weight, free]: [u128; 2],
        [locked_weight, locked]: [u128; 2],
    ) -> Result<Self, MathError> {
        let weighted = |weight: u128, shares: u128| Wide::from(weight).wrapping_mul(Wide::from(shares));
        // Two products of at most 256 bits cannot overflow 512.
        let divisor = weighted(free_weight, free).wrapping_add(weighted(locked_weight, locked));
        if divisor.is_zero() {
            return Ok(Self::ZERO);
        }
        let product = Wide::from(self.0).wrapping_mul(Wide::from(factor));
        narrow(product.wrapping_div(divisor)).map(Self)
    }
}

fn narrow(wide: Wide) -> Result<U256, MathError> {
    Uint::<256, 4>::checked_from_limbs_slice(wide.as_limbs()).ok_or(MathError::Overflow)
}

/// `floor(amount * a * b / (c * d))` with a 512-bit product.
///
/// # Errors
/// [`MathError`] if the divisor is zero or the result no amount.
pub fn mul_mul_div_floor(amount: Amount, [a, b]: [u128; 2], [c, d]: [u128; 2]) -> Result<Amount, MathError> {
    let divisor = Wide::from(c).wrapping_mul(Wide::from(d));
    if divisor.is_zero() {
        return Err(MathError::DivisionByZero);
    }
    let product = Wide::from(amount.get()).wrapping_mul(Wide::from(a)).wrapping_mul(Wide::from(b));
    u128::try_from(product.wrapping_div(divisor)).map(Amount::new).map_err(|_| MathError::Overflow)
}

impl BorshSerialize for Scaled {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&self.0.to_le_bytes::<32>())
    }
}

impl BorshDeserialize for Scaled {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Self(U256::from_le_bytes(<[u8; 32]>::deserialize_reader(reader)?)))
    }
}

impl fmt::Debug for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e-36", self.0)
    }
}

/// In JSON it is a string of digits.
impl Serialize for Scaled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scaled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let units = plain.then(|| U256::from_str(&text).ok()).flatten();
        units.map(Self).ok_or_else(|| de::Error::custom(format!("`{text}` is not a string of digits below 2^256")))
    }
}

/// Shares in JSON: a string of digits, so that no reader loses any.
pub mod digits {
    use diem_core::Amount;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    /// Writes the shares as a string of digits.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(shares: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        Amount::new(*shares).serialize(serializer)
    }

    /// Reads the shares from a string of digits.
    ///
    /// # Errors
    /// The text is no number of shares.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        Amount::deserialize(deserializer).map(Amount::get)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_scale_and_split_exactly() {
        for units in [0, 1, SCALE, u128::MAX] {
            let scaled = Scaled::from_amount(Amount::new(units));
            assert_eq!(scaled.split().unwrap(), (Amount::new(units), Scaled::ZERO));
        }
        let third = Scaled::from_amount(Amount::new(1)).rise(1, [1, 3], [0, 0]).unwrap();
        assert_eq!(third.checked_mul(4).unwrap().split().unwrap().0, Amount::new(1));
        assert_eq!(format!("{third:?}"), "333333333333333333333333333333333333e-36");
    }

    #[test]
    fn products_of_three_full_words_do_not_overflow_on_the_way() {
        let max = Amount::MAX;
        assert_eq!(mul_mul_div_floor(max, [u128::MAX, 7], [u128::MAX, 7]).unwrap(), max);
        assert_eq!(mul_mul_div_floor(max, [2, 1], [1, 1]), Err(MathError::Overflow));
        assert_eq!(mul_mul_div_floor(max, [2, 1], [1, 0]), Err(MathError::DivisionByZero));
        // 7 * 5 * 3 / (2 * 11) = 4.77...
        assert_eq!(mul_mul_div_floor(Amount::new(7), [5, 3], [2, 11]).unwrap(), Amount::new(4));
        let all = Scaled::from_amount(max);
        assert!(all.rise(10_000, [10_000, 1], [0, 0]).is_ok(), "2^128 avvv on a single share still fit");
        assert_eq!(all.rise(10_000, [1, 1], [0, 0]), Err(MathError::Overflow));
    }
}
