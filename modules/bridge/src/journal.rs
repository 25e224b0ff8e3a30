//! A run of the contract's events with the rolling hash around each, as whoever follows Base keeps it.

use crate::{Chunk, EventBytes, MAX_EVENTS, fold};

/// Events one after the other from a known hash on, of which any piece can be cut as a [`Chunk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The nonce before that of the first event.
    before: u64,
    /// The hash before each event, and the one after the last.
    hashes: Vec<[u8; 32]>,
    events: Vec<EventBytes>,
}

impl Journal {
    /// A journal that goes on after the event of this nonce, after which the rolling hash was `hash`. Before the first
    /// event the nonce is 0 and the hash the domain's separator.
    pub fn after(nonce: u64, hash: [u8; 32]) -> Self {
        Self { before: nonce, hashes: vec![hash], events: Vec::new() }
    }

    /// Adds the next event.
    pub fn push(&mut self, event: EventBytes) {
        let nonce = self.last().saturating_add(1);
        self.hashes.push(fold(&self.hash(), nonce, event.kind, &event.payload));
        self.events.push(event);
    }

    /// The nonce of the last event.
    pub const fn last(&self) -> u64 {
        self.before.saturating_add(self.events.len() as u64)
    }

    /// The rolling hash after the last event.
    pub fn hash(&self) -> [u8; 32] {
        self.hashes.last().copied().unwrap_or_default()
    }

    /// The events with these nonces, both included, as a chunk; `None` if the journal does not hold all of them. A chunk
    /// of more than [`MAX_EVENTS`] is taken by nobody.
    pub fn chunk(&self, first: u64, last: u64) -> Option<Chunk> {
        let from = usize::try_from(first.checked_sub(self.before)?.checked_sub(1)?).ok()?;
        let to = usize::try_from(last.checked_sub(self.before)?).ok()?;
        let events = self.events.get(from..to).filter(|events| !events.is_empty())?;
        Some(Chunk { first, before: *self.hashes.get(from)?, events: events.to_vec() })
    }

    /// The longest chunk that ends with the event of nonce `last` and begins with `first` or later.
    pub fn chunk_up_to(&self, first: u64, last: u64) -> Option<Chunk> {
        let longest = last.saturating_add(1).saturating_sub(MAX_EVENTS as u64);
        self.chunk(first.max(longest), last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_piece_of_a_journal_leads_to_the_hash_after_it() {
        let mut journal = Journal::after(40, [7; 32]);
        let mut hashes = vec![journal.hash()];
        for number in 0..10_u8 {
            journal.push(EventBytes { kind: number, payload: vec![number; 3] });
            hashes.push(journal.hash());
        }
        assert_eq!(journal.last(), 50);
        for first in 41..=50 {
            for last in first..=50 {
                let chunk = journal.chunk(first, last).unwrap();
                assert_eq!(Some(&chunk.hash()), hashes.get(usize::try_from(last - 40).unwrap()));
                assert_eq!((chunk.first, chunk.last()), (first, last));
            }
        }
        for (first, last) in [(40, 45), (0, 45), (45, 44), (46, 45), (45, 51), (51, 51)] {
            assert_eq!(journal.chunk(first, last), None, "{first} to {last}");
        }
        assert_eq!(journal.chunk_up_to(1, 50), None);
        assert_eq!(journal.chunk_up_to(43, 50).unwrap().first, 43);
    }
}
