//! Reads TOML written by people: an error names file and line, and for an unknown key the nearest known one.

use diem_core::json::no_list_for_an_object;
use serde::{Serialize, de::DeserializeOwned};

/// Why a text written by people does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}, line {line}: {message}")]
pub struct ReadError {
    /// The file, or whatever the text came from.
    pub source_name: String,
    /// The line, from 1.
    pub line: usize,
    /// The fault, and what to do about it.
    pub message: String,
}

/// Parses `text` into the target. Its structs must have `#[serde(deny_unknown_fields)]`, or typos pass unseen.
///
/// # Errors
/// [`ReadError`] with the line; an unknown key comes with a suggestion.
pub fn parse<T: DeserializeOwned + Serialize>(text: &str, source_name: &str) -> Result<T, ReadError> {
    let wrong = |line, message| ReadError { source_name: source_name.into(), line, message };
    let unread = |error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count().saturating_add(1);
        wrong(line, explain(error.message()))
    };
    let value = toml::from_str(text).map_err(unread)?;
    let given = toml::from_str(text).map_err(unread)?;
    no_list_for_an_object(&given, &value).map_err(|message| wrong(1, message))?;
    Ok(value)
}

/// Turns serde's ``unknown field `x`, expected one of `a`, `b` `` into a sentence with a suggestion; other messages
/// pass unchanged.
pub fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (true, Some(key)) = (message.starts_with("unknown field"), quoted.next()) else {
        return message.trim_end().replace('\n', "; ");
    };
    let known: Vec<&str> = quoted.collect();
    match nearest(key, &known) {
        Some(name) => format!("unknown key `{key}`: did you mean `{name}`?"),
        None if known.is_empty() => format!("unknown key `{key}`: no keys are known here"),
        None => format!("unknown key `{key}`: the keys here are {}", known.join(", ")),
    }
}

/// The one of `known` that `word` most likely meant: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, name) = known.iter().map(|name| (distance(word, name), *name)).min()?;
    let longer = word.len().max(name.len());
    (distance.saturating_mul(3) <= longer.max(3)).then_some(name)
}

/// The Damerau-Levenshtein distance: the number of letters to insert, delete, replace or swap with their neighbour to
/// get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // These are the rows of the usual table of dynamic programming; the one before the previous is for swaps.
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, y) in b.iter().enumerate() {
            let replace = cell(&previous, j).saturating_add(usize::from(x != y));
            let shorter = cell(&previous, j.saturating_add(1)).min(cell(&row, j)).saturating_add(1);
            let swapped =
                i.checked_sub(1).zip(j.checked_sub(1)).filter(|(k, l)| a.get(*k) == Some(y) && b.get(*l) == Some(x));
            let swap = swapped.map_or(usize::MAX, |(_, l)| cell(&before, l).saturating_add(1));
            row.push(replace.min(shorter).min(swap));
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous.last().copied().unwrap_or(0)
}

fn cell(row: &[usize], at: usize) -> usize {
    row.get(at).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[derive(Debug, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        chain_id: Option<String>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        power: u64,
    }

    fn error(text: &str) -> String {
        parse::<Outer>(text, "f.toml").unwrap_err().to_string()
    }

    #[test]
    fn a_typo_is_named_with_its_line_and_the_key_that_was_meant() {
        assert_eq!(error("\nchian_id = \"x\""), "f.toml, line 2: unknown key `chian_id`: did you mean `chain_id`?");
        assert_eq!(
            error("[inner]\npower = 1\npwoer = 2"),
            "f.toml, line 3: unknown key `pwoer`: did you mean `power`?"
        );
    }

    #[test]
    fn a_stranger_is_told_what_is_known() {
        assert_eq!(error("colour = 1"), "f.toml, line 1: unknown key `colour`: the keys here are chain_id, inner");
    }

    #[test]
    fn other_errors_keep_their_line() {
        assert!(error("chain_id = \"a\"\n[inner]\npower = \"x\"").starts_with("f.toml, line 3: invalid type"));
        assert!(error("chain_id = \"a\"\n\n= 3").starts_with("f.toml, line 3:"));
        assert!(error("[inner]").contains("missing field `power`"));
    }

    #[test]
    fn distances_count_single_steps() {
        // Known answers: Damerau-Levenshtein (optimal string alignment) of textbook pairs.
        for (a, b, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1), ("saturday", "sunday", 3)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
        assert_eq!(nearest("zzz", &["chain_id"]), None);
    }
}
