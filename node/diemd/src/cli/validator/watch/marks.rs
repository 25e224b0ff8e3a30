//! The last blocks, one mark for each.

use std::collections::BTreeMap;

use crate::cli::validator::look::ValidatorStatus;

/// The number of blocks that are shown.
const SHOWN: usize = 100;
/// The marks that stand together.
const GROUP: usize = 10;

/// The marks of the last blocks, by height.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<u64, Mark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Signed,
    Missed,
    /// It was not to sign, or nobody watched.
    None,
}

impl Marks {
    /// Adds the blocks since the last look. What was seen then stays: a window that begins anew after a jail counts the blocks
    /// before as signed.
    pub(super) fn add(&mut self, status: &ValidatorStatus) {
        let (signing, last) = (&status.signing, status.height.saturating_sub(1));
        // A development chain may have been taken back.
        self.0.retain(|height, _| *height <= last);
        let known = self.0.last_key_value().map(|(height, _)| *height);
        let oldest = last.saturating_add(1).saturating_sub(SHOWN as u64).max(1);
        let from = known.map_or(oldest, |known| known.saturating_add(1).max(oldest));
        for height in from..=last {
            let mark = match (signing.from, signing.to) {
                (Some(first), Some(to)) if (first..=to).contains(&height) => {
                    if signing.missed.binary_search(&height).is_ok() { Mark::Missed } else { Mark::Signed }
                }
                _ => Mark::None,
            };
            self.0.insert(height, mark);
        }
        while self.0.len() > SHOWN {
            self.0.pop_first();
        }
    }

    /// The marks in lines of at most `width`, below a line that explains them.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let Some(((first, _), (last, _))) = self.0.first_key_value().zip(self.0.last_key_value()) else {
            return Vec::new();
        };
        let missed = self.0.values().filter(|mark| **mark == Mark::Missed).count();
        let words = format!("blocks {first} to {last}: {missed} missed (X)");
        // Groups have a space between them.
        let groups = width.saturating_add(1).checked_div(GROUP.saturating_add(1)).unwrap_or(1).clamp(1, 5);
        let marks: Vec<char> = self.0.values().map(|mark| mark.sign()).collect();
        let line = |line: &[char]| {
            let groups: Vec<String> = line.chunks(GROUP).map(|group| group.iter().collect()).collect();
            groups.join(" ")
        };
        std::iter::once(words).chain(marks.chunks(groups.saturating_mul(GROUP)).map(line)).collect()
    }
}

impl Mark {
    const fn sign(self) -> char {
        match self {
            Self::Signed => '.',
            Self::Missed => 'X',
            Self::None => '-',
        }
    }
}
