//! Price sheets in files: TOML for people, in credit; JSON as the API gives it, in base units.

use std::{collections::BTreeMap, path::Path};

use anyhow::anyhow;
use diem_core::Amount;
use diem_credits::prices::{LongContext, ModelPrices, Price, PriceSheet, Unit};
use serde::{Deserialize, Serialize};

use super::{Failure, failure::usage, units};

/// A price sheet in TOML.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    #[serde(default)]
    models: Vec<Model>,
}

#[derive(Serialize, Deserialize)]
struct Model {
    model: String,
    long_context: Option<Long>,
    /// The prices by unit; every other key of the table is one.
    #[serde(flatten)]
    prices: BTreeMap<Unit, Credit>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    threshold: u64,
    multiplier: Multiplier,
}

/// An amount of credit as people write it.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Credit(Amount);

impl TryFrom<String> for Credit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        units::credit(&text).map(Self)
    }
}

/// A factor in parts of 10,000, written as a decimal number.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Multiplier(u32);

impl TryFrom<String> for Multiplier {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no factor with at most four decimals: write it as \"1.5\"");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > 4 {
            return Err(wrong());
        }
        format!("{whole}{fraction:0<4}").parse().map(Self).map_err(|_| wrong())
    }
}

/// Reads the sheet in a file, in the order that the chain wants.
pub(super) fn read(path: &Path) -> Result<PriceSheet, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| usage(anyhow!("{}: {error}", path.display())))?;
    let wrong = |error: &dyn std::fmt::Display| usage(anyhow!("{}: this is no price sheet: {error}", path.display()));
    let mut sheet = if text.trim_start().starts_with('{') {
        diem_api::read_json(text.as_bytes()).map_err(|error| wrong(&error))?
    } else {
        from_toml(&text).map_err(|error| wrong(&error))?
    };
    for model in &mut sheet.models {
        model.prices.sort_by_key(|price| price.unit);
    }
    sheet.models.sort_by(|a, b| a.model.cmp(&b.model));
    Ok(sheet)
}

fn from_toml(text: &str) -> Result<PriceSheet, toml::de::Error> {
    let sheet: Sheet = toml::from_str(text)?;
    let model = |model: Model| ModelPrices {
        model: model.model,
        long_context: model
            .long_context
            .map(|long| LongContext { threshold: long.threshold, multiplier_bps: long.multiplier.0 }),
        prices: model.prices.into_iter().map(|(unit, Credit(price))| Price { unit, price }).collect(),
    };
    Ok(PriceSheet { models: sheet.models.into_iter().map(model).collect() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOML: &str = r#"
[[models]]
model = "z-image"
image = "0.01"

[[models]]
model = "llama"
output_token = "0.0000028"
input_token = "0.0000007"
long_context = { threshold = 1000, multiplier = "1.5" }
"#;

    fn read_text(text: &str) -> Result<PriceSheet, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn both_forms_are_the_same_sheet_in_the_order_of_the_chain() {
        let sheet = read_text(TOML).unwrap();
        let names: Vec<&str> = sheet.models.iter().map(|model| model.model.as_str()).collect();
        assert_eq!(names, ["llama", "z-image"]);
        let llama = sheet.models.first().unwrap();
        assert_eq!(llama.long_context, Some(LongContext { threshold: 1_000, multiplier_bps: 15_000 }));
        let prices: Vec<(Unit, u128)> = llama.prices.iter().map(|price| (price.unit, price.price.get())).collect();
        assert_eq!(prices, [(Unit::InputToken, 700_000_000_000), (Unit::OutputToken, 2_800_000_000_000)]);
        assert_eq!(read_text(&serde_json::to_string(&sheet).unwrap()).unwrap(), sheet);
    }

    #[test]
    fn a_field_more_is_an_error_that_names_it_in_both_forms() {
        let said = |failure: Failure| failure.error.to_string();
        let written: serde_json::Value = toml::from_str(TOML).unwrap();
        let as_toml = |json: &str| {
            let sheet: serde_json::Value = serde_json::from_str(json).unwrap();
            // A list is no document of TOML at all.
            let text = toml::to_string(&sheet).map_err(|error| error.to_string())?;
            read_text(&text).map(drop).map_err(said)
        };
        let models = diem_testkit::strict::check(&written, as_toml);
        assert_eq!(models, 4, "the sheet, two models, and what is long in one");
        let sheet = serde_json::to_value(read_text(TOML).unwrap()).unwrap();
        let prices = diem_testkit::strict::check(&sheet, |json| read_text(json).map(drop).map_err(said));
        assert_eq!(prices, 7, "and each price");
    }

    #[test]
    fn what_is_wrong_with_a_sheet_is_said() {
        for (text, said) in [
            (TOML.replace("image =", "picture ="), "picture"),
            (TOML.replace("\"0.01\"", "\"cheap\""), "`cheap`"),
            (TOML.replace("\"1.5\"", "\"twice\""), "`twice` is no factor"),
            (TOML.replace("threshold", "from"), "from"),
            ("{\"model\": 1}".into(), "model"),
        ] {
            let failure = read_text(&text).unwrap_err();
            assert!(failure.error.to_string().contains(said), "{said}: {:#}", failure.error);
        }
    }
}
