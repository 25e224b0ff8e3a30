//! A genesis in readable TOML, and the canonical [`GenesisDoc`] that it means.
//!
//! What people write ([`GenesisFile`]) has names, amounts with units and a start that may be "now". What a chain
//! starts from is the canonical document: a home keeps it as `genesis.json`, and its hash is the chain's identity.

pub mod bridge;
pub mod economy;
mod file;
pub mod presets;
pub mod readable;
pub mod units;

use std::path::Path;

use diem_core::Time;
use diem_types::GenesisDoc;

pub use diem_core::{
    development::is_development,
    names::{LONGEST_NAME, NameError, check_name, is_plain_name},
};
pub use economy::Validator;
pub use file::{Consensus, Error, Gas, GenesisFile, Person, Start};
pub use units::{Coin, Vvv, Who, parse_millis};

/// Reads a genesis: a file ending in `.json` is the canonical document, any other the readable TOML.
///
/// # Errors
/// [`Error`] says what is wrong with it and where.
pub fn load(path: &Path, now: Option<Time>) -> Result<GenesisDoc, Error> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| Error::Open { path: name.clone(), reason: error.to_string() })?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return from_json(&text, &name);
    }
    GenesisFile::parse(&text, &name)?.resolve(now)
}

/// Reads the canonical document.
///
/// # Errors
/// [`Error`] says what is wrong with it and where.
pub fn from_json(text: &str, source_name: &str) -> Result<GenesisDoc, Error> {
    let wrong = |line, message| readable::ReadError { source_name: source_name.into(), line, message };
    let unread = |error: serde_json::Error| {
        // serde_json repeats the place at the end of its message; the line stands in front here.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        wrong(error.line(), readable::explain(message))
    };
    let doc: GenesisDoc = serde_json::from_str(text).map_err(unread)?;
    let given = serde_json::from_str(text).map_err(unread)?;
    diem_core::json::no_list_for_an_object(&given, &doc).map_err(|message| wrong(1, message))?;
    doc.validate()?;
    Ok(doc.canonical())
}

/// Writes the canonical document, for `genesis.json`.
pub fn to_json(doc: &GenesisDoc) -> String {
    #[expect(clippy::expect_used, reason = "a genesis has string keys only, and memory takes every write")]
    let mut text = serde_json::to_string_pretty(&doc.clone().canonical()).expect("a genesis is JSON");
    text.push('\n');
    text
}
