//! Block time: milliseconds since 1970-01-01 UTC, taken from the block header and nowhere else.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A moment in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Time(pub u64);

impl Time {
    /// The latest moment that anybody may set, be it in a genesis, by a warp or on the command line: the first of the
    /// year 9000. Whatever a chain counts from there, it has a thousand years left until [`Time::END`].
    pub const LATEST: Self = Self(221_845_392_000_000);
    /// The last moment of the year 9999, after which neither a header nor RFC 3339 has a time.
    pub const END: Self = Self(253_402_300_799_999);

    /// The number of milliseconds since 1970-01-01 UTC.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The epoch that holds this moment: `floor(time / epoch_ms)`; with a day's milliseconds, the UTC day.
    pub fn epoch(self, epoch_ms: std::num::NonZeroU64) -> u64 {
        self.0 / epoch_ms
    }

    /// Parses RFC 3339, `2026-11-20T12:00:00Z`; moments before 1970 and finer than milliseconds are refused.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        (nanos.checked_rem(1_000_000)? == 0).then_some(())?;
        u64::try_from(nanos.checked_div(1_000_000)?).ok().map(Self)
    }
}

/// RFC 3339 with milliseconds, and words for what is after [`Time::END`].
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0).saturating_mul(1_000_000);
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|t| t.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            None => f.write_str("a time after the year 9999"),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{}` is not a time: write RFC 3339 such as 2026-11-20T12:00:00Z",
                crate::text::shortened(&text)
            ))
        })
    }
}
