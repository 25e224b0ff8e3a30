//! The pending overlay of the pool above the last commit: nonces, and what accounts must keep, so that several
//! transactions of one sender can follow each other before any is in a block.
//!
//! Of each account, in whatever role, the pool sets aside the fees of what waits and all VVV that the calls of what
//! waits can send away. A transaction is let in if the committed balance covers it beside that. So none can take the
//! fee of another, whichever of them come into blocks first, and the room in a proposal is paid for. What has yet to
//! arrive does not count: who wants to send on what somebody else has just sent waits for the block.
//!
//! Gossip may reorder and does not send again, so nonces up to [`AHEAD`] beyond the next one are remembered; when the
//! gap closes, all of them count. A commit clears everything but the room behind gaps, and the engine's rechecks
//! rebuild it in their order. Until they have, whoever asks for a sender's next nonce still hears of what waited
//! before.

use std::collections::BTreeMap;

use diem_bank as bank;
use diem_core::{Address, Amount, Denom, StateRead};
use diem_types::{ChainError, Signed};

use crate::gaps::Gaps;

/// The most that a nonce may lie ahead of the next one.
const AHEAD: u64 = 16;

/// The pending overlay: what transactions of the pool have claimed above the last commit.
#[derive(Default)]
pub(crate) struct Mempool {
    senders: BTreeMap<Address, Nonces>,
    /// The pending nonces before the last commit, which tell what is about to be checked again. A transaction that
    /// never is, because it left the engine's pool unseen, counts for one block more and no longer.
    before: BTreeMap<Address, Nonces>,
    /// The avvv that is set aside of each account.
    reserved: BTreeMap<Address, Amount>,
    gaps: Gaps,
}

/// A sender's pending nonces: all below `next`, and those in `ahead`, whose bit i stands for `next + 1 + i`.
#[derive(Debug, Clone, Copy)]
struct Nonces {
    next: u64,
    ahead: u16,
}

/// The place where an admitted transaction waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// It may be in the next block.
    InTurn,
    /// One before it has to come first.
    BehindGap,
}

impl Mempool {
    /// Forgets what waited when block `height` was committed, with `state` after it; rechecks bring it back.
    pub(crate) fn committed(&mut self, state: &dyn StateRead, height: u64) {
        self.before = std::mem::take(&mut self.senders);
        self.reserved.clear();
        self.gaps.committed(state, height);
    }

    /// Forgets everything: the engine's pool is gone.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The nonce that follows all that waits without a gap; `committed` is the sender's nonce in state.
    pub(crate) fn next(&self, sender: &Address, committed: u64) -> u64 {
        let pending = self.senders.get(sender).map_or(0, |nonces| nonces.next);
        committed.max(pending).max(self.next_before(sender))
    }

    fn next_before(&self, sender: &Address) -> u64 {
        self.before.get(sender).map_or(0, |nonces| nonces.next)
    }

    /// Notes that the transaction was refused. If it waited before the last commit, its nonce is free again, unless it
    /// is used up in `state` or another transaction waits with it.
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
    ) -> Result<Waits, ChainError> {
        let (sender, nonce) = (tx.tx.sender, tx.tx.nonce);
        let committed = bank::nonce(state, &sender);
        let fresh = Nonces { next: committed, ahead: 0 };
        let pending = self.senders.get(&sender).copied().unwrap_or(fresh);
        let nonces = pending.with(nonce, committed)?;
        let claims = self.claims(state, tx, fee)?;
        // Right after a commit a transaction may be checked before those that it follows. It waited in turn, and does.
        let in_turn = nonce < nonces.next || nonce < self.next_before(&sender);
        if in_turn {
            self.gaps.close(&sender, nonce..nonces.next);
        } else {
            let room = self.gaps.wait(sender, nonce, tx.size, committed > 0, height);
            room.map_err(|_| ChainError::NonceTooHigh { got: nonce, next: nonces.next })?;
        }
        self.senders.insert(sender, nonces);
        self.reserved.extend(claims);
        Ok(if in_turn { Waits::InTurn } else { Waits::BehindGap })
    }

    /// The amounts that the accounts of payer and sender have to keep once this transaction waits too.
    fn claims(&self, state: &dyn StateRead, tx: &Signed, fee: Amount) -> Result<[(Address, Amount); 2], ChainError> {
        let (sender, payer) = (tx.tx.sender, tx.payer());
        let spends = tx.tx.calls.iter().fold(Amount::ZERO, |sum, call| sum.saturating_add(call.message().spends()));
        let reserved = |account| self.reserved.get(account).copied().unwrap_or_default();
        let left = |account, reserved| bank::balance(state, account, Denom::Vvv).saturating_sub(reserved);

        let for_fees = reserved(&payer);
        let available = left(&payer, for_fees);
        if fee > available {
            return Err(ChainError::FeeFunds { payer, fee, available });
        }
        let with_fee = for_fees.saturating_add(fee);
        let before = if sender == payer { with_fee } else { reserved(&sender) };
        let available = left(&sender, before);
        if spends > available {
            return Err(ChainError::CallFunds { sender, needed: spends, available });
        }
        // Where both are one account, the second claim holds the first.
        Ok([(payer, with_fee), (sender, before.saturating_add(spends))])
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

    /// Advances past the next nonce, and past those behind it that wait without a gap.
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
