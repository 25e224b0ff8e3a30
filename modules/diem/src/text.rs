//! Curves and rates in JSON and TOML: numbers are strings of digits, so that no reader loses any.

use std::{fmt, marker::PhantomData};

use diem_core::Amount;
use ruint::aliases::U256;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::curve::{Curve, Formula, Rate, Step, TINY_POWER};

/// A number of base units of up to 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(pub U256);

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| U256::from_str_radix(&text, 10).ok()).flatten();
        number.map(Self).ok_or_else(|| de::Error::custom(format!("`{text}` is not a string of digits below 2^256")))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Units(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Units::deserialize(deserializer).map(|Units(rate)| Self(rate))
    }
}

/// A step is a pair `[edge, rate]`.
impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.edge, self.rate).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (edge, rate) = Deserialize::deserialize(deserializer)?;
        Ok(Self { edge, rate })
    }
}

/// A curve is `{base, power, target, step, steps}` or a list of steps.
impl Serialize for Curve {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Formula(formula) => formula.serialize(serializer),
            Self::Table(steps) => steps.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either::<Formula>(PhantomData))
    }
}

/// A curve in a file that people write for [`crate::offline`]: power and steps are written as they are spoken.
pub(crate) fn spoken<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Curve, D::Error> {
    deserializer.deserialize_any(Either::<Spoken>(PhantomData))
}

/// Reads either form of a curve; a formula is read as an `F`.
struct Either<F>(PhantomData<F>);

impl<'de, F: Deserialize<'de> + Into<Formula>> Visitor<'de> for Either<F> {
    type Value = Curve;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{base, power, target, step, steps} or a list of [edge, rate]")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Curve, A::Error> {
        F::deserialize(MapAccessDeserializer::new(map)).map(|formula| Curve::Formula(formula.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Curve, A::Error> {
        let mut steps = Vec::new();
        while let Some(step) = list.next_element()? {
            steps.push(step);
        }
        Ok(Curve::Table(steps))
    }
}

/// [`Formula`] as people write it: a power up to 1,000 (`2`, `"2.5"`) is the number itself, since as a count of 10^-18
/// it would be nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken {
    base: Amount,
    #[serde(deserialize_with = "power")]
    power: Amount,
    target: Amount,
    step: Amount,
    #[serde(deserialize_with = "count")]
    steps: u32,
}

impl From<Spoken> for Formula {
    fn from(Spoken { base, power, target, step, steps }: Spoken) -> Self {
        Self { base, power, target, step, steps }
    }
}

/// A small number, written as one or as a string of digits.
struct Number;

impl Visitor<'_> for Number {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a string of digits")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// The power of a formula: a whole number up to 1,000, a decimal number, or a count of 10^-18.
fn power<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let text = deserializer.deserialize_any(Number)?;
    match text.parse().map(Amount::new) {
        Ok(units) if units > TINY_POWER => Ok(units),
        _ => text.parse().map_err(de::Error::custom),
    }
}

/// The number of steps.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = deserializer.deserialize_any(Number)?;
    text.parse().map_err(|_| de::Error::custom(format!("`{text}` is not a number of steps")))
}
