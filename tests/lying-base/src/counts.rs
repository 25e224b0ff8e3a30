//! What was asked and which lies were told.

use std::collections::BTreeMap;

/// The most pairs of victim and method that are counted apart; what comes after is counted together.
const MOST: usize = 1_024;
/// The longest name of a method that is counted by it, in bytes.
const LONGEST: usize = 64;
/// What stands for the victims and methods beyond.
const OTHERS: &str = "others";

/// The number of questions and lies since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    asked: BTreeMap<(String, String), u64>,
    told: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// The number of questions with this method, by all victims.
    #[must_use]
    pub fn asked(&self, method: &str) -> u64 {
        self.asked.iter().filter(|((_, asked), _)| asked == method).map(|(_, count)| count).sum()
    }

    /// The number of questions with this method by one victim; `""` is whoever asks without a path.
    #[must_use]
    pub fn asked_by(&self, victim: &str, method: &str) -> u64 {
        self.asked.get(&(victim.into(), method.into())).copied().unwrap_or_default()
    }

    /// How often this lie, by its name, changed an answer.
    #[must_use]
    pub fn told(&self, lie: &str) -> u64 {
        self.told.get(lie).copied().unwrap_or_default()
    }

    pub(crate) fn count_question(&mut self, victim: &str, method: &str) {
        let mut key = (victim.to_owned(), method.to_owned());
        let is_full = self.asked.len() >= MOST && !self.asked.contains_key(&key);
        if is_full || method.len() > LONGEST {
            key = (OTHERS.into(), OTHERS.into());
        }
        let count = self.asked.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn count_lie(&mut self, lie: &'static str) {
        let count = self.told.entry(lie).or_default();
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]
    use super::*;

    #[test]
    fn a_stranger_who_invents_methods_fills_no_memory() {
        let mut counts = Counts::default();
        for number in 0..5_000 {
            counts.count_question("v1", &format!("method {number}"));
        }
        assert!(counts.asked.len() <= MOST + 1);
        assert_eq!(counts.asked(OTHERS), 5_000 - 1_024);
        assert_eq!(counts.asked_by("v1", "method 7"), 1);
        counts.count_question("v1", &"m".repeat(1_000_000));
        assert_eq!(counts.asked(OTHERS), 5_000 - 1_024 + 1);
    }
}
