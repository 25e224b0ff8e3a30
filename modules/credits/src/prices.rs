//! Price sheets: what a provider charges, in credit units, by model and unit.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, sha256};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The most models on a sheet.
pub const MAX_MODELS: usize = 64;
/// The most sheets that a provider publishes in a day: each rewrites up to twice [`MAX_MODELS`] stored models.
pub const MAX_SHEETS_A_DAY: u8 = 16;
/// The longest name of a model, in bytes.
pub const MAX_MODEL_BYTES: usize = 64;
/// The multiplier of 1, in parts of 10,000.
const ONCE_BPS: u32 = 10_000;
/// The domain tag: the first bytes of what is hashed to a sheet's hash.
const SHEET_TAG: &[u8] = b"diem-prices/1";

/// The units that a provider counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Unit {
    /// One token of the prompt.
    InputToken = 0,
    /// One token of the answer.
    OutputToken = 1,
    /// A token of the prompt that was found in a cache.
    CachedToken = 2,
    /// A token of the prompt that was written to a cache.
    CacheWriteToken = 3,
    /// One image as a whole.
    Image = 4,
    /// A second of audio or video.
    Second = 5,
    /// One character of text.
    Character = 6,
    /// One call of the model.
    Call = 7,
}

/// A price of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The unit that the price is for.
    pub unit: Unit,
    /// The price of one unit, in credit units.
    pub price: Amount,
}

/// The higher prices of long contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// The number of tokens of context from which they count.
    #[serde(with = "diem_core::json::number")]
    pub threshold: u64,
    /// The factor of prices there, in parts of 10,000; more than 10,000.
    pub multiplier_bps: u32,
}

/// The prices of a model.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrices {
    /// The name of the model: printable ASCII without spaces.
    pub model: String,
    /// The higher prices of long contexts, if there are any.
    #[serde(default)]
    pub long_context: Option<LongContext>,
    /// The prices by unit ascending, each unit at most once; at least one.
    pub prices: Vec<Price>,
}

/// The prices of a provider. A sheet has one form: models by name ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSheet {
    /// The models, by name ascending.
    pub models: Vec<ModelPrices>,
}

impl PriceSheet {
    /// The hash that vouchers name: that of the sheet's borsh form.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&[SHEET_TAG, &diem_core::encode(self)])
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let ascending = self.models.is_sorted_by(|a, b| a.model < b.model);
        if self.models.len() > MAX_MODELS || !ascending {
            return Err(Error::Prices("a sheet has at most 64 models, by name ascending, each once"));
        }
        self.models.iter().try_for_each(ModelPrices::validate)
    }
}

impl ModelPrices {
    fn validate(&self) -> Result<(), Error> {
        let is_name = |byte: u8| byte.is_ascii_graphic();
        if !(1..=MAX_MODEL_BYTES).contains(&self.model.len()) || !self.model.bytes().all(is_name) {
            return Err(Error::Prices("a model's name is 1 to 64 printable ASCII characters without spaces"));
        }
        if self.prices.is_empty() || !self.prices.is_sorted_by(|a, b| a.unit < b.unit) {
            return Err(Error::Prices("a model has a price for at least one unit, by unit ascending, each once"));
        }
        if self.long_context.is_some_and(|long| long.multiplier_bps <= ONCE_BPS) {
            return Err(Error::Prices("multiplier_bps of a long context must be more than 10000"));
        }
        Ok(())
    }
}

/// The sheets of a provider: of the open day, and of the days after.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheets {
    /// The day of `today`.
    pub day: u64,
    /// The most that may be charged on that day.
    pub today: PriceSheet,
    /// The sheet of the days after.
    pub next: PriceSheet,
    /// The number of sheets that were published on that day.
    pub published: u8,
}

/// The sheet of everything that is on either one, each at the lower of its prices.
pub(crate) fn cheapest(old: PriceSheet, new: &PriceSheet) -> PriceSheet {
    PriceSheet { models: merge(old.models, &new.models, |model| &model.model, cheapest_model) }
}

fn cheapest_model(old: ModelPrices, new: &ModelPrices) -> ModelPrices {
    let cheaper = |a: Price, b: &Price| Price { unit: a.unit, price: a.price.min(b.price) };
    ModelPrices {
        model: old.model,
        long_context: old.long_context.zip(new.long_context).map(|(a, b)| LongContext {
            threshold: a.threshold.max(b.threshold),
            multiplier_bps: a.multiplier_bps.min(b.multiplier_bps),
        }),
        prices: merge(old.prices, &new.prices, |price| &price.unit, cheaper),
    }
}

/// Merges two ascending lists; `both` combines what is in both. It consumes `old` and copies nothing of it, because an
/// empty sheet has all models of the day walked here.
fn merge<T: Clone, K: Ord>(old: Vec<T>, new: &[T], key: impl Fn(&T) -> &K, both: impl Fn(T, &T) -> T) -> Vec<T> {
    let mut merged = Vec::with_capacity(old.len().max(new.len()));
    let mut rest = new.iter().peekable();
    for item in old {
        while let Some(before) = rest.next_if(|next| key(next) < key(&item)) {
            merged.push(before.clone());
        }
        match rest.next_if(|next| key(next) == key(&item)) {
            Some(same) => merged.push(both(item, same)),
            None => merged.push(item),
        }
    }
    merged.extend(rest.cloned());
    merged
}
