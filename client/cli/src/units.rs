//! Amounts and rates as people type them, always with their unit.

use diem_api::Moment;
use diem_core::{Amount, Denom, Time};

/// Parses VVV: `12.5VVV` or `100avvv`.
pub(super) fn vvv(text: &str) -> Result<Amount, String> {
    amount_of(text, Denom::Vvv)
}

/// Parses DIEM: `3DIEM` or `100adiem`.
///
/// # Errors
/// The text is no amount of DIEM; the sentence shows the form.
pub fn diem(text: &str) -> Result<Amount, String> {
    amount_of(text, Denom::Diem)
}

fn amount_of(text: &str, wanted: Denom) -> Result<Amount, String> {
    match Denom::parse_amount(text) {
        Ok((amount, denom)) if denom == wanted => Ok(amount),
        Ok((_, denom)) => Err(format!("this takes {wanted}, not {denom}: write it as 12.5{wanted}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses credit: `1.5` or `1.5credit`; one credit is one dollar of inference.
pub(super) fn credit(text: &str) -> Result<Amount, String> {
    let number = text.strip_suffix("credit").unwrap_or(text).trim_end();
    if number.ends_with(|last: char| last.is_ascii_alphabetic()) {
        return Err(format!("`{text}` is no credit: write it as 1.5 or 1.5credit"));
    }
    number.parse().map_err(|error: diem_core::amount::ParseAmountError| error.to_string())
}

/// Parses a percentage into basis points: `5%`, `0.25%`.
///
/// # Errors
/// The text is none; the sentence shows the form.
pub fn percent(text: &str) -> Result<u16, String> {
    let wrong =
        || format!("`{text}` is no percentage from 0% to 100% with at most two decimals: write it as 5% or 2.5%");
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return Err(wrong());
    }
    let bps = format!("{whole}{fraction:0<2}").parse::<u16>().map_err(|_| wrong())?;
    if bps > 10_000 { Err(wrong()) } else { Ok(bps) }
}

/// Formats basis points for people: `2.5%`.
pub fn show_percent(bps: u64) -> String {
    let (whole, rest) = (bps / 100, bps % 100);
    let text = format!("{whole}.{rest:02}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Formats credit with its unit.
pub(super) fn show_credit(amount: Amount) -> String {
    format!("{amount} credit")
}

/// Formats VVV with its unit.
pub(super) fn show_vvv(amount: Amount) -> String {
    amount.display(Denom::Vvv)
}

/// Formats DIEM with its unit.
pub(super) fn show_diem(amount: Amount) -> String {
    amount.display(Denom::Diem)
}

/// Formats a moment for people, to the second.
pub fn date(time: Time) -> String {
    let text = time.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// Formats a moment and the day of the chain that holds it.
pub fn moment(moment: &Moment) -> String {
    format!("{}, day {}", date(moment.time), moment.epoch)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn amounts_are_in_the_unit_that_is_meant() {
        let one_and_a_half = Amount::new(1_500_000_000_000_000_000);
        assert_eq!(vvv("1.5VVV"), Ok(one_and_a_half));
        assert_eq!(diem("1.5 DIEM"), Ok(one_and_a_half));
        for text in ["1.5", "1.5credit", "1.5 credit"] {
            assert_eq!(credit(text), Ok(one_and_a_half), "{text}");
        }
        assert_eq!(vvv("7avvv"), Ok(Amount::new(7)));
        assert!(vvv("1DIEM").unwrap_err().contains("this takes VVV, not DIEM"));
        assert!(diem("1VVV").unwrap_err().contains("this takes DIEM, not VVV"));
        assert!(vvv("1").unwrap_err().contains("needs a unit"));
        for text in ["1VVV", "1DIEM", "credit", "-1", ""] {
            assert!(credit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_are_basis_points_and_back() {
        for (text, bps) in [("0%", 0), ("5%", 500), ("2.5%", 250), ("0.01%", 1), ("12.34%", 1_234), ("100%", 10_000)] {
            assert_eq!(percent(text), Ok(bps), "{text}");
            assert_eq!(show_percent(bps.into()), text);
        }
        for text in ["5", "%", "-1%", "1.234%", "100.01%", "1.%", ".5%", "700%", "5 %"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_iso_to_the_second() {
        assert_eq!(date(Time(0)), "1970-01-01T00:00:00Z");
        assert_eq!(date(Time(1_500)), "1970-01-01T00:00:01Z");
        assert_eq!(moment(&Moment { time: Time(86_400_000), epoch: 1 }), "1970-01-02T00:00:00Z, day 1");
    }
}
