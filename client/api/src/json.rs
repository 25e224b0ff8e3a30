//! Reading JSON that a person or a stranger wrote.

use std::collections::{BTreeMap, BTreeSet};

use diem_core::{json::no_list_for_an_object, text::shortened};
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

/// Reads JSON strictly. The error says what is wrong, at which place (`calls[3].bank`) and line, and repeats a
/// stranger's text up to 80 characters.
///
/// # Errors
/// It is no JSON, or not of this form.
pub fn read<T: DeserializeOwned + Serialize>(json: &[u8]) -> Result<T, String> {
    let value = parse(json)?;
    if json.contains(&b'[') {
        no_list_for_an_object(&parse(json)?, &value)?;
    }
    Ok(value)
}

/// The names of the fields of a JSON object, where they decide which form is meant.
///
/// # Errors
/// It is no JSON, or no object.
pub fn field_names(json: &[u8]) -> Result<BTreeSet<String>, String> {
    let fields: BTreeMap<String, IgnoredAny> = parse(json)?;
    Ok(fields.into_keys().collect())
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.path().to_string() {
        whole if whole == "." => without_long_quotes(&error.inner().to_string()),
        path => format!("{}: {}", shortened(&path), without_long_quotes(&error.inner().to_string())),
    })?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// A message of serde with what it quotes cut. It quotes one text, and what stands behind that is serde's own, so that
/// the last end of a quote is the true one, whatever the text holds.
pub fn without_long_quotes(message: &str) -> String {
    for (begin, ends) in [("`", &["`, expected", "`, there "][..]), ("string \"", &["\", expected"][..])] {
        let Some((before, rest)) = message.split_once(begin) else { continue };
        let Some((quoted, end)) = ends.iter().find_map(|end| rest.rfind(end).map(|at| rest.split_at(at))) else {
            continue;
        };
        return format!("{before}{begin}{}{end}", shortened(quoted));
    }
    message.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        number: u64,
    }

    #[test]
    fn an_error_names_place_and_line() {
        // The 16th byte of the second line is the last of `true`.
        let error = read::<Vec<Form>>(b"[{\"number\": 1},\n {\"number\": true}]").unwrap_err();
        assert_eq!(error, "[1].number: invalid type: boolean `true`, expected u64 at line 2 column 16");
        assert!(read::<Form>(b"{\"number\": 1} x").is_err());
        assert!(read::<Form>(b"{").unwrap_err().contains("line 1"));
    }

    #[test]
    fn a_list_in_the_place_of_an_object_is_refused() {
        let error = read::<Vec<Form>>(b"[{\"number\": 1}, [1]]").unwrap_err();
        assert_eq!(error, "[1]: a list, where an object with named fields belongs");
        assert!(read::<Form>(b"[1]").unwrap_err().starts_with("a list, where an object"));
    }

    #[test]
    fn what_is_quoted_is_cut_and_the_rest_is_kept() {
        let long = "x`, expected".repeat(5_000);
        for json in [format!("{{\"{long}\": 1}}"), format!("{{\"number\": \"{long}\"}}")] {
            let error = read::<Form>(json.as_bytes()).unwrap_err();
            assert!(error.len() < 400 && error.contains("expected") && error.contains("column"), "{error}");
        }
    }
}
