//! The room behind nonce gaps: for transactions that cannot be in a block until one before them comes.
//!
//! Waiting here costs nothing, because only what comes into a block pays. So the room is far smaller than a block, and
//! nobody can keep it for himself: where it is full, the oldest transaction of the sender with most bytes is forgotten
//! (evicted), so that a sender who needs little always finds room. Nothing waits for ever, and a sender of whom
//! something was forgotten has to stay out for as many blocks as that had been in. A sender who was never in a block
//! has one place, so that many places cost as many accounts.
//!
//! The engine's pool still holds what is forgotten here. It lets it go when the check after the next block refuses it,
//! and offers it to proposers until then. So between two blocks no more is forgotten than the room holds, except for
//! who needs very little.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use diem_bank as bank;
use diem_core::{Address, StateRead};

/// The most bytes that wait, of all senders. A block holds several times as much.
const BYTES: usize = 1024 * 1024;
/// The most bytes that wait of one sender.
const BYTES_PER_SENDER: usize = 64 * 1024;
/// So few bytes of a sender find room however much was forgotten since the last block.
const FEW_BYTES: usize = 4 * 1024;
/// The number of blocks for which a transaction may wait.
const BLOCKS: u64 = 20;

/// There is no room for this sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// The transactions behind gaps. They outlive commits; heights are those of the next block.
#[derive(Default)]
pub(crate) struct Gaps {
    senders: BTreeMap<Address, Behind>,
    bytes: usize,
    /// The bytes that were forgotten for others since the last commit.
    forgotten: usize,
    /// The number of transactions that ever came in.
    arrivals: u64,
    /// Senders of whom something was forgotten, with the last height at which they must stay out.
    out: BTreeMap<Address, u64>,
}

/// A sender's transactions behind its gap, by nonce; there is at least one.
#[derive(Default)]
struct Behind {
    txs: BTreeMap<u64, Waiting>,
    bytes: usize,
}

#[derive(Clone, Copy)]
struct Waiting {
    size: usize,
    arrival: u64,
    /// The height at which it came.
    since: u64,
    /// The height at which it was checked last.
    checked: u64,
}

impl Behind {
    fn oldest(&self) -> Option<(u64, Waiting)> {
        self.txs.iter().min_by_key(|(_, waiting)| waiting.arrival).map(|(nonce, waiting)| (*nonce, *waiting))
    }
}

impl Gaps {
    /// Lets a transaction wait, or go on waiting. `was_in_a_block` says whether its sender ever was.
    pub(crate) fn wait(
        &mut self,
        sender: Address,
        nonce: u64,
        size: usize,
        was_in_a_block: bool,
        height: u64,
    ) -> Result<(), NoRoom> {
        if let Some(waiting) = self.find(&sender, nonce) {
            // Another size is another transaction: the one that waited here has been refused since.
            if waiting.size != size || height.saturating_sub(waiting.since) > BLOCKS {
                self.forget(&sender, nonce, height);
                return Err(NoRoom);
            }
            waiting.checked = height;
            return Ok(());
        }
        let (count, bytes) = self.senders.get(&sender).map_or((0, 0), |behind| (behind.txs.len(), behind.bytes));
        let must_stay_out = self.out.get(&sender).is_some_and(|until| height <= *until);
        let has_a_place = was_in_a_block || count == 0;
        let bytes = bytes.saturating_add(size);
        if must_stay_out || !has_a_place || bytes > BYTES_PER_SENDER || !self.may_grow(size, bytes) {
            return Err(NoRoom);
        }
        self.make_room(size, height);
        self.arrivals = self.arrivals.saturating_add(1);
        let behind = self.senders.entry(sender).or_default();
        behind.txs.insert(nonce, Waiting { size, arrival: self.arrivals, since: height, checked: height });
        behind.bytes = behind.bytes.saturating_add(size);
        self.bytes = self.bytes.saturating_add(size);
        Ok(())
    }

    /// Removes the transactions of these nonces, because the gap before them is closed.
    pub(crate) fn close(&mut self, sender: &Address, nonces: Range<u64>) {
        if self.senders.contains_key(sender) {
            for nonce in nonces {
                self.take(sender, nonce);
            }
        }
    }

    /// Follows the commit of block `height`, with `state` after it. What was not checked since the block before has
    /// left the engine's pool: it went into a block, or it was refused.
    pub(crate) fn committed(&mut self, state: &dyn StateRead, height: u64) {
        self.forgotten = 0;
        let mut gone = Vec::new();
        for (sender, behind) in &self.senders {
            let unchecked = behind.txs.iter().filter(|(_, waiting)| waiting.checked < height);
            gone.extend(unchecked.map(|(nonce, _)| (*sender, *nonce)));
        }
        for (sender, nonce) in gone {
            if nonce < bank::nonce(state, &sender) {
                self.take(&sender, nonce);
            } else {
                self.forget(&sender, nonce, height);
            }
        }
        self.out.retain(|_, until| height < *until);
    }

    /// Whether others may be forgotten for `size` bytes more of a sender that then has `bytes`, if that is needed.
    const fn may_grow(&self, size: usize, bytes: usize) -> bool {
        let missing = self.bytes.saturating_add(size).saturating_sub(BYTES);
        bytes <= FEW_BYTES || missing == 0 || self.forgotten.saturating_add(missing) <= BYTES
    }

    /// Forgets the oldest transactions of whoever has most, until `size` bytes more fit.
    fn make_room(&mut self, size: usize, height: u64) {
        let before = self.bytes;
        while self.bytes.saturating_add(size) > BYTES {
            let oldest = |(sender, behind): (&Address, &Behind)| {
                behind.oldest().map(|(nonce, waiting)| ((behind.bytes, Reverse(waiting.arrival)), *sender, nonce))
            };
            let most = self.senders.iter().filter_map(oldest).max_by_key(|(most, ..)| *most);
            let Some((_, sender, nonce)) = most else { break };
            self.forget(&sender, nonce, height);
        }
        self.forgotten = self.forgotten.saturating_add(before.saturating_sub(self.bytes));
    }

    /// Takes a transaction out whose gap did not close. Its sender stays out for as long as it was in, and at least
    /// until the engine's pool has let it go.
    fn forget(&mut self, sender: &Address, nonce: u64, height: u64) {
        let Some(waiting) = self.take(sender, nonce) else { return };
        let time_in = height.saturating_sub(waiting.since).max(1);
        let until = self.out.entry(*sender).or_default();
        *until = height.saturating_add(time_in).max(*until);
    }

    fn find(&mut self, sender: &Address, nonce: u64) -> Option<&mut Waiting> {
        self.senders.get_mut(sender)?.txs.get_mut(&nonce)
    }

    fn take(&mut self, sender: &Address, nonce: u64) -> Option<Waiting> {
        let behind = self.senders.get_mut(sender)?;
        let waiting = behind.txs.remove(&nonce)?;
        behind.bytes = behind.bytes.saturating_sub(waiting.size);
        self.bytes = self.bytes.saturating_sub(waiting.size);
        if behind.txs.is_empty() {
            self.senders.remove(sender);
        }
        Some(waiting)
    }
}
