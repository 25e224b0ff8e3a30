//! Tables as people read them: amounts rounded, addresses and hashes shortened, a unit said once in its heading.
//!
//! Only a cell that is an amount, an address or a hash as a whole is shortened. A sentence stays as it is, because it
//! may be what somebody is about to sign, and so does a stranger's text, which stands between double quotes. All digits
//! are in JSON and behind `--full`.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicBool, Ordering},
};

/// Decimals that stay of an amount, and digits of one that has nothing before them.
const DIGITS: usize = 4;
/// Characters that stay at the end of an address or a hash.
const TAIL: usize = 4;

/// Whether everything is printed in full. It is set once, by the command line, before anything is printed.
static FULL: AtomicBool = AtomicBool::new(false);

/// Prints everything in full from here on.
pub(super) fn print_in_full() {
    FULL.store(true, Ordering::Relaxed);
}

fn is_full() -> bool {
    FULL.load(Ordering::Relaxed)
}

/// A cell as it stands in a table.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    if is_full() { Cow::Borrowed(text) } else { shortened(text) }
}

/// Takes the unit out of the cells of a column that all have the same one; gives the unit for the heading.
pub(super) fn take_unit<'a>(column: impl Iterator<Item = &'a mut String>) -> Option<String> {
    if is_full() { None } else { common_unit(column) }
}

fn shortened(text: &str) -> Cow<'_, str> {
    if let Some((number, unit)) = amount(text) {
        return Cow::Owned(format!("{}{}{unit}", rounded(number), if unit.is_empty() { "" } else { " " }));
    }
    if let Some((name, address)) = text.strip_suffix(')').and_then(|text| text.split_once(" ("))
        && is_name(name)
        && is_address(address)
    {
        return Cow::Owned(name.into());
    }
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (is_address(text), is_hash) {
        (true, _) => middle_left_out(text, 9),
        (_, true) => middle_left_out(text, 8),
        _ => Cow::Borrowed(text),
    }
}

fn middle_left_out(text: &str, head: usize) -> Cow<'_, str> {
    match (text.get(..head), text.get(text.len().saturating_sub(TAIL)..)) {
        (Some(head), Some(tail)) => Cow::Owned(format!("{head}…{tail}")),
        _ => Cow::Borrowed(text),
    }
}

/// The names that the wallet takes for keys.
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

/// Rounded towards zero, so that nobody seems to own more than he does; an ellipsis says that digits are left out.
fn rounded(number: &str) -> Cow<'_, str> {
    let Some((whole, decimals)) = number.split_once('.') else { return Cow::Borrowed(number) };
    let is_nothing_before = whole.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0');
    let zeros = decimals.len().saturating_sub(decimals.trim_start_matches('0').len());
    let kept = if is_nothing_before { zeros.saturating_add(DIGITS) } else { DIGITS };
    match decimals.get(..kept) {
        Some(kept) if kept.len() < decimals.len() => Cow::Owned(format!("{whole}.{kept}…")),
        _ => Cow::Borrowed(number),
    }
}

fn common_unit<'a>(column: impl Iterator<Item = &'a mut String>) -> Option<String> {
    let cells: Vec<&mut String> = column.collect();
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
            ("0.5", "0.5"),
        ] {
            assert_eq!(shortened(text), expected);
        }
    }

    #[test]
    fn addresses_hashes_and_named_addresses_are_short() {
        let hex = "0x27Cde35f9464228cF499B66dEC04B12180586876";
        let bech32 = "diem1ylx7xhu5vs3geayekek7cp93yxq9s6rk9cpffg";
        assert_eq!(shortened(hex), "0x27Cde35…6876");
        assert_eq!(shortened(bech32), "diem1ylx7…pffg");
        assert_eq!(shortened(&format!("bob ({hex})")), "bob");
        assert_eq!(shortened(&"ab".repeat(32)), "abababab…abab");
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
            assert_eq!(shortened(text), text);
        }
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
