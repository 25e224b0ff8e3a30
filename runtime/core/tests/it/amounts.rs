//! Amounts: arithmetic against 512-bit numbers, and the way in which people write them.

use diem_core::{
    Amount, Denom, MathError,
    amount::{DECIMALS, ParseAmountError},
};
use proptest::prelude::*;
use ruint::aliases::U512;

/// Numbers near the ends and powers of two as often as any others.
fn number() -> impl Strategy<Value = u128> {
    let edge = (0..128u32, 0..3u128).prop_map(|(bit, off)| (1u128 << bit).wrapping_add(off).wrapping_sub(1));
    prop_oneof![any::<u128>(), edge, 0..1_000u128, Just(u128::MAX), any::<u64>().prop_map(u128::from)]
}

fn checked(exact: U512) -> Result<Amount, MathError> {
    u128::try_from(exact).map(Amount::new).map_err(|_| MathError::Overflow)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn products_and_quotients_are_those_of_wide_numbers(a in number(), b in number(), c in number()) {
        let amount = Amount::new(a);
        if c == 0 {
            prop_assert_eq!(amount.mul_div_floor(b, c), Err(MathError::DivisionByZero));
            prop_assert_eq!(amount.mul_div_ceil(b, c), Err(MathError::DivisionByZero));
        } else {
            let (product, divisor) = (U512::from(a) * U512::from(b), U512::from(c));
            prop_assert_eq!(amount.mul_div_floor(b, c), checked(product / divisor));
            prop_assert_eq!(amount.mul_div_ceil(b, c), checked((product + divisor - U512::from(1)) / divisor));
        }
        prop_assert_eq!(amount.checked_mul(b), checked(U512::from(a) * U512::from(b)));
    }

    #[test]
    fn sums_and_differences_never_wrap(a in number(), b in number()) {
        let (first, second) = (Amount::new(a), Amount::new(b));
        prop_assert_eq!(first.checked_add(second), checked(U512::from(a) + U512::from(b)));
        let difference = if a >= b { Ok(Amount::new(a - b)) } else { Err(MathError::Underflow) };
        prop_assert_eq!(first.checked_sub(second), difference);
        prop_assert_eq!(first.saturating_sub(second), difference.unwrap_or(Amount::ZERO));
    }

    #[test]
    fn what_is_shown_is_read_back(units in number()) {
        let amount = Amount::new(units);
        prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        for denom in Denom::ALL {
            prop_assert_eq!(Denom::parse_amount(&amount.display(denom)), Ok((amount, denom)));
        }
        prop_assert_eq!(Denom::parse_amount(&format!("{units}avvv")), Ok((amount, Denom::Vvv)));
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(&json, &format!("\"{units}\""));
        prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
    }

    #[test]
    fn no_text_panics_and_what_is_read_has_one_meaning(text in "[0-9+_.,a-zA-Z -]{0,50}") {
        if let Ok(amount) = text.parse::<Amount>() {
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
        let _ = Denom::parse_amount(&text);
        let _ = serde_json::from_value::<Amount>(text.into());
    }
}

#[test]
fn floor_and_ceil_differ_by_the_rest() {
    let ten = Amount::new(10);
    assert_eq!((ten.mul_div_floor(1, 3), ten.mul_div_ceil(1, 3)), (Ok(Amount::new(3)), Ok(Amount::new(4))));
    assert_eq!((ten.mul_div_floor(3, 5), ten.mul_div_ceil(3, 5)), (Ok(Amount::new(6)), Ok(Amount::new(6))));
    assert_eq!(Amount::MAX.mul_div_floor(u128::MAX, u128::MAX), Ok(Amount::MAX));
    assert_eq!(Amount::MAX.mul_div_ceil(u128::MAX, u128::MAX - 1), Err(MathError::Overflow));
    assert_eq!(Amount::ZERO.mul_div_ceil(5, 7), Ok(Amount::ZERO));
}

#[test]
fn amounts_are_shown_in_whole_units_without_trailing_zeros() {
    assert_eq!(DECIMALS, 18);
    for (units, text) in [
        (0, "0"),
        (1, "0.000000000000000001"),
        (1_000_000_000_000_000_000, "1"),
        (12_500_000_000_000_000_000, "12.5"),
        (100_000_000_000_000_000_000, "100"),
        (u128::MAX, "340282366920938463463.374607431768211455"),
    ] {
        assert_eq!(Amount::new(units).to_string(), text);
    }
}

#[test]
fn what_is_no_amount_is_refused_with_its_reason() {
    type Bad = fn(String) -> ParseAmountError;
    let cases: [(&str, Bad); 16] = [
        ("", ParseAmountError::NotANumber),
        (".", ParseAmountError::NotANumber),
        (".5", ParseAmountError::NotANumber),
        ("5.", ParseAmountError::NotANumber),
        ("1.2.3", ParseAmountError::NotANumber),
        ("-1", ParseAmountError::NotANumber),
        ("+1", ParseAmountError::NotANumber),
        ("1,5", ParseAmountError::NotANumber),
        ("1e18", ParseAmountError::NotANumber),
        ("0x10", ParseAmountError::NotANumber),
        (" 1", ParseAmountError::NotANumber),
        ("1 ", ParseAmountError::NotANumber),
        ("١", ParseAmountError::NotANumber),
        ("0.0000000000000000001", ParseAmountError::TooPrecise),
        ("340282366920938463463.374607431768211456", ParseAmountError::TooLarge),
        ("999999999999999999999999999999999999999999", ParseAmountError::TooLarge),
    ];
    for (text, reason) in cases {
        assert_eq!(text.parse::<Amount>(), Err(reason(text.into())), "{text}");
    }
}

#[test]
fn units_are_named_exactly() {
    assert_eq!(Denom::parse_amount("12.5VVV"), Ok((Amount::new(12_500_000_000_000_000_000), Denom::Vvv)));
    assert_eq!(Denom::parse_amount("3 DIEM"), Ok((Amount::new(3_000_000_000_000_000_000), Denom::Diem)));
    assert_eq!(Denom::parse_amount("100adiem"), Ok((Amount::new(100), Denom::Diem)));
    for text in ["12.5", "12.5ETH", "VVV", "", "1Vvv", "1.5avvv", "1VVV ", "1VVVV"] {
        assert!(Denom::parse_amount(text).is_err(), "{text}");
    }
    // 2^128, in base units and in whole ones.
    for text in ["340282366920938463463374607431768211456avvv", "340282366920938463463.374607431768211456VVV"] {
        assert!(matches!(Denom::parse_amount(text), Err(ParseAmountError::TooLarge(_))), "{text}");
    }
    for text in ["avvv", "1.5avvv", "+1avvv"] {
        assert!(matches!(Denom::parse_amount(text), Err(ParseAmountError::NotANumber(_))), "{text}");
    }
}

#[test]
fn json_takes_strings_of_digits_only() {
    for json in ["1", "1.5", "\"1.5\"", "\"-1\"", "\"+1\"", "\"\"", "\" 1\"", "null", "\"1e3\""] {
        assert!(serde_json::from_str::<Amount>(json).is_err(), "{json}");
    }
}
