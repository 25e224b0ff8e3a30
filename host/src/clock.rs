//! The clock of this machine.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A clock, in milliseconds since 1970. It is a function, so that a test can give one of its own.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The clock of this machine.
pub fn wall_clock() -> Clock {
    Arc::new(now)
}

/// Milliseconds since 1970 by the clock of this machine.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// The least difference between two clocks, in milliseconds, for which one of them is wrong and not only inexact.
pub const WRONG_MS: u64 = 60_000;

/// What is wrong with the clock of a machine that shows `now`, where a block with the time `block` has just come: blocks of
/// a chain with real time bear the median of their signers' clocks.
pub fn wrong(block: u64, now: u64) -> Option<String> {
    let off = block.abs_diff(now);
    let side = if block > now { "behind" } else { "ahead of" };
    (off >= WRONG_MS).then(|| format!("this machine's clock is {} s {side} that of the chain: set it", off / 1_000))
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn a_clock_is_wrong_from_a_minute_on_in_either_direction() {
        assert_eq!(wrong(1_000_000, 1_059_999), None);
        assert_eq!(wrong(1_059_999, 1_000_000), None);
        let ahead = "this machine's clock is 120 s ahead of that of the chain: set it";
        assert_eq!(wrong(1_000_000, 1_120_000).as_deref(), Some(ahead));
        let behind = "this machine's clock is 60 s behind that of the chain: set it";
        assert_eq!(wrong(1_060_000, 1_000_000).as_deref(), Some(behind));
    }
}
