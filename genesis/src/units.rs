//! Values as people write them in TOML: amounts with units, lengths of time, names of accounts.

use std::collections::BTreeMap;

use diem_core::{Address, Amount, Denom};
use serde::{Deserialize, Deserializer, Serialize, de};

/// An amount with its unit, `12.5VVV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coin(pub Amount, pub Denom);

impl<'de> Deserialize<'de> for Coin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let (amount, denom) = Denom::parse_amount(&text).map_err(de::Error::custom)?;
        Ok(Self(amount, denom))
    }
}

impl Coin {
    fn only<E: de::Error>(self, wanted: Denom) -> Result<Amount, E> {
        let Self(amount, denom) = self;
        if denom == wanted {
            Ok(amount)
        } else {
            Err(E::custom(format!("this is an amount of {wanted}, not of {denom}")))
        }
    }
}

/// An amount of VVV with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Vvv(pub Amount);

impl<'de> Deserialize<'de> for Vvv {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Coin::deserialize(deserializer)?.only(Denom::Vvv).map(Self)
    }
}

/// An amount of DIEM with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Diem(pub Amount);

impl<'de> Deserialize<'de> for Diem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Coin::deserialize(deserializer)?.only(Denom::Diem).map(Self)
    }
}

/// A number with up to 18 decimals, as text: `"2"`, `"2.5"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Decimal(pub Amount);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|error| de::Error::custom(format!("`{text}` is not a number: {error}")))
    }
}

/// A length of time: `8d`, `12h`, `30m`, `10s`, `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Millis(pub u64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        parse_millis(&text).map(Self).map_err(de::Error::custom)
    }
}

/// Parses a length of time such as `8d`, `12h`, `30m`, `10s` or `500ms` to milliseconds.
///
/// # Errors
/// A sentence that says how to write it.
pub fn parse_millis(text: &str) -> Result<u64, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let millis = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    millis.ok_or_else(|| {
        let text = diem_core::text::shortened(text);
        format!("`{text}` is not a length of time: write it as 8d, 12h, 30m, 10s or 500ms")
    })
}

/// Somebody: the name of one of the file's accounts, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Who(pub String);

/// The addresses of the accounts that have names.
#[derive(Debug, Default)]
pub(crate) struct Names(pub(crate) BTreeMap<String, Address>);

impl Names {
    /// The address that `who` means, or `who` itself if it means none.
    pub(crate) fn find(&self, who: &Who) -> Result<Address, String> {
        let Who(text) = who;
        self.0.get(text).copied().or_else(|| text.parse().ok()).ok_or_else(|| text.clone())
    }
}
