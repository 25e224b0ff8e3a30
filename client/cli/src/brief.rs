//! Tables for people: amounts are rounded, addresses and hashes shortened, and a unit stands once in its heading.
//!
//! Only a cell that is an amount, an address or a hash as a whole is shortened. A sentence stays as it is, because it
//! may be what somebody is about to sign, and so does a stranger's text, which stands between double quotes. All digits
//! are in JSON and with `--full`.

use std::{
    borrow::Cow,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::names::Names;

/// The decimals that are kept of an amount, and the digits of one that has only zeros before them, where there is room.
pub(super) const DIGITS: usize = 4;
/// The same number where there is little room.
pub(super) const FEW_DIGITS: usize = 2;
/// The most digits of an amount, before and after its point, that are kept; one decimal always is.
const DIGITS_IN_ALL: usize = 10;
/// The text of an empty cell.
const NOTHING: &str = "-";
/// The characters that are kept at the begin of a hash.
const HASH_HEAD: usize = 8;
/// The characters that are kept at the begin and at the end of an address.
const ADDRESS_HEAD: usize = 9;
const ADDRESS_TAIL: usize = 4;

/// Whether everything is printed in full. It is set once, by the command line, before anything is printed.
static FULL: AtomicBool = AtomicBool::new(false);
/// The names that the wallet has for addresses on the chain that is shown.
static NAMES: OnceLock<Names> = OnceLock::new();

/// Prints everything in full from now on.
pub fn print_in_full() {
    FULL.store(true, Ordering::Relaxed);
}

/// Shows these names beside their addresses from now on.
pub(super) fn know(names: Names) {
    // The set fails only the second time: no command shows two chains.
    let _ = NAMES.set(names);
}

fn is_full() -> bool {
    FULL.load(Ordering::Relaxed)
}

/// A cell as it stands in a table, its amounts with `digits` decimals.
pub(super) fn cell(text: &str, digits: usize) -> Cow<'_, str> {
    if is_full() { Cow::Borrowed(text) } else { shortened(text, digits) }
}

/// A sentence about what has happened, with its amounts and addresses shortened, named or not. Text between double
/// quotes is a stranger's and stays as it is.
pub(super) fn sentence(text: &str) -> String {
    if is_full() { text.to_owned() } else { shortened_words(text) }
}

/// Pads the numbers of a column so that their points are aligned. A column of other cells is not changed.
pub(super) fn align<'a>(column: impl Iterator<Item = &'a mut String>) {
    let cells: Vec<&mut String> = column.filter(|cell| *cell != NOTHING).collect();
    let whole =
        |cell: &str| amount(&cell.replace('…', "")).map(|(number, _)| number.split('.').next().map_or(0, str::len));
    let Some(wholes) = cells.iter().map(|cell| whole(cell)).collect::<Option<Vec<usize>>>() else { return };
    let widest = wholes.iter().copied().max().unwrap_or_default();
    for (cell, whole) in cells.into_iter().zip(wholes) {
        cell.insert_str(0, &" ".repeat(widest.saturating_sub(whole)));
    }
}

/// Removes the unit from the cells of a column where all have the same one; returns the unit for the heading.
pub(super) fn take_unit<'a>(column: impl Iterator<Item = &'a mut String>) -> Option<String> {
    if is_full() { None } else { common_unit(column) }
}

fn shortened(text: &str, digits: usize) -> Cow<'_, str> {
    if let Some((number, unit)) = amount(text) {
        return Cow::Owned(format!("{}{}{unit}", rounded(number, digits), if unit.is_empty() { "" } else { " " }));
    }
    if let Some((name, address)) = text.strip_suffix(')').and_then(|text| text.split_once(" ("))
        && is_name(name)
        && is_address(address)
    {
        return Cow::Owned(name.into());
    }
    if is_address(text) {
        let name = NAMES.get().and_then(|names| names.name(&text.parse().ok()?));
        return name.map_or_else(|| middle_left_out(text), |name| Cow::Owned(name.into()));
    }
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.get(..HASH_HEAD).filter(|_| is_hash) {
        Some(head) => Cow::Owned(format!("{head}…")),
        None => Cow::Borrowed(text),
    }
}

fn shortened_words(text: &str) -> String {
    let (mut words, mut quoted): (Vec<String>, bool) = (Vec::new(), false);
    for word in text.split(' ') {
        let quotes = word.matches('"').count();
        if quoted || quotes > 0 {
            quoted ^= quotes & 1 == 1;
            words.push(word.into());
            continue;
        }
        let bare = word.trim_end_matches([',', ';', ':']);
        let rest = word.strip_prefix(bare).unwrap_or_default();
        let address = bare.strip_prefix('(').and_then(|bare| bare.strip_suffix(')')).filter(|bare| is_address(bare));
        match words.last_mut().filter(|name| address.is_some() && is_name(name)) {
            Some(name) => name.push_str(rest),
            None => words.push(format!("{}{rest}", shortened(bare, DIGITS))),
        }
    }
    words.join(" ")
}

fn middle_left_out(text: &str) -> Cow<'_, str> {
    match (text.get(..ADDRESS_HEAD), text.get(text.len().saturating_sub(ADDRESS_TAIL)..)) {
        (Some(head), Some(tail)) => Cow::Owned(format!("{head}…{tail}")),
        _ => Cow::Borrowed(text),
    }
}

/// Whether the wallet takes the text for a name of a key.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_address(text: &str) -> bool {
    let hex = text.strip_prefix("0x").is_some_and(|digits| digits.len() == 40);
    let bech32 = text.strip_prefix("diem1").is_some_and(|digits| digits.len() == 38);
    (hex || bech32) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The number and the unit of a cell that is an amount, such as `-12.5 VVV` or `0.25`.
fn amount(text: &str) -> Option<(&str, &str)> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.matches('.').count() <= 1;
    let is_unit = unit.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_number && is_unit && (unit.is_empty() || !text.ends_with(' '))).then_some((number, unit))
}

/// Rounds towards zero, so that nobody seems to own more than they do; an ellipsis says that digits are left out.
fn rounded(number: &str, digits: usize) -> Cow<'_, str> {
    let Some((whole, decimals)) = number.split_once('.') else { return Cow::Borrowed(number) };
    let is_nothing_before = whole.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0');
    let zeros = decimals.len().saturating_sub(decimals.trim_start_matches('0').len());
    let room = DIGITS_IN_ALL.saturating_sub(whole.trim_start_matches(['-', '+']).len()).clamp(1, digits);
    let kept = if is_nothing_before { zeros.saturating_add(digits) } else { room };
    match decimals.get(..kept) {
        Some(kept) if kept.len() < decimals.len() => Cow::Owned(format!("{whole}.{kept}…")),
        _ => Cow::Borrowed(number),
    }
}

fn common_unit<'a>(column: impl Iterator<Item = &'a mut String>) -> Option<String> {
    let cells: Vec<&mut String> = column.filter(|cell| *cell != NOTHING).collect();
    let unit = cells.first().and_then(|cell| unit(cell)).filter(|unit| !unit.is_empty())?;
    if !cells.iter().all(|cell| self::unit(cell).as_ref() == Some(&unit)) {
        return None;
    }
    for cell in cells {
        if let Some(number) = cell.strip_suffix(unit.as_str()) {
            *cell = number.trim_end().to_owned();
        }
    }
    Some(unit)
}

/// The unit of a cell that is an amount, rounded or not.
fn unit(cell: &str) -> Option<String> {
    amount(&cell.replace('…', "")).map(|(_, unit)| unit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_towards_zero_and_say_so() {
        for (text, expected) in [
            ("12.345678901234567890 VVV", "12.3456… VVV"),
            ("-0.99999999 DIEM", "-0.9999… DIEM"),
            ("0.000000000000000001 VVV", "0.000000000000000001 VVV"),
            ("0.00000012345678 credit", "0.0000001234… credit"),
            ("1000000 VVV", "1000000 VVV"),
            ("123456.123456 VVV", "123456.1234… VVV"),
            ("123456789.123456 VVV", "123456789.1… VVV"),
            ("-123456789012.123456 VVV", "-123456789012.1… VVV"),
            ("0.5", "0.5"),
        ] {
            assert_eq!(shortened(text, DIGITS), expected);
        }
        assert_eq!(shortened("123456.123456 VVV", FEW_DIGITS), "123456.12… VVV");
    }

    #[test]
    fn addresses_hashes_and_named_addresses_are_short() {
        let hex = "0x27Cde35f9464228cF499B66dEC04B12180586876";
        let bech32 = "diem1ylx7xhu5vs3geayekek7cp93yxq9s6rk9cpffg";
        assert_eq!(shortened(hex, DIGITS), "0x27Cde35…6876");
        assert_eq!(shortened(bech32, DIGITS), "diem1ylx7…pffg");
        assert_eq!(shortened(&format!("bob ({hex})"), DIGITS), "bob");
        assert_eq!(shortened(&"ab".repeat(32), DIGITS), "abababab…");
    }

    #[test]
    fn sentences_and_the_texts_of_strangers_stay_as_they_are() {
        let hex = "0x27Cde35f9464228cF499B66dEC04B12180586876";
        for text in [
            "Send 1.123456789 VVV to bob",
            "2026-11-28T16:21:49.413Z",
            "127.0.0.1",
            "0.123456 of VVV",
            "",
            &format!("\"bob\" ({hex})"),
            &format!("\"bob ({hex})\""),
            &format!("{hex} and more"),
        ] {
            assert_eq!(shortened(text, DIGITS), text);
        }
    }

    #[test]
    fn sentences_about_the_past_are_short_but_for_the_words_of_others() {
        let (bob, other) =
            ("0x27Cde35f9464228cF499B66dEC04B12180586876", "diem1ylx7xhu5vs3geayekek7cp93yxq9s6rk9cpffg");
        for (text, expected) in [
            (
                format!("alice ({other}) sent 1.123456789 VVV to bob ({bob})"),
                "alice sent 1.1234… VVV to bob".to_owned(),
            ),
            (format!("{bob} sent 1 VVV to {other}, once"), "0x27Cde35…6876 sent 1 VVV to diem1ylx7…pffg, once".into()),
            (format!("for \"a ({bob})\" and bob ({bob}):"), format!("for \"a ({bob})\" and bob:")),
        ] {
            assert_eq!(shortened_words(&text), expected);
        }
    }

    #[test]
    fn the_points_of_a_column_of_numbers_stand_below_each_other() {
        let aligned = |cells: &[&str]| {
            let mut column: Vec<String> = cells.iter().map(ToString::to_string).collect();
            align(column.iter_mut());
            column
        };
        assert_eq!(aligned(&["1.5", "200.1234…", "-30"]), ["  1.5", "200.1234…", "-30"]);
        assert_eq!(aligned(&["1.5 VVV", "20 VVV"]), [" 1.5 VVV", "20 VVV"]);
        assert_eq!(aligned(&["1.5", "none"]), ["1.5", "none"]);
    }

    #[test]
    fn a_unit_that_all_cells_of_a_column_share_stands_in_the_heading() {
        let mut column = vec!["1.5 VVV".to_owned(), "0.0000001234… VVV".to_owned()];
        assert_eq!(common_unit(column.iter_mut()), Some("VVV".into()));
        assert_eq!(column, ["1.5", "0.0000001234…"]);
        for mixed in [&["1 VVV", "1 DIEM"][..], &["1 VVV", "none"], &["1", "2"], &[]] {
            let mut column: Vec<String> = mixed.iter().map(ToString::to_string).collect();
            assert_eq!(common_unit(column.iter_mut()), None);
            assert_eq!(column, mixed);
        }
    }
}
