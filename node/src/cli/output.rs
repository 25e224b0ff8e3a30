//! Data on stdout, words on stderr. Nothing is coloured, so that every terminal, pipe and `NO_COLOR` gets the same.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{Failure, common::failed};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs: exactly one JSON document.
    Json,
}

impl Output {
    /// Prints `data`: as JSON, or as the text that `table` makes of it.
    ///
    /// # Errors
    /// stdout is closed.
    pub fn print<T: Serialize>(self, data: &T, table: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let text = match self {
            Self::Table => table(data),
            Self::Json => serde_json::to_string_pretty(data).map_err(failed)?,
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()).map_err(failed)
    }
}

/// Says something to the person at the terminal.
#[expect(clippy::print_stderr, reason = "words for people go to stderr")]
pub fn say(words: &str) {
    eprintln!("{words}");
}

/// Lines of a name and a value, the values below each other.
pub fn fields<'a>(lines: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = bare();
    for (name, value) in lines {
        table.add_row([name, value.as_str()]);
    }
    trimmed(&table)
}

/// A table with a line of headings.
pub fn list<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = bare();
    table.set_header(headings.map(str::to_uppercase));
    for row in rows {
        table.add_row(row);
    }
    trimmed(&table)
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn trimmed(table: &Table) -> String {
    let text = table.to_string();
    // The space that pads the first column on its left serves nobody without borders.
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_no_borders_and_no_spaces_at_the_end_of_lines() {
        let text = list(["name", "amount"], [["alice".into(), "1 VVV".into()], ["bob".into(), "12.5 VVV".into()]]);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [vec!["NAME", "AMOUNT"], vec!["alice", "1", "VVV"], vec!["bob", "12.5", "VVV"]]);
        assert!(text.lines().all(|line| line.trim_end() == line));
    }
}
