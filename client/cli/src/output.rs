//! Data on stdout, words on stderr. Where they go to a terminal, what went well is green and what failed is red, unless
//! `NO_COLOR` is set; pipes get the same text without colours.
//!
//! Memos, names and foreign files hold whatever a stranger wrote. No text goes out before what could steer a terminal,
//! turn the direction of writing or look like a line of its own is written as its number.

use std::{
    borrow::Cow,
    cell::RefCell,
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::anyhow;
use console::{Term, style};
use diem_api::ErrorBody;
use diem_client::ClientError;
use diem_core::text::is_plain;
use diem_host::outlet;
use serde::Serialize;

use super::{Exit, Failure, brief, failure::failed, layout};

/// The narrowest terminal for which lines are wrapped: on a narrower one nobody reads them anyway.
const NARROWEST: usize = 40;
/// How the value of a line `result` begins where all went well.
const GOOD: [&str; 2] = ["succeeded", "it would succeed"];

/// The codespace of errors that this program has found itself.
const CODESPACE: &str = "diemd";

/// Whether data was printed. Who reads JSON wants one document, and so none about a failure behind it.
static PRINTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// What is said after the data. A command prints on the thread on which it makes its tables.
    static HINTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// A table for people.
    #[default]
    Table,
    /// Exactly one JSON document for programs.
    Json,
}

impl Output {
    /// Prints `data`: as JSON, or as the text that `table` makes of it.
    ///
    /// # Errors
    /// Standard output takes nothing. A reader that has seen enough and closed the pipe, as `head` does, is no error.
    pub fn print<T: Serialize>(self, data: &T, table: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        match self {
            Self::Table => {
                let printed = write(&painted(&layout::wrapped(&plain_lines(&table(data)), width())));
                HINTS.with_borrow_mut(|hints| hints.drain(..).for_each(|words| say(&words)));
                printed
            }
            Self::Json => print_json(&serde_json::to_string_pretty(data).map_err(failed)?),
        }
    }
}

/// Prints a JSON document that is text already.
///
/// # Errors
/// The errors of [`Output::print`].
pub fn print_json(text: &str) -> Result<(), Failure> {
    write(&plain_json(text))
}

/// A JSON document as it can be printed. Between strings it has no character that could steer a terminal but the line end, and
/// within them the escape means the same.
pub fn plain_json(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && steers(c), |c| format!("\\u{:04x}", u32::from(c)))
}

/// Prints a text that somebody may keep in a file, as it is.
///
/// # Errors
/// The errors of [`Output::print`].
pub fn print_text(text: &str) -> Result<(), Failure> {
    write(&plain_lines(text))
}

/// Prints a line of data that others follow, as those of a watch; nothing waits for its reader.
pub fn print_line(line: &str) {
    PRINTED.store(true, Ordering::Relaxed);
    outlet::out(&format!("{line}\n"));
}

/// Why a command has failed, as its only JSON document.
#[derive(Serialize)]
struct FailureReply<'a> {
    error: &'a ErrorBody,
    exit: u8,
}

/// Prints the error with which a command ends that prints JSON.
///
/// # Errors
/// The errors of [`Output::print`].
pub fn print_error(error: &ErrorBody, exit: Exit) -> Result<(), Failure> {
    Output::Json.print(&FailureReply { error, exit: exit as u8 }, |_| String::new())
}

/// Prints why a command has failed that prints JSON, unless it has printed a document already. What a node has refused has the
/// error of the node, and all else that of the exit code.
pub fn print_failure(Failure { exit, error }: &Failure) {
    if PRINTED.load(Ordering::Relaxed) {
        return;
    }
    let refused = error.chain().find_map(|error| error.downcast_ref::<ClientError>()?.refusal().cloned());
    let own = || ErrorBody {
        codespace: CODESPACE.into(),
        code: *exit as u32,
        name: exit.name().into(),
        message: format!("{error:#}"),
        retry: false,
    };
    // Standard error has the sentence, whatever becomes of this.
    let _ = print_error(&refused.unwrap_or_else(own), *exit);
}

fn write(text: &str) -> Result<(), Failure> {
    print_bytes(format!("{}\n", text.trim_end()).as_bytes())
}

/// Prints data as it is.
///
/// # Errors
/// The errors of [`Output::print`].
pub fn print_bytes(data: &[u8]) -> Result<(), Failure> {
    PRINTED.store(true, Ordering::Relaxed);
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        // Without its name a full disk would be taken for that of the node.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(failed(anyhow!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something to the person at the terminal.
///
/// It ignores a terminal that takes nothing: what only reports stops nothing.
pub fn say(words: &str) {
    outlet::err(&format!("{}\n", wrapped(words)));
}

/// Says something below the data that is about to be printed: where more of it is, or why there is none.
pub fn hint(words: &str) {
    HINTS.with_borrow_mut(|hints| hints.push(words.to_owned()));
}

/// Says why a command failed, its first word in red.
pub fn say_failure(why: &str) {
    let name = style("diemd:").red().bold().for_stderr();
    let text = wrapped(&format!("diemd: {why}"));
    outlet::err(&format!("{name}{}\n", text.strip_prefix("diemd:").unwrap_or(&text)));
}

/// Words for the person at the terminal, within its width.
pub(super) fn wrapped(words: &str) -> String {
    layout::wrapped(&plain_lines(words), width_of(&Term::stderr()))
}

/// The table with the value of a line `result` in green where it speaks of success and in red where not. Colours come
/// last, after what strangers wrote was escaped and the columns were laid out: a colour has no width.
fn painted(table: &str) -> String {
    let is_good = |value: &str| GOOD.iter().any(|good| value.trim_start().starts_with(good));
    let paint = |line: &str| match line.strip_prefix("result ") {
        Some(value) if is_good(value) => format!("result {}", style(value).green()),
        Some(value) => format!("result {}", style(value).red()),
        None => line.to_owned(),
    };
    table.lines().map(paint).collect::<Vec<_>>().join("\n")
}

/// `text` as it can stand within a line: what could steer a terminal is written as `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, steers, |c| c.escape_unicode().to_string())
}

/// A `text` of several lines as it can be printed: see [`plain`].
fn plain_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && steers(c), |c| c.escape_unicode().to_string())
}

/// What the chain keeps out of names, except the double quote: that one only matters between double quotes.
fn steers(c: char) -> bool {
    c != '"' && !is_plain(c.encode_utf8(&mut [0; 4]))
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool, form: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_bad) {
        return Cow::Borrowed(text);
    }
    let one = |c| if is_bad(c) { form(c) } else { String::from(c) };
    Cow::Owned(text.chars().map(one).collect())
}

/// The name that somebody gave to what is theirs, between double quotes: without, `alice (diem1..)` as a name would
/// look like a key of this wallet.
pub fn quoted(name: &str) -> String {
    // The chain takes no double quote in a name; other sources may.
    format!("\"{}\"", name.replace('"', r"\u{22}"))
}

/// Lines of a name and a value, the values below each other.
pub fn fields<'a>(lines: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let row = |(name, value): (&str, String)| vec![plain(name).into_owned(), plain(&value).into_owned()];
    layout::named(&lines.into_iter().map(row).collect::<Vec<_>>(), width())
}

/// A table with a line of headings, its cells shortened as [`brief`] says.
pub fn list<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let short = |digits| {
        let row = |row: &[String; N]| row.each_ref().map(|cell| brief::cell(cell, digits).into_owned());
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let in_columns = |digits| {
        let (mut rows, mut headings) = (short(digits), headings.map(str::to_owned));
        for (column, heading) in headings.iter_mut().enumerate() {
            let unit = brief::take_unit(rows.iter_mut().filter_map(|row| row.get_mut(column)));
            if let Some(unit) = unit.filter(|unit| unit != heading) {
                heading.push_str(&format!(" ({unit})"));
            }
            brief::align(rows.iter_mut().filter_map(|row| row.get_mut(column)));
        }
        in_columns(&headings, &rows)
    };
    // Where rows stand below each other, each amount has its unit beside it again.
    let below = || below_each_other(&headings, &short(brief::DIGITS));
    in_columns(brief::DIGITS).or_else(|| in_columns(brief::FEW_DIGITS)).unwrap_or_else(below)
}

/// A table as of [`list`] with nothing shortened, for what people copy or look at before they sign.
pub fn list_in_full<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    in_columns(&headings.map(str::to_owned), &rows).unwrap_or_else(|| below_each_other(&headings, &rows))
}

fn in_columns<const N: usize>(headings: &[String; N], rows: &[[String; N]]) -> Option<String> {
    // A unit keeps its letters: avvv is not AVVV.
    let upper = |heading: &String| match heading.split_once(" (") {
        Some((name, unit)) => format!("{} ({unit}", name.to_uppercase()),
        None => heading.to_uppercase(),
    };
    let plain_row = |row: &[String; N]| row.iter().map(|cell| plain(cell).into_owned()).collect::<Vec<_>>();
    let headings = headings.iter().map(upper).collect();
    layout::side_by_side(&std::iter::once(headings).chain(rows.iter().map(plain_row)).collect::<Vec<_>>(), width())
}

/// Each row as lines of its own, where the terminal is too narrow for a table.
fn below_each_other<const N: usize>(headings: &[&str; N], rows: &[[String; N]]) -> String {
    let row = |row: &[String; N]| {
        let cells = headings.iter().copied().zip(row.iter().cloned());
        fields(cells.filter(|(_, cell)| !cell.is_empty()))
    };
    rows.iter().map(row).collect::<Vec<_>>().join("\n\n")
}

/// The width of the terminal that shows stdout. Where there is none, the one that `COLUMNS` names, as other programs
/// have it; else `None`: whatever reads a pipe wants each row on a line of its own.
pub fn width() -> Option<usize> {
    width_of(&Term::stdout())
}

fn width_of(terminal: &Term) -> Option<usize> {
    let named = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width: Option<usize> = if terminal.is_term() { Some(terminal.size().1.into()) } else { named() };
    width.map(|width| width.max(NARROWEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_no_borders_and_no_spaces_at_the_end_of_lines() {
        let text = list(["name", "amount"], [["alice".into(), "1 VVV".into()], ["bob".into(), "12.5 VVV".into()]]);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [vec!["NAME", "AMOUNT", "(VVV)"], vec!["alice", "1"], vec!["bob", "12.5"]]);
        assert!(text.lines().all(|line| line.trim_end() == line));
    }

    #[test]
    fn the_quotes_of_a_name_are_the_outer_ones() {
        assert_eq!(quoted("alice (0x1)"), "\"alice (0x1)\"");
        assert_eq!(quoted("a\" b"), r#""a\u{22} b""#);
    }

    #[test]
    fn a_strangers_text_stays_within_its_cell() {
        let text = "x\nresult  failed\x1b[31m \u{202e}\u{9b}\u{200b}\t\r\u{2028}";
        let expected = r"x\u{a}result  failed\u{1b}[31m \u{202e}\u{9b}\u{200b}\u{9}\u{d}\u{2028}";
        assert_eq!(fields([("memo", text.into())]), format!("memo  {expected}"));
        assert_eq!(list(["memo"], [[text.into()]]), format!("MEMO\n{expected}"));
    }

    #[test]
    fn what_steers_nothing_stays_as_it_is() {
        for text in ["", "für \"dich\"", "Müller & Söhne", "節点", "🚀", "c:\\u{1b}"] {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain_lines("two\nlines"), "two\nlines");
    }
}
