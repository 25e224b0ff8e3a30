//! The room that a node wants on its disk.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The settings of the watch of the disk. They are for each file system that has a part of the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// The room below which the log warns, the disk counts as low and, unless `ready.disk_mib` says otherwise, the node
    /// is not ready.
    pub warn: Warn,
    /// The room below which the node stops. It starts with twice as much; `off` lets it run until a write fails.
    pub stop: Bytes,
}

impl Default for Disk {
    fn default() -> Self {
        Self { warn: Warn::Auto, stop: Bytes(1 << 30) }
    }
}

impl Disk {
    /// The part of a file system that `auto` wants free: one in so many bytes.
    const AUTO_SHARE: u64 = 10;
    /// The most that `auto` wants free, in bytes.
    const AUTO_MOST: u64 = 5 << 30;

    /// The bytes that must be free for the node to start. They are more than those below which it stops, so that it does
    /// not stop again right away.
    pub const fn needed(&self) -> u64 {
        self.stop.0.saturating_mul(2)
    }

    /// The free bytes below which a file system of `size` bytes is low; 0: it never is. What follows from the size is at
    /// least what a start needs, so that the warning comes before the stop on a small disk too.
    pub fn low(&self, size: u64) -> u64 {
        match self.warn {
            Warn::Auto => (size / Self::AUTO_SHARE).min(Self::AUTO_MOST).max(self.needed()),
            Warn::Percent(percent) => (size / 100).saturating_mul(percent.into()).max(self.needed()),
            Warn::Below(bytes) => bytes.0,
        }
    }
}

/// A number of bytes, written as `1GiB` or `512MiB`; `off` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// The units of a number of bytes, from the largest.
const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |bytes: u64| {
            self.0.checked_div(bytes).filter(|number| *number > 0 && number.saturating_mul(bytes) == self.0)
        };
        match UNITS.into_iter().find_map(|(unit, bytes)| Some((whole(bytes)?, unit))) {
            Some((number, unit)) => write!(f, "{number}{unit}"),
            None => f.write_str("off"),
        }
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if ["off", "0"].contains(&text) {
            return Ok(Self(0));
        }
        let amount = UNITS.into_iter().find_map(|(unit, bytes)| {
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(bytes)
        });
        amount.map(Self).ok_or_else(|| format!("`{text}` is no size: write it as 1GiB or 512MiB, or off"))
    }
}

/// The room below which a disk is low: `auto`, a part as `10%`, a size as `5GiB`, or `off`, which is a size of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warn {
    /// A tenth of the file system, or 5 GiB if that is less.
    Auto,
    /// So many hundredths of the file system, 1 to 99.
    Percent(u8),
    /// So many bytes.
    Below(Bytes),
}

impl fmt::Display for Warn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Below(bytes) => bytes.fmt(f),
        }
    }
}

impl FromStr for Warn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no room on a disk: write auto, a part such as 10%, a size such as 5GiB, or off");
        match text.strip_suffix('%') {
            _ if text == "auto" => Ok(Self::Auto),
            Some(percent) => {
                let percent = percent.trim_end().parse::<u8>().ok().filter(|percent| (1..100).contains(percent));
                percent.map(Self::Percent).ok_or_else(wrong)
            }
            None => text.parse().map(Self::Below).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn sizes_and_parts_are_read_as_they_are_shown() {
        for text in ["1GiB", "512MiB", "3TiB", "1025KiB", "7B", "off"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
            assert_eq!(text.parse::<Warn>().unwrap().to_string(), text);
        }
        for text in ["auto", "1%", "99%"] {
            assert_eq!(text.parse::<Warn>().unwrap().to_string(), text);
        }
        assert_eq!("2048 MiB".parse::<Bytes>().unwrap().to_string(), "2GiB");
        assert_eq!("0".parse::<Bytes>().unwrap(), Bytes(0));
        for text in ["", "5", "GiB", "-1GiB", "1.5GiB", "1GB", "17000000TiB"] {
            let error = text.parse::<Bytes>().unwrap_err();
            assert!(error.contains("write it as 1GiB"), "{error}");
            text.parse::<Warn>().unwrap_err();
        }
        for text in ["0%", "100%", "%", "10 percent"] {
            assert!(text.parse::<Warn>().unwrap_err().contains("such as 10%"), "{text}");
        }
    }

    #[test]
    fn a_disk_is_low_before_the_node_stops_whatever_its_size() {
        let disk = Disk::default();
        assert_eq!(disk.needed(), 2 * GIB);
        // A tenth counts on disks of 20 to 50 GiB, the two sizes below and above.
        for (size, low) in [(8, 2), (20, 2), (30, 3), (50, 5), (4_000, 5)] {
            assert_eq!(disk.low(size * GIB), low * GIB, "{size}");
        }
        let warn = |warn: &str| Disk { warn: warn.parse().unwrap(), ..Disk::default() };
        assert_eq!(warn("20%").low(100 * GIB), 20 * GIB);
        assert_eq!(warn("1%").low(100 * GIB), 2 * GIB);
        assert_eq!(warn("40GiB").low(100 * GIB), 40 * GIB);
        assert_eq!(warn("off").low(100 * GIB), 0);
        assert_eq!(Disk { stop: Bytes(0), ..Disk::default() }.low(100 * 1024), 10 * 1024);
    }
}
