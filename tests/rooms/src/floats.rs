//! A check that execution reaches no floating point: its results may differ between machines and optimisation levels.
//!
//! Clippy's `float_arithmetic` sees arithmetic; this check sees every mention, also of a type that is only stored or
//! passed on, and nobody can allow it in the file itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folders whose sources execution reaches.
pub const FOLDERS: &[&str] = &["runtime/core", "runtime/store", "runtime/types", "runtime/app", "modules"];

/// The exceptions: (file, text, reason).
pub const ALLOWED: &[(&str, &str, &str)] = &[(
    "runtime/store/src/rocks.rs",
    "10.0",
    "RocksDB's bits per key of a bloom filter: how fast a row is found, never what it holds",
)];

/// Finds every mention of a float in the sources below `root`, one sentence each.
///
/// # Errors
/// A file cannot be read.
pub fn mentions(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for file in sources(&root.join(folder))? {
            let name = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            for (line, text) in in_source(&fs::read_to_string(&file)?) {
                if !ALLOWED.iter().any(|(path, allowed, _)| *path == name && *allowed == text) {
                    found.push(format!("{name}:{line}: `{text}` is a float: count in integers"));
                }
            }
        }
    }
    Ok(found)
}

/// Lists the Rust files in every `src` folder below `folder`, without those of tests.
fn sources(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "tests" | "target") {
            found.extend(sources(&path)?);
        } else if name.ends_with(".rs") && name != "tests.rs" && path.components().any(|part| part.as_os_str() == "src")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Finds the words of a source that name a float type or are a float, each with its line, counted from 1. Comments and
/// string literals are skipped.
pub fn in_source(source: &str) -> Vec<(usize, String)> {
    let code = without_comments_and_texts(source);
    let lines = code.lines().enumerate();
    lines
        .flat_map(|(number, line)| words(line).map(move |word| (number.saturating_add(1), word.to_owned())))
        .filter(|(_, word)| is_float(word))
        .collect()
}

/// Splits a line into names and numbers; a dot stays inside a word, so that `1.5` is one word.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
}

fn is_float(word: &str) -> bool {
    if word.split('.').any(|part| matches!(part, "f32" | "f64")) {
        return true;
    }
    // A field of a tuple is preceded by a name or another dot, and a range has two dots.
    let starts_as_number = word.starts_with(|c: char| c.is_ascii_digit());
    if !starts_as_number || word.starts_with("0x") || word.contains("..") {
        return false;
    }
    let number = word.replace('_', "");
    let Some(end) = number.find(|c: char| !c.is_ascii_digit()) else { return false };
    let (_, rest) = number.split_at(end);
    let after_dot = rest.strip_prefix('.').map(|rest| rest.chars().next());
    match after_dot {
        // `1.` and `1.5` are floats, and `1.min(2)` is a call.
        Some(next) => next.is_none_or(|c| c.is_ascii_digit()),
        // `1e5` and `1f32` are floats, and `1u8` is not.
        None => rest.starts_with(['e', 'E', 'f']),
    }
}

/// The source with comments, strings and characters blanked out, line for line.
fn without_comments_and_texts(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end.saturating_add(2)),
            'r' if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => raw_text(rest),
            '"' => text(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let (blank, after) = rest.split_at(skipped);
        code.extend(blank.chars().filter(|c| *c == '\n'));
        rest = after;
        if skipped == 0 {
            code.push(first);
            rest = after.split_at(first.len_utf8()).1;
        } else {
            code.push(' ');
        }
    }
    code
}

/// The length of a string literal `"..."` at the start.
fn text(source: &str) -> usize {
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at.saturating_add(1),
            _ => {}
        }
    }
    source.len()
}

/// The length of a raw string `r"..."` or `r#"..."#` at the start; 0 if it is something else.
fn raw_text(source: &str) -> usize {
    let Some(rest) = source.strip_prefix('r') else { return 0 };
    let hashes = rest.len().saturating_sub(rest.trim_start_matches('#').len());
    let Some(body) = rest.get(hashes..).and_then(|rest| rest.strip_prefix('"')) else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at.saturating_add(end.len()));
    length.saturating_add(hashes).saturating_add(2)
}

/// The length of a character literal `'x'` or `'\n'` at the start; 0 for a lifetime.
fn character(source: &str) -> usize {
    let mut inside = source.char_indices().skip(1);
    match (inside.next(), inside.next(), inside.next()) {
        (Some((_, '\\')), Some(_), _) => {
            let end = source.char_indices().skip(3).find(|(_, c)| *c == '\'');
            end.map_or(0, |(at, _)| at.saturating_add(1))
        }
        (Some(_), Some((at, '\'')), _) => at.saturating_add(1),
        _ => 0,
    }
}
