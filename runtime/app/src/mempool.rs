//! What waits above the last commit: nonces and fees, so that several transactions of one sender can follow each
//! other before any is in a block.
//!
//! Gossip may reorder and does not send again, so nonces up to [`AHEAD`] beyond the next one are remembered; when the
//! gap closes, all of them count. A commit clears everything, and the engine's rechecks rebuild it in their order.
//! Until they have, whoever asks for a sender's next nonce still hears of what waited before.
//!
//! A transaction behind a gap cannot be in a block, and the engine offers a proposer only the oldest few megabytes of
//! its pool. So what waits behind gaps is kept far below a block in bytes, and does not wait for ever: otherwise one
//! sender could fill what is offered with transactions that never come, and pay nothing for it.

use std::collections::BTreeMap;

use diem_bank as bank;
use diem_core::{Address, Amount, Denom, StateRead};
use diem_types::{ChainError, Signed};

/// How far ahead of the next nonce a transaction may wait.
const AHEAD: u64 = 16;
/// The most bytes that wait behind gaps, of all senders. A block holds several times as much.
const GAPPED_BYTES: usize = 1024 * 1024;
/// The most bytes that wait behind a gap of one sender.
const GAPPED_BYTES_PER_SENDER: usize = 64 * 1024;
/// For how many blocks a transaction may wait behind a gap.
const GAPPED_BLOCKS: u64 = 20;

/// Pending nonces and fees.
#[derive(Default)]
pub(crate) struct Mempool {
    senders: BTreeMap<Address, Nonces>,
    /// The pending nonces before the last commit. They decide nothing: they only tell readers what is about to be
    /// checked again, so what never is (it left the engine's pool unseen) counts for one block more and no longer.
    before: BTreeMap<Address, Nonces>,
    fees: BTreeMap<Address, Amount>,
    gapped_bytes: usize,
    /// The height at which a transaction was first seen behind a gap, by sender and nonce. Survives commits; bounded
    /// by what may wait and by [`GAPPED_BLOCKS`].
    first_seen: BTreeMap<(Address, u64), u64>,
}

/// A sender's pending nonces: all below `next`, and those in `ahead`, whose bit i stands for `next + 1 + i`.
#[derive(Debug, Clone, Copy)]
struct Nonces {
    next: u64,
    ahead: u16,
    gapped_bytes: usize,
}

impl Mempool {
    /// Forgets what waited when block `height` was committed; rechecks bring it back.
    pub(crate) fn committed(&mut self, height: u64) {
        self.before = std::mem::take(&mut self.senders);
        self.fees.clear();
        self.gapped_bytes = 0;
        // What is not seen again for this long has left the engine's pool.
        self.first_seen.retain(|_, seen| height.saturating_sub(*seen) <= GAPPED_BLOCKS.saturating_mul(2));
    }

    /// Forgets everything: the engine's pool is gone.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The nonce that follows all that waits without a gap; `committed` is the sender's nonce in state.
    pub(crate) fn next(&self, sender: &Address, committed: u64) -> u64 {
        let pending = |nonces: &BTreeMap<Address, Nonces>| nonces.get(sender).map_or(0, |nonces| nonces.next);
        committed.max(pending(&self.senders)).max(pending(&self.before))
    }

    /// The transaction cannot wait. If it did before the last commit, its nonce is free again, unless it is used up in
    /// `state` or another transaction waits with it.
    pub(crate) fn refused(&mut self, state: &dyn StateRead, tx: &Signed) {
        let (sender, nonce) = (tx.tx.sender, tx.tx.nonce);
        let taken = self.senders.get(&sender).is_some_and(|nonces| nonces.hold(nonce));
        if taken || nonce < bank::nonce(state, &sender) {
            return;
        }
        if let Some(before) = self.before.get_mut(&sender) {
            before.next = before.next.min(nonce);
        }
    }

    /// Counts the transaction as pending for block `height`, or says why it cannot wait.
    pub(crate) fn admit(
        &mut self,
        state: &dyn StateRead,
        tx: &Signed,
        fee: Amount,
        height: u64,
    ) -> Result<(), ChainError> {
        let (sender, nonce) = (tx.tx.sender, tx.tx.nonce);
        let committed = bank::nonce(state, &sender);
        let fresh = Nonces { next: committed, ahead: 0, gapped_bytes: 0 };
        let pending = self.senders.get(&sender).copied().unwrap_or(fresh);
        let mut nonces = pending.with(nonce, committed)?;
        let payer = tx.payer();
        let balance = bank::balance(state, &payer, Denom::Vvv);
        let promised = self.fees.get(&payer).copied().unwrap_or_default();
        let total = promised.checked_add(fee).unwrap_or(Amount::MAX);
        if total > balance {
            return Err(ChainError::FeeFunds { payer, fee, available: balance.saturating_sub(promised) });
        }
        if nonces.next <= nonce {
            nonces.gapped_bytes = self.wait_behind_gap(tx, &nonces, height)?;
        } else {
            self.close_gap(&sender, &mut nonces, nonce);
        }
        self.senders.insert(sender, nonces);
        self.fees.insert(payer, total);
        Ok(())
    }

    /// Counts a transaction behind a gap; gives the sender's bytes behind it.
    fn wait_behind_gap(&mut self, tx: &Signed, nonces: &Nonces, height: u64) -> Result<usize, ChainError> {
        let refused = ChainError::NonceTooHigh { got: tx.tx.nonce, next: nonces.next };
        let sender_bytes = nonces.gapped_bytes.saturating_add(tx.size);
        let all_bytes = self.gapped_bytes.saturating_add(tx.size);
        if sender_bytes > GAPPED_BYTES_PER_SENDER || all_bytes > GAPPED_BYTES {
            return Err(refused);
        }
        let seen = *self.first_seen.entry((tx.tx.sender, tx.tx.nonce)).or_insert(height);
        if height.saturating_sub(seen) > GAPPED_BLOCKS {
            self.first_seen.remove(&(tx.tx.sender, tx.tx.nonce));
            return Err(refused);
        }
        self.gapped_bytes = all_bytes;
        Ok(sender_bytes)
    }

    /// The sender's next nonce came. Once nothing waits behind a gap any more, nothing is counted for it.
    fn close_gap(&mut self, sender: &Address, nonces: &mut Nonces, nonce: u64) {
        for closed in nonce..nonces.next {
            self.first_seen.remove(&(*sender, closed));
        }
        if nonces.ahead == 0 {
            self.gapped_bytes = self.gapped_bytes.saturating_sub(nonces.gapped_bytes);
            nonces.gapped_bytes = 0;
        }
    }
}

impl Nonces {
    fn with(self, nonce: u64, committed: u64) -> Result<Self, ChainError> {
        if nonce < committed {
            return Err(ChainError::NonceTooLow { got: nonce, next: self.next });
        }
        if self.hold(nonce) {
            return Err(ChainError::NonceTaken(nonce));
        }
        let distance = nonce.saturating_sub(self.next);
        if distance > AHEAD {
            return Err(ChainError::NonceTooHigh { got: nonce, next: self.next });
        }
        match distance.checked_sub(1) {
            None => Ok(self.advance()),
            Some(bit) => Ok(Self { ahead: self.ahead | 1 << bit, ..self }),
        }
    }

    /// Whether this nonce is below `next` or in `ahead`.
    fn hold(&self, nonce: u64) -> bool {
        let Some(distance) = nonce.checked_sub(self.next) else { return true };
        distance.checked_sub(1).is_some_and(|bit| bit < AHEAD && self.ahead >> bit & 1 == 1)
    }

    /// The next nonce has come, and with it those behind it that wait without a gap.
    fn advance(mut self) -> Self {
        loop {
            let follows = self.ahead & 1 == 1;
            self.ahead >>= 1;
            self.next = self.next.saturating_add(1);
            if !follows {
                return self;
            }
        }
    }
}
