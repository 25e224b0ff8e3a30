//! The layout of cells as lines of text, within the width of a terminal.
//!
//! Lines are wrapped between words. Text that people compare or copy is never broken: a number with its unit, an
//! address, a hash, a URL, a time. Where columns do not fit beside each other like that, [`side_by_side`] returns
//! `None`, and its caller puts the cells below each other.

use textwrap::{Options, WordSeparator, WordSplitter, core::display_width};

/// The space between columns.
const GAP: usize = 2;
/// The longest part of an ordinary word that stays together; longer words, as in a name, are wrapped.
const LONGEST_WORD: usize = 20;
/// The units that stand after a number and belong to it.
const UNITS: [&str; 7] = ["VVV", "sVVV", "DIEM", "credit", "avvv", "adiem", "gas"];
/// The character that holds a number and its unit together while lines are wrapped.
const GLUE: &str = "\u{a0}";

/// Lays rows of cells out in columns, at most `width` wide; `None` if something would have to be broken for that.
/// Without a width each row is one line.
pub(super) fn side_by_side(rows: &[Vec<String>], width: Option<usize>) -> Option<String> {
    let columns = columns(rows);
    let widths = match width {
        None => columns.iter().map(|column| column.natural).collect(),
        Some(width) => fit(&columns, width.saturating_sub(gaps(columns.len())))?,
    };
    Some(lines(rows, &widths))
}

/// Lays out names and their values, which may be of any length: the names take what they need, at most half of the
/// width, and everything but numbers may be broken.
pub fn named(rows: &[Vec<String>], width: Option<usize>) -> String {
    side_by_side(rows, width).unwrap_or_else(|| {
        let (width, names) = (width.unwrap_or_default(), columns(rows).first().map_or(0, |column| column.natural));
        let names = names.min(width / 2);
        lines(rows, &[names, width.saturating_sub(names).saturating_sub(GAP)])
    })
}

/// Wraps the longer lines of a text.
pub fn wrapped(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    text.split('\n').map(|line| wrap(line, width).join("\n")).collect::<Vec<_>>().join("\n")
}

/// The number of lines of a terminal of this width that a line takes.
pub fn lines_of(line: &str, width: usize) -> usize {
    display_width(line).div_ceil(width.max(1)).max(1)
}

/// A command as somebody can type it: a line that goes on below ends in a backslash. An option stays beside its value.
pub fn command(words: &[String], indent: &str, width: Option<usize>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for word in words {
        match parts.last_mut().filter(|part| part.starts_with('-') && !part.contains(' ') && !word.starts_with('-')) {
            Some(option) => option.push_str(&format!(" {word}")),
            None => parts.push(word.clone()),
        }
    }
    let is_too_long = |part: &str| {
        let needed = display_width(indent).saturating_add(display_width(part)).saturating_add(4);
        width.is_some_and(|width| needed > width)
    };
    let parts = parts.iter().flat_map(|part| part.splitn(if is_too_long(part) { 2 } else { 1 }, ' '));
    let mut lines = vec![String::from(indent)];
    for (number, part) in parts.enumerate() {
        let line = lines.last().map_or("", String::as_str);
        // A line that goes on needs room for a space and a backslash at its end.
        let needed = display_width(line).saturating_add(display_width(part)).saturating_add(3);
        if number > 0 && width.is_some_and(|width| needed > width) {
            lines.push(format!("{indent}  {part}"));
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if number == 0 { "" } else { " " });
            line.push_str(part);
        }
    }
    lines.join(" \\\n")
}

/// The widths that a column needs.
struct Column {
    /// The width of its longest cell.
    natural: usize,
    /// The width of the longest of its words that stay whole.
    least: usize,
}

fn columns(rows: &[Vec<String>]) -> Vec<Column> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let column = |number: usize| {
        let cells = || rows.iter().filter_map(move |row| row.get(number));
        Column {
            natural: cells().map(|cell| display_width(cell)).max().unwrap_or_default(),
            least: cells().map(|cell| longest_word(cell)).max().unwrap_or_default(),
        }
    };
    (0..count).map(column).collect()
}

fn gaps(columns: usize) -> usize {
    columns.saturating_sub(1).saturating_mul(GAP)
}

/// Reduces the widest column again and again until all fit.
fn fit(columns: &[Column], width: usize) -> Option<Vec<usize>> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.natural).collect();
    while widths.iter().sum::<usize>() > width {
        let shrinkable = widths.iter_mut().zip(columns).filter(|(width, column)| **width > column.least);
        let (widest, _) = shrinkable.max_by_key(|(width, _)| **width)?;
        *widest = widest.saturating_sub(1);
    }
    Some(widths)
}

fn lines(rows: &[Vec<String>], widths: &[usize]) -> String {
    let mut text: Vec<String> = Vec::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
        for number in 0..cells.iter().map(Vec::len).max().unwrap_or_default() {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(widths) {
                let part = cell.get(number).map_or("", String::as_str);
                line.push_str(part);
                line.push_str(&" ".repeat(width.saturating_add(GAP).saturating_sub(display_width(part))));
            }
            text.push(line.trim_end().to_owned());
        }
    }
    text.join("\n")
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    if display_width(text) <= width {
        return vec![text.to_owned()];
    }
    let options = Options::new(width.max(1))
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        // A URL is never broken, because half of one leads nowhere.
        .break_words(!text.contains("://"));
    textwrap::wrap(&glued(text), options).into_iter().map(|line| line.replace(GLUE, " ")).collect()
}

/// Binds every number of the text to its unit.
fn glued(text: &str) -> String {
    let mut glued = String::with_capacity(text.len());
    let mut after_number = false;
    for (number, word) in text.split(' ').enumerate() {
        let is_unit = UNITS.contains(&word.trim_end_matches(|c: char| !c.is_ascii_alphabetic()));
        if number > 0 {
            glued.push_str(if after_number && is_unit { GLUE } else { " " });
        }
        glued.push_str(word);
        after_number = is_number(word);
    }
    glued
}

fn longest_word(text: &str) -> usize {
    glued(text).split(' ').map(least_of).max().unwrap_or_default()
}

/// The length of the part of a word that stays in one line.
fn least_of(word: &str) -> usize {
    let width = display_width(word);
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_hash = bare.len() >= 40 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_whole = is_number(word) || is_hash || bare.starts_with("diem1") || word.contains("://");
    if is_whole { width } else { width.min(LONGEST_WORD) }
}

/// Whether a word is a number, a time, or begins like one: `12.5`, `-0.1…`, `2026-11-28T16:21:49Z`, `0x12`.
fn is_number(word: &str) -> bool {
    word.trim_start_matches(['-', '+', '(']).starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn columns_take_what_they_need_and_lines_end_without_spaces() {
        let rows = rows(&[&["NAME", "AMOUNT", ""], &["alice", "1 VVV", ""], &["b", "12.5 VVV", "x"]]);
        let expected = "NAME   AMOUNT\nalice  1 VVV\nb      12.5 VVV  x";
        assert_eq!(side_by_side(&rows, None).as_deref(), Some(expected));
        assert_eq!(side_by_side(&rows, Some(80)).as_deref(), Some(expected));
    }

    #[test]
    fn words_are_wrapped_and_amounts_are_not_broken() {
        let rows = rows(&[&["what", "alice sent 123456789.123456789 VVV to bob"]]);
        let expected = "what  alice sent\n      123456789.123456789 VVV to\n      bob";
        assert_eq!(side_by_side(&rows, Some(32)).as_deref(), Some(expected));
        assert_eq!(side_by_side(&rows, Some(28)), None, "the number and its unit need 23");
        assert_eq!(named(&rows, Some(32)), expected);
    }

    #[test]
    fn long_names_are_wrapped_and_long_urls_are_not() {
        let name = "x".repeat(50);
        let table = side_by_side(&rows(&[&["name", &name], &["b", "2"]]), Some(40));
        assert!(table.is_some_and(|table| table.lines().all(|line| line.len() <= 40) && table.lines().count() == 3));
        let url = format!("https://{}", "y".repeat(50));
        assert_eq!(side_by_side(&rows(&[&["endpoint", &url]]), Some(40)), None);
        assert_eq!(named(&rows(&[&["endpoint", &url]]), Some(40)), format!("endpoint  {url}"));
    }

    #[test]
    fn text_is_wrapped_line_by_line() {
        assert_eq!(wrapped("one two three\nfour", Some(8)), "one two\nthree\nfour");
        assert_eq!(wrapped("one two three\nfour", None), "one two three\nfour");
    }

    #[test]
    fn a_long_command_can_still_be_typed() {
        let words: Vec<String> = "diemd tx transfer bob 1VVV --from alice".split(' ').map(Into::into).collect();
        assert_eq!(command(&words, "  ", Some(14)).lines().last(), Some("    alice"));
        assert_eq!(command(&words, "  ", None), "  diemd tx transfer bob 1VVV --from alice");
        assert_eq!(command(&words, "  ", Some(30)), "  diemd tx transfer bob 1VVV \\\n    --from alice");
    }
}
