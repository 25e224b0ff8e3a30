//! How long CometBFT waits around a block.

use std::time::Duration;

/// The timing of blocks. No result depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The longest wait for a proposal.
    pub propose: Duration,
    /// The wait after a block before the next height.
    pub commit: Duration,
    /// Whether the next height starts at once when all validators have signed.
    pub skip_commit: bool,
    /// The least time from the time of a block to that of the next: the proposer holds its proposal back until then.
    pub least: Duration,
}

impl Default for Timing {
    /// The default timing adds a wait of 700 ms to what CometBFT itself takes.
    fn default() -> Self {
        let (propose, commit) = (Duration::from_secs(3), Duration::from_millis(700));
        Self { propose, commit, skip_commit: false, least: Duration::ZERO }
    }
}

impl Timing {
    /// The timing of blocks that follow each other after `block_time`, and never earlier; with zero, as fast as the
    /// machine can.
    ///
    /// CometBFT can only be told how long to wait after a block. The time of proposing and voting is added to that, and
    /// nobody knows how long it is on this machine and among these validators. So CometBFT is told to wait for somewhat
    /// less than `block_time`, and the proposer waits for the rest. The rest is kept small, because a transaction that
    /// comes while a proposal is held back has to take the next one.
    pub fn of_block_time(block_time: Duration) -> Self {
        const MOST_HELD_BACK: Duration = Duration::from_millis(150);
        if block_time.is_zero() {
            return Self::fastest();
        }
        let held_back = block_time.checked_div(6).unwrap_or_default().min(MOST_HELD_BACK);
        Self { commit: block_time.saturating_sub(held_back), least: block_time, ..Self::default() }
    }

    /// The timing of blocks that are made as fast as the machine can.
    pub const fn fastest() -> Self {
        Self { propose: Duration::from_secs(3), commit: Duration::ZERO, skip_commit: true, least: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cometbft_waits_for_less_than_a_block_and_the_proposer_for_the_rest() {
        for (asked, commit) in [(1, 0), (60, 50), (300, 250), (500, 416), (1_000, 850), (10_000, 9_850)] {
            let timing = Timing::of_block_time(Duration::from_millis(asked));
            assert_eq!(timing.least, Duration::from_millis(asked));
            assert_eq!(timing.commit.as_millis(), commit, "{asked} ms");
            assert!(!timing.skip_commit, "{asked} ms");
        }
        assert_eq!(Timing::of_block_time(Duration::ZERO), Timing::fastest());
    }
}
