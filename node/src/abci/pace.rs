//! The least time from a block to the next.
//!
//! The time of a header is the median of the times at which validators voted for the block before. They vote once they
//! have a proposal. So a proposal that is not given to them earlier than a while after its own block's time makes a next
//! block whose time is later by that while, however fast the votes go.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diem_core::Time;

/// The longest that a proposal is held back. Other validators wait for it a few seconds, so that a clock that stands
/// behind those of all others must not use that up.
const LONGEST: Duration = Duration::from_secs(1);

/// How a proposer keeps the pace.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    least: Duration,
}

impl Pace {
    /// At least so much from the time of a block to that of the next; none for zero.
    pub(super) const fn new(least: Duration) -> Self {
        Self { least }
    }

    /// Waits until votes for a block of this time make the next one late enough. Consensus waits with it, and nothing
    /// else does.
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
        // A header's time is cut to milliseconds here: it is later than this by up to one.
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
