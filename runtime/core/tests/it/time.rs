//! Moments as RFC 3339 writes them.

use diem_core::Time;
use proptest::prelude::*;

#[test]
fn moments_are_those_that_other_clocks_show() {
    // Seconds since 1970 by `date -u -d TEXT +%s`; the fourth and fifth are examples of RFC 3339, section 5.8.
    for (text, millis) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2001-09-09T01:46:40Z", 1_000_000_000_000),
        ("2009-02-13T23:31:30.123Z", 1_234_567_890_123),
        ("1985-04-12T23:20:50.52Z", 482_196_050_520),
        ("1996-12-19T16:39:57-08:00", 851_042_397_000),
        ("2000-02-29T12:00:00Z", 951_825_600_000),
        ("2038-01-19T03:14:08Z", 2_147_483_648_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("2026-11-20t12:00:00z", 1_795_176_000_000),
    ] {
        assert_eq!(Time::parse_rfc3339(text), Some(Time(millis)), "{text}");
    }
}

#[test]
fn moments_are_shown_with_what_they_have() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_234_567_890_123, "2009-02-13T23:31:30.123Z"),
        (1_795_176_000_500, "2026-11-20T12:00:00.5Z"),
    ] {
        assert_eq!(Time(millis).to_string(), text);
    }
    let beyond = Time(Time::END.millis() + 1);
    for far in [beyond, Time(u64::MAX)] {
        assert_eq!(far.to_string(), "a time after the year 9999", "too far for a calendar");
    }
    assert_eq!(Time::END.to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Time::LATEST.to_string(), "9000-01-01T00:00:00Z");
}

#[test]
fn what_is_no_moment_of_this_chain_is_refused() {
    for text in [
        "",
        "now",
        "2026-11-20",
        "2026-11-20 12:00:00",
        "2026-11-20T12:00:00",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "1969-12-31T23:59:59Z",
        // RFC 3339's own example of a moment before 1970.
        "1937-01-01T12:00:27.87+00:20",
        "2026-11-20T12:00:00.0001Z",
        "2026-11-20T12:00:00.123456789Z",
        "+12026-11-20T12:00:00Z",
        "1795176000000",
    ] {
        assert_eq!(Time::parse_rfc3339(text), None, "{text}");
    }
}

#[test]
fn epochs_are_whole_days_of_utc() {
    let day = std::num::NonZeroU64::new(86_400_000).unwrap();
    let at = |text| Time::parse_rfc3339(text).unwrap().epoch(day);
    assert_eq!(at("1970-01-01T23:59:59.999Z"), 0);
    assert_eq!(at("1970-01-02T00:00:00Z"), 1);
    assert_eq!(at("2026-11-20T23:59:59.999Z") + 1, at("2026-11-21T00:00:00Z"));
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(millis in 0..253_402_300_800_000u64) {
        let moment = Time(millis);
        prop_assert_eq!(Time::parse_rfc3339(&moment.to_string()), Some(moment));
        let json = serde_json::to_string(&moment).unwrap();
        prop_assert_eq!(serde_json::from_str::<Time>(&json).unwrap(), moment);
    }

    #[test]
    fn no_text_panics(text in "[0-9TtZz:.+ -]{0,40}") {
        let _ = Time::parse_rfc3339(&text);
    }
}
