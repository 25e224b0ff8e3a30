//! The least time from a block to the next.
//!
//! The time of a header is the median of the times at which validators voted for the block before, and they vote once
//! they have a proposal. So a proposer that holds its proposal back until a while after its own block's time makes the
//! time of the next block later by that while, however fast the votes go.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diem_core::Time;

/// The longest that a proposal is held back. Other validators wait for it a few seconds only, and a clock that is
/// behind those of all others must not use that up.
const LONGEST: Duration = Duration::from_secs(1);

/// The pace of a proposer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    least: Duration,
}

impl Pace {
    /// Keeps at least `least` from the time of a block to that of the next; zero never waits.
    pub(super) const fn new(least: Duration) -> Self {
        Self { least }
    }

    /// Blocks until votes for a block of this time make the next one late enough. Only the consensus connection waits.
    pub(super) fn hold_back(self, time: Time) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = self.left(time, now);
        if !left.is_zero() {
            std::thread::sleep(left);
        }
    }

    fn left(self, time: Time, now: Duration) -> Duration {
        if self.least.is_zero() {
            return Duration::ZERO;
        }
        // A header's time was truncated to milliseconds: the real one is later by up to one.
        let cut = Duration::from_millis(time.millis()).saturating_add(Duration::from_millis(1));
        cut.saturating_add(self.least).saturating_sub(now).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_until_the_next_block_may_come_is_waited_for_and_never_long() {
        let (pace, time) = (Pace::new(Duration::from_millis(300)), Time(10_000));
        for (now, left) in [(10_000, 301), (10_250, 51), (10_301, 0), (99_000, 0), (9_000, 1_000), (0, 1_000)] {
            assert_eq!(pace.left(time, Duration::from_millis(now)), Duration::from_millis(left), "at {now} ms");
        }
        assert_eq!(Pace::default().left(time, Duration::ZERO), Duration::ZERO, "as fast as the machine can");
        assert_eq!(pace.left(Time(u64::MAX), Duration::ZERO), LONGEST);
    }
}
