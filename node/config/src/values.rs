//! Values that are text in the file, in the environment and in flags.

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use diem_engine::engine::{BlockMode, MAX_BLOCK_TIME};
use diem_genesis::parse_millis;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Implements serde through `Display` and `FromStr`, so that the value is text on the outside.
macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

as_text!(Optional, Length, Blocks);

/// An address to listen on; `off`, which is `None`, listens nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optional(pub Option<SocketAddr>);

impl fmt::Display for Optional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("off"),
        }
    }
}

impl FromStr for Optional {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let address =
            text.parse().map_err(|_| format!("`{text}` is no address: write it as 127.0.0.1:9464, or off"))?;
        Ok(Self(Some(address)))
    }
}

/// A length of time in milliseconds, written as `1s` or `500ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length(pub u64);

impl Length {
    /// The length as a [`Duration`].
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000) {
            (seconds, 0) => write!(f, "{seconds}s"),
            _ => write!(f, "{}ms", self.0),
        }
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_millis(text).map(Self)
    }
}

/// The mode in which the development engine makes blocks: `on-demand`, `manual`, or the length of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks(pub BlockMode);

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BlockMode::OnDemand => f.write_str("on-demand"),
            BlockMode::Manual => f.write_str("manual"),
            BlockMode::Every(period) => Length(u64::try_from(period.as_millis()).unwrap_or(u64::MAX)).fmt(f),
        }
    }
}

impl FromStr for Blocks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "on-demand" => Ok(Self(BlockMode::OnDemand)),
            "manual" => Ok(Self(BlockMode::Manual)),
            _ => match parse_millis(text) {
                Ok(millis) if millis > MAX_BLOCK_TIME => Err(format!("`{text}` is too long for a block: at most 1d")),
                Ok(millis) if millis > 0 => Ok(Self(BlockMode::Every(Duration::from_millis(millis)))),
                _ => Err(format!("`{text}` is not known: write on-demand, manual, or a length of time such as 1s")),
            },
        }
    }
}
