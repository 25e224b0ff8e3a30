//! Quotes without a chain: a curve and questions in a file, answers by the code that the chain runs.

use diem_core::Amount;
use serde::{Deserialize, Serialize};

use crate::{
    curve::{Curve, Table},
    quote::{quote_in, quote_out},
    text::Units,
};

/// A curve and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The curve that is asked about, its power as people speak of it or in units of 10^-18.
    #[serde(deserialize_with = "crate::text::spoken")]
    pub curve: Curve,
    /// The questions; none if only the table is wanted.
    #[serde(default)]
    pub quotes: Vec<Question>,
}

/// One question, in base units: [`Question::lock`] or [`Question::exact_out`], not both. A number that no amount can
/// hold lies past the end of every curve, and is answered like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The DIEM that exist.
    pub supply: Units,
    /// The sVVV that is locked, in avvv.
    #[serde(default)]
    pub lock: Option<Units>,
    /// The DIEM that is wanted, in adiem.
    #[serde(default)]
    pub exact_out: Option<Units>,
}

/// The answer to one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Quoted {
    /// The answer to a question with a lock.
    In {
        /// The DIEM that it gives.
        diem_out: Amount,
        /// The sVVV that is locked for it: all that was offered.
        charged: Units,
    },
    /// The answer to a question that names the DIEM it wants.
    Out {
        /// The sVVV that has to be locked.
        lock_needed: Units,
    },
}

/// A question that asks for nothing or for two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quote {0} needs either `lock` or `exact_out`")]
pub struct Unclear(pub usize);

/// Answers the questions in their order; `None` where the curve ends before the answer.
///
/// # Errors
/// [`Unclear`] has the number, from 0, of the first question that asks for nothing or for two things.
pub fn answer(table: &Table, questions: &[Question]) -> Result<Vec<Option<Quoted>>, Unclear> {
    let questions = questions.iter().enumerate();
    questions.map(|(number, question)| answer_one(table, question).ok_or(Unclear(number))).collect()
}

/// Answers one question: `None` if it is unclear, `Some(None)` if the curve has no answer.
fn answer_one(table: &Table, question: &Question) -> Option<Option<Quoted>> {
    let amount = |number: Units| u128::try_from(number.0).ok().map(Amount::new);
    let steps = || table.steps().iter().copied();
    let supply = amount(question.supply);
    match (question.lock, question.exact_out) {
        (Some(lock), None) => Some(supply.and_then(|supply| {
            let diem_out = quote_in(steps(), supply, lock.0).ok()?;
            Some(Quoted::In { diem_out, charged: lock })
        })),
        (None, Some(out)) => Some(supply.zip(amount(out)).and_then(|(supply, out)| {
            let lock_needed = quote_out(steps(), supply, out).ok()?;
            Some(Quoted::Out { lock_needed: Units(lock_needed) })
        })),
        _ => None,
    }
}
