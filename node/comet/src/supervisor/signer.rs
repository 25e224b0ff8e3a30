//! The remote signer as CometBFT's log shows it: away, or there again.
//!
//! CometBFT waits for its signer in the middle of a step of consensus, and gives the step up after some minutes. A chain that
//! needs that vote stands then, also once the signer is back, until CometBFT is started anew.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::log::SignerSeen;

/// The time without a signer from which on it is waited for: at a start it connects within it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time that a chain has to go on after its signer came back: the longest pause between two tries to sign, and a round.
const GOES_ON: Duration = Duration::from_secs(15);

/// What one look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The same as at the last look, or nothing that its operator has to know.
    Nothing,
    /// The signer is waited for from now on.
    Away,
    /// The signer is there again.
    Back,
    /// The signer has come back, and the chain stands where it stood without it.
    Stuck,
}

/// The signer of one CometBFT.
#[derive(Debug, Default)]
pub(super) struct SignerWatch {
    /// The last height when it was found away.
    stood_at: Option<u64>,
    /// The moment when it came back, until the chain goes on.
    back: Option<Instant>,
}

impl SignerWatch {
    /// Looks once, at the last committed height `height`. `waits` is set while the signer is away.
    pub(super) fn look(&mut self, seen: Option<SignerSeen>, waits: &AtomicBool, height: u64, now: Instant) -> News {
        match seen {
            Some(SignerSeen::Away(since)) => {
                self.back = None;
                if now.saturating_duration_since(since) < PATIENCE || waits.swap(true, Ordering::Relaxed) {
                    return News::Nothing;
                }
                self.stood_at = Some(height);
                News::Away
            }
            Some(SignerSeen::There) if waits.swap(false, Ordering::Relaxed) => {
                self.back = self.stood_at.map(|_| now);
                News::Back
            }
            Some(SignerSeen::There) => {
                let Some(back) = self.back else { return News::Nothing };
                if self.stood_at != Some(height) {
                    *self = Self::default();
                } else if now.saturating_duration_since(back) >= GOES_ON {
                    *self = Self::default();
                    return News::Stuck;
                }
                News::Nothing
            }
            None => News::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_chain_that_stands_after_its_signer_came_back_is_stuck() {
        let (waits, begun) = (AtomicBool::new(false), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        let away = Some(SignerSeen::Away(begun));
        let there = Some(SignerSeen::There);
        let mut watch = SignerWatch::default();
        let mut look = |seen, height, seconds| watch.look(seen, &waits, height, after(seconds));
        // Nothing is known at first, and a short absence is none.
        assert_eq!([look(None, 7, 0), look(away, 7, 2), look(there, 7, 2)], [News::Nothing; 3]);
        // Away for longer, it is waited for, and told of once; the chain goes on when it is back.
        assert_eq!([look(away, 7, 4), look(away, 7, 5), look(there, 7, 60)], [News::Away, News::Nothing, News::Back]);
        assert_eq!([look(there, 8, 61), look(there, 8, 99)], [News::Nothing; 2]);
        // A chain that stands all the time is stuck, which is said once.
        assert_eq!([look(away, 8, 100), look(there, 8, 300)], [News::Away, News::Back]);
        assert_eq!([look(there, 8, 314), look(there, 8, 315)], [News::Nothing, News::Stuck]);
        assert_eq!(look(there, 8, 400), News::Nothing);
        // Blocks that came without it show a chain that does not need it.
        assert_eq!([look(away, 8, 500), look(there, 9, 600)], [News::Away, News::Back]);
        assert_eq!(look(there, 9, 700), News::Nothing);
    }

    #[test]
    fn a_signer_that_was_away_before_a_start_is_only_said_to_be_back() {
        let (waits, begun) = (AtomicBool::new(true), Instant::now());
        let mut watch = SignerWatch::default();
        let mut look = |seen, seconds| watch.look(seen, &waits, 7, begun + Duration::from_secs(seconds));
        assert_eq!([look(None, 0), look(Some(SignerSeen::Away(begun)), 9)], [News::Nothing; 2]);
        assert_eq!([look(Some(SignerSeen::There), 10), look(Some(SignerSeen::There), 99)], [News::Back, News::Nothing]);
    }
}
