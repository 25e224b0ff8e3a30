//! What the answers about the economy are made of: a height, pages, moments, and amounts beside their form for people.

use std::ops::Deref;

use diem_core::{Amount, Denom, Time};
use diem_diem::Rate;
use serde::{Deserialize, Serialize};

use super::Proof;

/// An answer, and the committed state that it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At<T> {
    /// The height after which this holds.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
    /// The day of that time, by the chain's own length of a day.
    pub epoch: u64,
    /// What was asked for, as of that height.
    #[serde(flatten)]
    pub answer: T,
    /// The proof of the row that the answer is read from, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.answer
    }
}

/// A part of a list. All pages of a list of state are of the height of the first one, so that together they are the
/// list as it stood there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the order of their keys.
    pub items: Vec<T>,
    /// `after` of the next page, if there is one: give it back as it is.
    pub next: Option<String>,
}

/// A part of a list, and the committed state that it is of: the form of every list.
pub type List<T> = At<Page<T>>;

/// A moment and its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The moment as a time.
    pub time: Time,
    /// The day that holds it, by the chain's own length of a day.
    pub epoch: u64,
}

/// An amount of credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// The amount, in base units.
    pub amount: Amount,
    /// The denomination of the amount.
    pub denom: CreditUnit,
    /// The amount for people: `1.5 credit`.
    pub display: String,
}

/// The unit of credit, which is no denomination: it is not held, it lasts a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditUnit {
    /// A credit of a day.
    Credit,
}

impl From<Amount> for Credit {
    fn from(amount: Amount) -> Self {
        Self { amount, denom: CreditUnit::Credit, display: format!("{amount} credit") }
    }
}

/// A price or a cost that may be larger than any amount there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WideCoin {
    /// The amount, in base units: up to 256 bits.
    pub amount: Rate,
    /// The denomination of the amount.
    pub denom: Denom,
    /// The amount for people: `12.5 VVV`.
    pub display: String,
}

impl WideCoin {
    /// An amount of so many avvv.
    pub fn vvv(amount: Rate) -> Self {
        let digits = format!("{amount:0>width$}", width = diem_core::amount::DECIMALS.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(diem_core::amount::DECIMALS));
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        Self { amount, denom: Denom::Vvv, display: format!("{whole}{point}{fraction} {}", Denom::Vvv) }
    }

    /// The number as an amount, if it is one.
    pub fn checked_amount(&self) -> Option<Amount> {
        self.amount.to_string().parse().ok().map(Amount::new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn wide_coins_read_like_coins_and_go_beyond_them() {
        for (digits, display) in
            [("0", "0 VVV"), ("1", "0.000000000000000001 VVV"), ("12500000000000000000", "12.5 VVV")]
        {
            let rate: Rate = serde_json::from_value(digits.into()).unwrap();
            let coin = WideCoin::vvv(rate);
            assert_eq!(coin.display, display);
            assert_eq!(coin.checked_amount().unwrap().display(Denom::Vvv), display);
        }
        let digits = format!("1{}", "0".repeat(60));
        let coin = WideCoin::vvv(serde_json::from_value(digits.into()).unwrap());
        assert_eq!(coin.display, format!("1{} VVV", "0".repeat(42)));
        assert_eq!(coin.checked_amount(), None);
        let json = serde_json::to_string(&coin).unwrap();
        assert_eq!(serde_json::from_str::<WideCoin>(&json).unwrap(), coin);
    }

    #[test]
    fn an_answer_lies_flat_beside_its_height() {
        let page = Page { items: vec![Credit::from(Amount::ONE)], next: None };
        let answer = At { height: 3, time: Time(0), epoch: 0, answer: page, proof: None };
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(json["height"], 3);
        assert_eq!(json["items"][0]["display"], "1 credit");
        assert_eq!(serde_json::from_value::<At<Page<Credit>>>(json).unwrap(), answer);
    }
}
