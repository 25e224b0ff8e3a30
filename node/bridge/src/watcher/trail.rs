//! The events up to an attested block, cut into the chunks in which the chain takes them: from the last one backwards.
//!
//! A hash tells nothing of what lies before it, so the events are folded forwards once, from what the chain has applied
//! to what it has attested. Only places and hashes are kept of them; the events of a chunk are asked for again.

use std::{ops::RangeInclusive, time::Instant};

use diem_base::{Base, BaseError, FoundEvent};
use diem_bridge::{Chunk, EventBytes, MAX_EVENTS, fold, replay::Missing};
use diem_core::Address;

/// The most bytes of payloads in a chunk, so that a block has room for statements beside it.
const MAX_CHUNK_BYTES: usize = 20_000;
/// The number of blocks of which an endpoint is asked for logs at once, at first; a smaller number is tried where it
/// refuses.
const WINDOW: u64 = 2_000;
const LEAST_WINDOW: u64 = 16;
/// The most requests of a search in one round.
const REQUESTS_AT_ONCE: usize = 16;
/// The most chunks that are handed on at once: so many wait in a node.
pub(crate) const CHUNKS_AT_ONCE: usize = 16;

/// The reason why no chunks can be made of what an endpoint gives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrailError {
    /// The endpoint did not answer.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The events are not those that were attested.
    #[error("its logs leave out event {0}, or do not fold to the attested hash")]
    Logs(u64),
}

/// The events that are to be replayed, and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goal {
    /// The nonce of the first event that was not applied.
    pub(crate) first: u64,
    /// The rolling hash before it.
    pub(crate) before: [u8; 32],
    /// The nonce of the last event.
    pub(crate) last: u64,
    /// The rolling hash after it.
    pub(crate) hash: [u8; 32],
    /// The blocks in which they lie.
    pub(crate) blocks: RangeInclusive<u64>,
}

/// A chunk without its events.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    first: u64,
    before: [u8; 32],
    last: u64,
    blocks: RangeInclusive<u64>,
}

/// All chunks of a goal, in the order of their events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trail {
    pub(crate) goal: Goal,
    /// The place of the endpoint that gave the events. It alone is asked for them again: the hash proves the events, but
    /// not the blocks in which they lie.
    pub(crate) place: usize,
    pages: Vec<Page>,
}

/// Events that are folded one after the other.
struct Folding {
    next: u64,
    hash: [u8; 32],
    pages: Vec<Page>,
    /// The number of bytes of the page that is open.
    bytes: usize,
}

impl Folding {
    const fn new(first: u64, before: [u8; 32]) -> Self {
        Self { next: first, hash: before, pages: Vec::new(), bytes: 0 }
    }

    /// Takes the next event; `false` if it is another.
    fn take(&mut self, found: &FoundEvent) -> bool {
        let EventBytes { kind, payload } = &found.event;
        if found.nonce != self.next {
            return false;
        }
        let bytes = self.bytes.saturating_add(payload.len());
        match self.pages.last_mut() {
            Some(page) if bytes <= MAX_CHUNK_BYTES && self.next.saturating_sub(page.first) < MAX_EVENTS as u64 => {
                page.last = self.next;
                page.blocks = *page.blocks.start()..=found.block;
                self.bytes = bytes;
            }
            _ => {
                let blocks = found.block..=found.block;
                self.pages.push(Page { first: self.next, before: self.hash, last: self.next, blocks });
                self.bytes = payload.len();
            }
        }
        self.hash = fold(&self.hash, found.nonce, *kind, payload);
        self.next = self.next.saturating_add(1);
        true
    }
}

/// The search for the events of a goal at one endpoint. It goes on from round to round, so that a long one holds up
/// nothing else.
pub(crate) struct Search {
    pub(crate) goal: Goal,
    /// The place of the endpoint, which alone answers for what it gave.
    pub(crate) place: usize,
    folding: Folding,
    from: u64,
    window: u64,
}

impl Search {
    /// A search that has asked nothing yet.
    pub(crate) fn new(goal: Goal, place: usize) -> Self {
        let (folding, from) = (Folding::new(goal.first, goal.before), *goal.blocks.start());
        Self { goal, place, folding, from, window: WINDOW }
    }

    /// Asks for a part of the events, up to this moment. Returns the trail once all are found.
    ///
    /// # Errors
    /// [`TrailError`].
    pub(crate) async fn go_on(
        &mut self,
        base: &Base,
        bridge: &Address,
        until: Instant,
    ) -> Result<Option<Trail>, TrailError> {
        for _ in 0..REQUESTS_AT_ONCE {
            if self.is_over() || Instant::now() >= until {
                break;
            }
            self.ask(base, bridge).await?;
        }
        if !self.is_over() {
            return Ok(None);
        }
        if self.folding.next <= self.goal.last || self.folding.hash != self.goal.hash {
            return Err(TrailError::Logs(self.folding.next));
        }
        Ok(Some(Trail { goal: self.goal.clone(), place: self.place, pages: std::mem::take(&mut self.folding.pages) }))
    }

    const fn is_over(&self) -> bool {
        self.folding.next > self.goal.last || self.from > *self.goal.blocks.end()
    }

    async fn ask(&mut self, base: &Base, bridge: &Address) -> Result<(), TrailError> {
        let to = self.from.saturating_add(self.window).saturating_sub(1).min(*self.goal.blocks.end());
        let events = match base.events(bridge, self.folding.next..=self.goal.last, self.from..=to).await {
            Err(BaseError::Refused { .. }) if self.window > LEAST_WINDOW => {
                self.window /= 4;
                return Ok(());
            }
            answer => answer?,
        };
        if events.iter().any(|found| !self.folding.take(found)) {
            return Err(TrailError::Logs(self.folding.next));
        }
        // A full answer may have left out later events of the same blocks.
        if events.len() < MAX_EVENTS {
            self.from = to.saturating_add(1);
        }
        Ok(())
    }
}

impl Trail {
    /// Whether the trail leads to what the state misses.
    pub(crate) fn fits(&self, missing: &Missing) -> bool {
        self.goal.first == missing.first && (self.goal.first..=self.goal.last).contains(&missing.last)
    }

    /// The chunks that the chain takes next, the last first: as many as the endpoint gives up to this moment.
    ///
    /// # Errors
    /// [`TrailError`]: the endpoint gives others than before.
    pub(crate) async fn chunks(
        &self,
        base: &Base,
        bridge: &Address,
        missing: &Missing,
        until: Instant,
    ) -> Result<Vec<Chunk>, TrailError> {
        let mut chunks = Vec::new();
        let next = self.pages.iter().rev().filter(|page| page.first <= missing.last);
        // What is missing may end within a page, where somebody else's chunk began.
        let mut end = (missing.last, missing.hash);
        for page in next.take(CHUNKS_AT_ONCE) {
            if Instant::now() >= until {
                break;
            }
            let events = base.events(bridge, page.first..=end.0.min(page.last), page.blocks.clone()).await?;
            let events = events.into_iter().map(|found| found.event).collect();
            let chunk = Chunk { first: page.first, before: page.before, events };
            if chunk.validate().is_err() || chunk.last() != end.0 || chunk.hash() != end.1 {
                return Err(TrailError::Logs(page.first));
            }
            end = (page.first.saturating_sub(1), page.before);
            chunks.push(chunk);
        }
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(nonce: u64, bytes: usize) -> FoundEvent {
        FoundEvent { nonce, block: nonce / 7, event: EventBytes { kind: 1, payload: vec![7; bytes] } }
    }

    #[test]
    fn a_chunk_has_at_most_two_hundred_events_and_twenty_kilobytes() {
        for (count, bytes, expected) in [(1, 56, 1), (200, 56, 1), (201, 56, 2), (450, 56, 3), (400, 128, 3)] {
            let mut folding = Folding::new(5, [9; 32]);
            let events: Vec<FoundEvent> = (5..5 + count).map(|nonce| found(nonce, bytes)).collect();
            assert!(events.iter().all(|event| folding.take(event)));
            assert_eq!(folding.pages.len(), expected, "{count} events of {bytes} bytes");
            for page in &folding.pages {
                let of_page = events.iter().filter(|event| (page.first..=page.last).contains(&event.nonce));
                let events = of_page.map(|found| found.event.clone()).collect();
                let chunk = Chunk { first: page.first, before: page.before, events };
                chunk.validate().unwrap();
                let after = folding.pages.iter().find(|next| next.first == page.last + 1);
                assert_eq!(chunk.hash(), after.map_or(folding.hash, |next| next.before));
                assert_eq!(page.blocks, page.first / 7..=page.last / 7);
            }
        }
    }

    #[test]
    fn an_event_that_is_left_out_twice_there_or_out_of_order_is_noticed() {
        let mut folding = Folding::new(1, [9; 32]);
        assert!(folding.take(&found(1, 8)));
        let before = folding.hash;
        for nonce in [0, 1, 3] {
            assert!(!folding.take(&found(nonce, 8)), "{nonce}");
        }
        assert_eq!((folding.next, folding.hash), (2, before));
    }
}
