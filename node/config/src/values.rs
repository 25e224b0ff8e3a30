//! Values that are text in the file, in the environment and in flags.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use diem_core::Amount;
use diem_engine::engine::{BlockMode, MAX_BLOCK_TIME};
use diem_genesis::parse_millis;
use diem_runtime::Keep;
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

as_text!(Optional, Length, Blocks, Rate, Period, KeepTime, Signer, crate::Bytes, crate::Warn);

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

/// The address at which a remote signer connects, written as CometBFT has it: `tcp://127.0.0.1:26659` or `unix:///path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerAddress {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// The absolute path of a socket.
    Unix(PathBuf),
}

impl fmt::Display for SignerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl FromStr for SignerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let tcp = text.strip_prefix("tcp://").and_then(|address| address.parse().ok()).map(Self::Tcp);
        let unix = text.strip_prefix("unix://").map(PathBuf::from).filter(|path| path.is_absolute()).map(Self::Unix);
        tcp.or(unix).ok_or_else(|| {
            format!("`{text}` is no address of a signer: write tcp://127.0.0.1:26659 or unix:///path/to/socket")
        })
    }
}

/// The remote signer of a node; `off`, which is `None`, has the key in the home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer(pub Option<SignerAddress>);

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("off"),
        }
    }
}

impl FromStr for Signer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|error: String| format!("{error}, or off"))
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

/// The highest price that is taken: a bound on what a slip of the keyboard can claim.
const MAX_RATE: Amount = Amount::new(1_000_000_000 * Amount::ONE.get());

/// A price in DIEM, written as `12.5`; `off`, which is `None`, knows none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<Amount>);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(price) => write!(f, "{price}"),
            None => f.write_str("off"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let wrong = || format!("`{text}` is no price: write it in DIEM as 12.5, at most {MAX_RATE}, or off");
        let price: Amount = text.parse().map_err(|_| wrong())?;
        let is_price = !price.is_zero() && price <= MAX_RATE;
        is_price.then_some(Self(Some(price))).ok_or_else(wrong)
    }
}

/// How often something is done: `auto`, `off`, or a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// As often as the chain's parameters suggest.
    Auto,
    /// Never.
    Off,
    /// Once in this time.
    Every(Length),
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::Every(length) => length.fmt(f),
        }
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            _ => parse_millis(text)
                .map(|millis| Self::Every(Length(millis)))
                .map_err(|_| format!("`{text}` is no period: write auto, off, or a length of time such as 1h")),
        }
    }
}

/// The time for which something is kept, written as `30d`; `off`, which is `None` and may be written `0`, sets none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepTime(pub Option<Length>);

impl fmt::Display for KeepTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_MS: u64 = 86_400_000;
        match self.0 {
            Some(Length(millis)) if millis % DAY_MS == 0 => write!(f, "{}d", millis / DAY_MS),
            Some(length) => length.fmt(f),
            None => f.write_str("off"),
        }
    }
}

impl FromStr for KeepTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if ["off", "0"].contains(&text) {
            return Ok(Self(None));
        }
        let wrong = |_| format!("`{text}` is no time to keep: write off, or a length of time such as 30d");
        let millis = parse_millis(text).map_err(wrong)?;
        Ok(Self(Some(Length(millis)).filter(|length| length.0 > 0)))
    }
}

impl super::Store {
    /// The blocks that are kept.
    pub fn keep(&self) -> Keep {
        Keep { blocks: self.keep_blocks, time_ms: self.keep_time.0.map_or(0, |length| length.0) }
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
