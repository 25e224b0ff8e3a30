//! The pace of work that goes on: its rate, and the time that is left of it.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    time::{Duration, Instant},
};

/// The time over which the pace is measured: what was long ago says nothing of what comes.
const WINDOW: Duration = Duration::from_secs(60);

/// The time in milliseconds after which work that does not come nearer to its end is said to have none in sight.
const ENOUGH: u64 = 30_000;

/// How far the work was at some moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    done: u64,
    left: u64,
}

/// The samples of the last minute.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Sample>);

impl Pace {
    /// Notes how much is done and how much is left. Work that begins anew has a pace of its own.
    pub(super) fn note(&mut self, at: Instant, done: u64, left: u64) {
        if self.0.back().is_some_and(|last| last.done > done) {
            self.0.clear();
        }
        while self.0.len() > 1 && self.0.front().is_some_and(|first| at.duration_since(first.at) > WINDOW) {
            self.0.pop_front();
        }
        self.0.push_back(Sample { at, done, left });
    }

    /// The rate in `units` per second and the time left, each with a comma before it; nothing before there are two samples.
    pub(super) fn words(&self, units: &str) -> String {
        let mut words = String::new();
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return words };
        let Ok(millis @ 1..) = u64::try_from(last.at.duration_since(first.at).as_millis()) else { return words };
        let done = last.done.saturating_sub(first.done);
        let tenths = done.saturating_mul(10_000).checked_div(millis).unwrap_or_default();
        let (whole, tenth) = (tenths / 10, tenths % 10);
        let _ = write!(words, ", {whole}.{tenth} {units}/s");
        match first.left.saturating_sub(last.left) {
            0 if millis >= ENOUGH => words.push_str(", no end in sight"),
            0 => {}
            closed => {
                let millis = last.left.saturating_mul(millis).checked_div(closed).unwrap_or_default();
                let _ = write!(words, ", {} left", length(millis / 1_000));
            }
        }
        words
    }
}

/// A time for people, to the two largest units.
fn length(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_that_of_the_last_minute() {
        let (begun, mut pace) = (Instant::now(), Pace::default());
        let at = |seconds| begun + Duration::from_secs(seconds);
        pace.note(at(0), 0, 1_000);
        assert_eq!(pace.words("chunks"), "");
        pace.note(at(10), 250, 750);
        assert_eq!(pace.words("chunks"), ", 25.0 chunks/s, 30 s left");
        pace.note(at(100), 260, 740);
        pace.note(at(140), 260, 740);
        assert_eq!(pace.words("chunks"), ", 0.0 chunks/s, no end in sight");
        // A new beginning.
        pace.note(at(150), 3, 997);
        pace.note(at(160), 4, 996);
        assert_eq!(pace.words("chunks"), ", 0.1 chunks/s, 2 h 46 min left");
    }

    #[test]
    fn times_have_two_units_at_most() {
        for (seconds, words) in [(59, "59 s"), (61, "1 min 1 s"), (7_320, "2 h 2 min"), (90_000, "1 d 1 h")] {
            assert_eq!(length(seconds), words);
        }
    }
}
